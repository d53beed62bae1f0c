import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import { openTestWarehouse } from '../../support.ts';
import { openSample, type OpenSample } from './open-sample.ts';

let sample: OpenSample;
beforeAll(async () => {
  sample = await openSample({ contacts: 600 });
});
afterAll(() => sample.close());

test('the ordinary loader takes every file whole: no reject, no stub, no row twice', async () => {
  const { project, warehouse } = await openTestWarehouse();
  const loaded = [];
  for (const { table, path, rows } of sample.files) {
    const name = basename(path);
    const staged = await stageFile(project, createReadStream(path), name);
    const result = await loadTable(warehouse, { table, files: [{ path: staged, name }], source: 'sample' });
    const { rows_read, rows_rejected, stubs, columns_ignored } = result;
    loaded.push({ table, rows: rows_read, rows_rejected, stubs, columns_ignored });
    expect(rows_read).toBe(rows);
  }
  expect(loaded).toEqual(
    sample.files.map(({ table, rows }) => ({
      table,
      rows,
      rows_rejected: 0,
      stubs: {},
      columns_ignored: [],
    })),
  );
  await warehouse.read(async (session) => {
    for (const { table, rows } of sample.files) {
      const target = table === 'suppressions' ? 'ops.suppressions' : `core.${table}`;
      // What the rows of contacts and deals said before their changes came is asserted beside these.
      const own =
        table.endsWith('_changes') && table !== 'deal_stage_changes'
          ? `valid_from > timestamp '0001-01-01'`
          : 'true';
      const [row] = await session.rows<{ n: number }>(
        `select count(*)::int as n from ${target} where source = 'sample' and ${own}`,
      );
      expect({ table, rows: row?.n }).toEqual({ table, rows });
    }
  });
});
