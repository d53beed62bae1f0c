import { expect, test } from 'vitest';
import { readListFile } from '../../../pipelines/segments/list-file.ts';

const read = (text: string, column?: string) => {
  const { contact_ids: ids, emails } = readListFile(text, 'list.csv', column);
  return [ids, emails];
};

test.each([
  [
    'one a line, ids and addresses',
    '00001\nann@example.com\r\n\n  7 \n',
    [['00001', '7'], ['ann@example.com']],
  ],
  [
    'a header of addresses',
    '\ufeffEmail\nann@example.com\nno address\n',
    [[], ['ann@example.com', 'no address']],
  ],
  ['a header of ids, which may look like addresses', 'contact_id\na@b\n1\n', [['a@b', '1'], []]],
  [
    'both, semicolons, quotes: the id counts where there is one',
    'Name;E-Mail Address;Contact ID\n"Meier; Ann";ann@example.com;7\nBo;bo@example.com;\nCy;;\n',
    [['7'], ['bo@example.com']],
  ],
  ['a quoted address', 'email\n"""a,b""@example.com"\n', [[], ['"a,b"@example.com']]],
  ['a line that is short', 'name,email\nAnn\nBo,bo@example.com\n', [[], ['bo@example.com']]],
])('%s', (_what, text, expected) => {
  expect(read(text)).toEqual(expected);
});

test('a column by its name', () => {
  expect(read('id\tmail to\n1\tann@example.com\n2\t3\n', 'Mail To')).toEqual([['3'], ['ann@example.com']]);
});

test.each([
  ['', /list\.csv is empty/],
  ['name,city\nAnn,Oslo\n', /no column of ids or addresses.*name, city/],
  ['email\n"ann@example.com\n', /no CSV/],
])('refused: %j', (text, message) => {
  expect(() => read(text)).toThrow(message);
});

test('a column that is not there is refused', () => {
  expect(() => read('name,city\nAnn,Oslo\n', 'mail')).toThrow(/has no column mail/);
});
