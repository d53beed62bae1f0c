import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { stageLocalFile } from '../../../pipelines/load/stage.ts';
import { isTableFile } from '../../../pipelines/sources/import/files.ts';
import { importSystem } from '../../../pipelines/sources/import/import.ts';
import type { SystemMapping } from '../../../pipelines/sources/import/mapping.ts';
import type { ImportedFile, ImportResult } from '../../../pipelines/sources/import/types.ts';
import { tempFolder } from '../../support.ts';

/** Stages a folder's tables and imports them, as the command line does. */
export async function importFolder(
  warehouse: Warehouse,
  mapping: SystemMapping,
  folder: string,
): Promise<ImportResult> {
  const files = [];
  for (const name of readdirSync(folder).filter(isTableFile).sort()) {
    files.push({ name, path: await stageLocalFile(warehouse.project, join(folder, name)) });
  }
  return importSystem(warehouse, mapping, { files, actor: 'a test' });
}

/** A folder of files, removed when the test ends. */
export function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = join(tempFolder(), 'export');
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

export function fileOf(result: ImportResult, file: string): ImportedFile {
  const found = result.files.find((one) => one.file === file);
  if (!found) throw new Error(`The import answered nothing of ${file}.`);
  return found;
}

/** read, inserted, updated, unchanged, rejected of one of our tables. */
export function intoCounts(result: ImportResult, file: string, table: string): number[] {
  const into = fileOf(result, file).into.filter((one) => one.table === table);
  const sum = (name: 'rows_read' | 'rows_inserted' | 'rows_updated' | 'rows_unchanged' | 'rows_rejected') =>
    into.reduce((total, one) => total + one[name], 0);
  return [
    sum('rows_read'),
    sum('rows_inserted'),
    sum('rows_updated'),
    sum('rows_unchanged'),
    sum('rows_rejected'),
  ];
}

/** Every figure of the result adds up. Answers what does not. */
export function accountsOf(result: ImportResult): string[] {
  return result.files.flatMap((file) => {
    const wrong: string[] = [];
    if (file.rows !== file.rows_used + file.rows_raw + file.rows_unreadable) wrong.push(`${file.file}: rows`);
    const kept = Object.values(file.reasons).reduce((sum, rows) => sum + rows, 0);
    if (kept !== file.rows_raw) wrong.push(`${file.file}: reasons`);
    for (const into of file.into) {
      const parts = into.rows_inserted + into.rows_updated + into.rows_unchanged + into.rows_rejected;
      if (parts !== into.rows_read) wrong.push(`${file.file} -> ${into.table}`);
    }
    return wrong;
  });
}
