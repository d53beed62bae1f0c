import { Readable } from 'node:stream';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { loadRaw, type RawRequest } from '../../../pipelines/load/load-raw.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import type { LoadRequest, LoadResult } from '../../../pipelines/load/types.ts';

/** Stages and loads content as a file of that name. */
export async function loadText(
  warehouse: Warehouse,
  table: string,
  content: string | Buffer,
  options: Partial<LoadRequest> & { name?: string } = {},
): Promise<LoadResult> {
  const { name = `${table}.csv`, ...request } = options;
  const path = await stageFile(warehouse.project, Readable.from([Buffer.from(content)]), name);
  return loadTable(warehouse, { table, files: [{ path, name }], ...request });
}

export async function loadRawText(
  warehouse: Warehouse,
  name: string,
  content: string | Buffer,
  options: Partial<RawRequest> & { file?: string } = {},
): Promise<LoadResult> {
  const { file = `${name}.csv`, ...request } = options;
  const path = await stageFile(warehouse.project, Readable.from([Buffer.from(content)]), file);
  return loadRaw(warehouse, { name, files: [{ path, name: file }], ...request });
}

export function rowsOf<T = Record<string, unknown>>(warehouse: Warehouse, sql: string): Promise<T[]> {
  return warehouse.read((session) => session.rows<T>(sql));
}

/** The counts alone: read, inserted, updated, unchanged, rejected. */
export function counts(result: LoadResult): number[] {
  return [
    result.rows_read,
    result.rows_inserted,
    result.rows_updated,
    result.rows_unchanged,
    result.rows_rejected,
  ];
}
