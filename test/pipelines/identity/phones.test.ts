import examples from 'libphonenumber-js/examples.mobile.json' with { type: 'json' };
import { getCountries, getCountryCallingCode } from 'libphonenumber-js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nationalPhoneKeySql, quickPhoneKeySql } from '../../../pipelines/identity/phone-keys.ts';
import { phoneKey, regionOf } from '../../../pipelines/identity/phone-text.ts';
import { openTestWarehouse } from '../../support.ts';
import { loadText, rowsOf } from '../load/support.ts';

test('numbers as people write them, with and without a country; what is no number gets no key', () => {
  const cases: [string, string | undefined, string | undefined][] = [
    ['+49 (0)30 123456', undefined, '+4930123456'],
    ['030 / 12 34 56', 'DE', '+4930123456'],
    ['0049 30 123456', 'DE', '+4930123456'],
    ['030 123456', undefined, undefined],
    ['(415) 555-2671', 'US', '+14155552671'],
    ['020 7946 0958', 'GB', '+442079460958'],
    ['+39 06 1234 5678', undefined, '+390612345678'],
    ['+1 415 555 2671 ext. 5', undefined, undefined],
    ['12', 'DE', undefined],
    ['call me', 'DE', undefined],
    ['+49 30 1234567890123456', undefined, undefined],
  ];
  for (const [text, country, key] of cases) expect([text, phoneKey(text, country)]).toEqual([text, key]);
  expect(['Germany', 'de', ' USA', 'Türkiye', 'Atlantis'].map(regionOf)).toEqual([
    'DE',
    'DE',
    'US',
    'TR',
    undefined,
  ]);
});

const separator = fc.constantFrom('', '', '', ' ', '-', '.', ' (', ') ', '/', '\u00a0');
const codes = [...new Set(getCountries().map((country) => getCountryCallingCode(country)))];
const number = fc
  .tuple(
    fc.constantFrom(...getCountries()),
    fc.option(fc.tuple(fc.constantFrom(...codes), fc.stringMatching(/^[0-9]{5,11}$/)), { nil: null }),
    fc.array(separator, { minLength: 24, maxLength: 24 }),
    fc.boolean(),
  )
  .map(([country, made, separators, national]) => {
    const example = (examples as Record<string, string>)[country] ?? '5555555';
    const [code, digits] = made ?? [getCountryCallingCode(country), example];
    const text = (national ? digits : `${code}${digits}`)
      .split('')
      .map((digit, at) => digit + (separators[at] ?? ''))
      .join('');
    return { text: national ? text : `+${text}`, country };
  });

test('the quick way in SQL knows fewer numbers than libphonenumber, and never another', async () => {
  const { warehouse } = await openTestWarehouse();
  let known = 0;
  let total = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(number, { minLength: 300, maxLength: 300 }), async (numbers) => {
      const rows = await warehouse.read((session) =>
        session.rows<{ text: string; country: string; key: string | null }>(
          `select text, country, coalesce(${quickPhoneKeySql('text')}, ${nationalPhoneKeySql('text', 'country')}) as key
           from (select unnest(from_json($1, '[{"text":"VARCHAR","country":"VARCHAR"}]'), recursive := true))`,
          [JSON.stringify(numbers)],
        ),
      );
      const others = rows.filter(({ text, country, key }) => {
        // Undefined: a length that no number of the country has. Such a key matches itself alone.
        const full = phoneKey(text, country);
        return key !== null && full !== undefined && full !== key;
      });
      expect(others).toEqual([]);
      total += rows.length;
      known += rows.filter(({ key }) => key !== null).length;
    }),
    { numRuns: 20, endOnFailure: true },
  );
  expect(known).toBeGreaterThan(total / 10);
});

test('a load keys its numbers: by the contact’s country, the known one, or the account’s; a number taken away takes its key along', async () => {
  const { warehouse } = await openTestWarehouse();
  const keys = () =>
    rowsOf(warehouse, 'select contact_id, phone_key from core.contacts order by contact_id').then((rows) =>
      rows.map((row) => [row['contact_id'], row['phone_key']]),
    );
  const first =
    'contact_id,phone,country\na,030 123456,Germany\nb,"(415) 555-2671",US\nc,030 123456,\nd,,DE\n';
  await loadText(warehouse, 'contacts', first);
  expect(await keys()).toEqual([
    ['a', '+4930123456'],
    ['b', '+14155552671'],
    ['c', null],
    ['d', null],
  ]);
  expect((await loadText(warehouse, 'contacts', first)).rows_unchanged).toBe(4);
  await loadText(warehouse, 'contacts', 'contact_id,phone\na,\nd,030 99 99 99\ne,+33 1 23 45 67 89\n');
  expect(await keys()).toEqual([
    ['a', null],
    ['b', '+14155552671'],
    ['c', null],
    ['d', '+4930999999'],
    ['e', '+33123456789'],
  ]);
  const temporary = await rowsOf(warehouse, 'select table_name from duckdb_tables() where temporary');
  expect(temporary).toEqual([]);
});
