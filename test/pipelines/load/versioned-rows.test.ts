import { expect, test } from 'vitest';
import { columns } from '../../../data/kysely/columns.ts';
import { versionedRows } from '../../../data/versioned-rows.ts';
import { contractOf } from '../../../pipelines/load/contracts/index.ts';

const versionedTables = Object.keys(versionedRows) as (keyof typeof versionedRows)[];

test.each(versionedTables)('%s: key and times are those of its load contract', (table) => {
  const contract = contractOf(table);
  const { key, times } = versionedRows[table];
  const types: Record<string, string> = columns[`core.${table}`];
  expect(key).toEqual(contract.key);
  // Of a fact there is one time; a thing or a rate may have more, its creation first.
  const stated = contract.time ?? contract.since ?? ('created_at' in types ? 'created_at' : undefined);
  const first = stated ?? (table === 'exchange_rates' ? 'rate_date' : undefined);
  expect(times.slice(0, 1)).toEqual(first === undefined ? [] : [first]);
  expect(times.length <= 1 || contract.kind === 'thing').toBe(true);
  for (const time of times) expect(types[time]).toMatch(/^(timestamp|date)\b/);
});

test('a time that is a day says when it has happened', () => {
  for (const table of versionedTables) {
    const types: Record<string, string> = columns[`core.${table}`];
    const { times, day } = versionedRows[table];
    expect(times.some((time) => types[time]?.startsWith('date'))).toBe(day !== undefined);
  }
});
