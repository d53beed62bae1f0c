import { expect, test } from 'vitest';
import { mentionPattern, namesSql } from '../../../pipelines/rights/matching.ts';
import type { Person } from '../../../pipelines/rights/person.ts';
import { registry } from '../../../pipelines/rights/registry.ts';
import { personalTables } from '../../../pipelines/rights/tables.ts';
import { openTestWarehouse } from '../../support.ts';
import { holdNobody } from './plant.ts';

test('the registry says of every table of the database what it holds of a person, and why', async () => {
  const { warehouse } = await openTestWarehouse();
  // Throws naming the tables that the registry does not know.
  const tables = await warehouse.read(personalTables);
  const { count } = (await warehouse.read((session) =>
    session.one<{ count: number }>(
      `select count(*)::int as count from information_schema.tables where table_type = 'BASE TABLE' and table_catalog = current_database()`,
    ),
  )) as { count: number };
  expect(tables).toHaveLength(count);
  for (const { name, rule } of tables) expect(rule.why.length, name).toBeGreaterThan(5);
});

test('only tables that hold nobody are neither searched nor changed', async () => {
  const { warehouse } = await openTestWarehouse();
  const tables = await warehouse.read(personalTables);
  const exempt = tables.filter(({ rule }) => rule.erase === 'none').map(({ name }) => name);
  expect(exempt.sort()).toEqual([...holdNobody].sort());
});

test('every column that the registry names is one of its table', async () => {
  const { warehouse } = await openTestWarehouse();
  const tables = await warehouse.read(personalTables);
  // Marts are made by the build; the others by migrations.
  const described = tables.filter(({ name }) => registry[name]);
  const wrong = described.flatMap(({ name, rule, columns }) => {
    const present = new Set(columns.map((column) => column.name));
    const named = [
      ...('keeps' in rule ? rule.keeps : []),
      ...('names' in rule ? Object.values(rule.names).flat() : []),
      ...(rule.erase === 'values'
        ? [...Object.keys(rule.tokens ?? {}), ...Object.keys(rule.replaces ?? {})]
        : []),
    ];
    return named.filter((column) => !present.has(column)).map((column) => `${name}.${column}`);
  });
  expect(wrong).toEqual([]);
});

test('a landed raw table needs no entry; a new table of ours does', async () => {
  const { warehouse } = await openTestWarehouse();
  await warehouse.loads.transaction((tx) => tx.run('create table raw.anything (x varchar)'));
  expect((await warehouse.read(personalTables)).map(({ name }) => name)).toContain('raw.anything');
  await warehouse.loads.transaction((tx) => tx.run('create table ops.new_thing (contact_id varchar)'));
  await expect(warehouse.read(personalTables)).rejects.toMatchObject({
    fields: { tables: ['ops.new_thing'] },
  });
});

const ann: Person = {
  contact_ids: ['7', '0036g00000AbCdE'],
  emails: ["o'ann+x@example.com"],
  address_keys: [],
  phones: ['+49 (170) 555-0001', '110'],
  other_ids: ['Ann'],
  delivery_ids: [],
  deal_ids: [],
};

test.each([
  ["o'ann+x@example.com", true],
  ["<O'ANN+X@EXAMPLE.COM>", true],
  ["/u?e=o'ann+x%40example.com&y", true],
  ["/u?u=x%3Do'ann+x%40example.com%26y", true],
  ["write to o'ann+x@example.com.", true],
  ["write to o'ann+x@example.com. Then", true],
  ["joo'ann+x@example.com", false],
  ["o'ann+x@example.com.au", false],
  ["o'ann+x@example.community", false],
  ['call +491705550001 now', true],
  ['0049 170 555 00 01', true],
  ['49 170-5550001', true],
  ['4917055500012', false],
  ['14917055500010', false],
  ['call 110', false],
  ['who 0036g00000abcde is', true],
  ['7 of 7', false],
  ['Ann was here', false],
])('a mention of the person: %s %s', (text, isMention) => {
  expect(new RegExp(mentionPattern(ann) ?? '').test(text.toLowerCase())).toBe(isMention);
});

test('the pattern means the same to DuckDB; an id with a quote breaks no statement', async () => {
  const { warehouse } = await openTestWarehouse();
  const row = await warehouse.read((session) =>
    session.one<{ found: boolean; other: boolean; own: boolean }>(
      `select regexp_matches('<o''ann+x@example.com>', p) as found, regexp_matches('o''ann+x@example.com.au', p) as other,
         ${namesSql({ contact: ['id'] }, { ...ann, contact_ids: ["x'y"] })} as own
       from (select $1::varchar as p, 'x''y' as id)`,
      [mentionPattern(ann)],
    ),
  );
  expect(row).toEqual({ found: true, other: false, own: true });
});
