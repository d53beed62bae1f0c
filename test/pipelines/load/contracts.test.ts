import { expect, test } from 'vitest';
import { contractOf, contracts } from '../../../pipelines/load/contracts/index.ts';
import { openTestWarehouse } from '../../support.ts';
import { rowsOf } from './support.ts';

/** Filled in by the loader itself. */
const stamps = ['source', 'recorded_at', 'is_stub', 'described_at', 'first_seen_at', 'phone_key'];
/** Made by pipelines/identity, from what it decides. */
const decided = `'contact_merges', 'contact_canonicals'`;

test('the contracts have exactly the columns, types and duties of the tables', async () => {
  const { warehouse } = await openTestWarehouse();
  const tables = await rowsOf<{ name: string; columns: { name: string; type: string; required: boolean }[] }>(
    warehouse,
    `select schema_name || '.' || table_name as name,
       list({name: column_name, type: data_type, required: not is_nullable and column_default is null} order by column_index) as columns
     from duckdb_columns() where (schema_name = 'core' and table_name not in (${decided})) or (schema_name = 'ops' and table_name = 'suppressions') group by all`,
  );
  expect([...contracts.values()].map((contract) => contract.target).sort()).toEqual(
    tables.map((table) => table.name).sort(),
  );
  for (const contract of contracts.values()) {
    const table = tables.find((one) => one.name === contract.target);
    const declared = contract.columns
      .filter((column) => !column.isInputOnly)
      .map(({ name, type }) => ({ name, type }));
    const actual = table?.columns.filter((column) => !stamps.includes(column.name)) ?? [];
    expect(declared, contract.target).toEqual(actual.map(({ name, type }) => ({ name, type })));
    // What the table must have, the file must bring, or the loader: a default, a made key, a derived value.
    for (const column of actual.filter((one) => one.required)) {
      const own = contract.columns.find((one) => one.name === column.name);
      const isFilled =
        own?.required ||
        own?.default !== undefined ||
        own?.derivedFrom !== undefined ||
        contract.key[0] === column.name;
      expect(isFilled, `${contract.target}.${column.name}`).toBe(true);
    }
  }
});

test('keys, times, references and tracked fields are columns of their contract', () => {
  for (const contract of contracts.values()) {
    const names = contract.columns.map((column) => column.name);
    const used = [
      ...contract.key,
      ...(contract.time ? [contract.time] : []),
      ...(contract.references ?? []).map((reference) => reference.column),
      ...(contract.history?.fields ?? []),
      ...(contract.oneOf ?? []),
    ];
    expect(
      used.filter((name) => !names.includes(name)),
      contract.table,
    ).toEqual([]);
  }
});

test('an unknown table is refused with the names there are', () => {
  expect(() => contractOf('contact')).toThrow(
    /did you mean contacts\?.*companies, company_changes, consent_events, contact_changes/s,
  );
  expect(contractOf('core.orders').table).toBe('orders');
});
