import { stat } from 'node:fs/promises';
import { recordMerges, type MergePair } from '../../identity/merge.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { loadRaw } from '../../load/load-raw.ts';
import { withStagedFiles, type Scratch } from '../../load/scratch.ts';
import { identifier, literal } from '../../load/sql.ts';
import type { LoadFile } from '../../load/types.ts';
import { classifyActed } from './agents.ts';
import { applyDeletions } from './deletions.ts';
import { assignTables, rawTableOf } from './files.ts';
import { keepUnused, rejectUnreadable } from './leftovers.ts';
import { applies, attributeColumns, querySource, type StagedTables } from './load-sql.ts';
import { agentsTable, tablesRead, type SystemMapping } from './mapping.ts';
import { nowOf, runLoad, type UsedRows } from './run-load.ts';
import { stageTable, type StagedTable } from './staged-table.ts';
import type { ImportedFile, ImportedInto, ImportProgress, ImportRequest, ImportResult } from './types.ts';

/**
 * Imports a folder of a system's export: its tables become ours by the system's mapping, through the ordinary loader; whatever is not
 * understood is kept in `raw`. Every load is a transaction of its own, so an import that is cut off is completed by importing
 * again; importing the same files again changes nothing.
 * @throws `bad_request` where no file is known, or two are one table; what `loadTable` throws
 */
export async function importSystem(
  warehouse: Warehouse,
  mapping: SystemMapping,
  request: ImportRequest,
  onProgress: (progress: ImportProgress) => void = () => undefined,
): Promise<ImportResult> {
  return withStagedFiles(warehouse.project, request.files, (scratch) =>
    new Import(warehouse, mapping, request, scratch, onProgress).run(),
  );
}

class Import {
  readonly #warehouse: Warehouse;
  readonly #mapping: SystemMapping;
  readonly #request: ImportRequest;
  readonly #scratch: Scratch;
  readonly #onProgress: (progress: ImportProgress) => void;
  readonly #tables = new Map<string, StagedTable>();
  readonly #used: UsedRows = [];
  readonly #skipped = new Map<string, string[]>();
  readonly #into = new Map<string, ImportedInto[]>();
  readonly #deleted: Record<string, number> = {};

  constructor(
    warehouse: Warehouse,
    mapping: SystemMapping,
    request: ImportRequest,
    scratch: Scratch,
    onProgress: (progress: ImportProgress) => void,
  ) {
    this.#warehouse = warehouse;
    this.#mapping = mapping;
    this.#request = request;
    this.#scratch = scratch;
    this.#onProgress = onProgress;
  }

  async run(): Promise<ImportResult> {
    const files = assignTables(this.#mapping, this.#request.files);
    const known = tablesRead(this.#mapping);
    for (const [table, file] of files) if (known.has(table)) await this.#stage(table, file);
    await this.#classify();
    for (const load of this.#mapping.loads) {
      if (!applies(load, this.#tables)) continue;
      this.#onProgress({ step: 'loading', name: load.target });
      const args = [this.#warehouse, this.#mapping.system, load, this.#tables, this.#scratch] as const;
      const { into, used, skipped } = await runLoad(...args);
      this.#used.push(...used);
      if (into) this.#into.set(load.from, [...(this.#into.get(load.from) ?? []), into]);
      this.#skipped.set(load.from, [...(this.#skipped.get(load.from) ?? []), skipped]);
      const deleted = await applyDeletions(...args);
      if (deleted > 0) this.#deleted[load.target] = (this.#deleted[load.target] ?? 0) + deleted;
    }
    const merges = await this.#merge();
    const imported: ImportedFile[] = [];
    for (const [table, file] of files) imported.push(await this.#settle(table, file));
    this.#onProgress({ step: 'done', name: '' });
    return { system: this.#mapping.system, files: imported, merges, deleted: this.#deleted };
  }

  async #stage(table: string, file: LoadFile): Promise<void> {
    this.#onProgress({ step: 'reading', name: file.name });
    if (await isEmpty(file.path)) return;
    const staged = await this.#warehouse.loads.exclusive((session) =>
      stageTable(session, table, file, this.#scratch),
    );
    this.#tables.set(table, staged);
  }

  async #classify(): Promise<void> {
    const { actedEvents } = this.#mapping;
    const staged = actedEvents && this.#tables.get(actedEvents.from);
    if (!actedEvents || !staged || !actedEvents.requires.every((name) => staged.columns.includes(name)))
      return;
    this.#tables.set(
      agentsTable,
      await classifyActed(this.#warehouse, actedEvents, this.#tables, this.#scratch),
    );
  }

  async #merge(): Promise<ImportResult['merges']> {
    const merges: ImportResult['merges'] = [];
    for (const rule of this.#mapping.merges) {
      const staged = this.#tables.get(rule.from);
      if (!staged || !rule.requires.every((name) => staged.columns.includes(name))) continue;
      const found = await this.#warehouse.read((session) =>
        session.rows<Pick<MergePair, 'contact_id' | 'other_contact_id' | 'evidence'>>(
          `select contact_id, other_contact_id, evidence from (${rule.sql(querySource(this.#tables))}) order by 1, 2`,
        ),
      );
      const stamp = {
        rule: rule.rule,
        source: this.#mapping.system,
        recorded_by: this.#request.actor ?? null,
      };
      const { recorded } = await recordMerges(
        this.#warehouse,
        found.map((pair) => ({ ...pair, ...stamp })),
      );
      const same = merges.find((one) => one.rule === rule.rule);
      if (same) Object.assign(same, { pairs: same.pairs + found.length, recorded: same.recorded + recorded });
      else merges.push({ rule: rule.rule, pairs: found.length, recorded });
      if (rule.isDerived) continue;
      this.#used.push({
        table: rule.from,
        from: `(select distinct _row from (${rule.sql(querySource(this.#tables))}))`,
      });
    }
    return merges;
  }

  /** What became of a file: the rest of it goes to `raw`. */
  async #settle(table: string, file: LoadFile): Promise<ImportedFile> {
    const staged = this.#tables.get(table);
    if (!staged) return this.#keepWhole(table, file);
    const unreadable = await rejectUnreadable(
      this.#warehouse,
      this.#mapping.system,
      staged,
      nowOf(this.#warehouse),
    );
    if (staged.rows > 0) this.#onProgress({ step: 'keeping', name: file.name });
    const fate = { used: this.#used, skipped: this.#skipped.get(table) ?? [] };
    const kept =
      staged.rows === 0
        ? { rows: 0, table: null, reasons: {} }
        : await keepUnused(this.#warehouse, this.#mapping, staged, fate, this.#scratch);
    return {
      file: file.name,
      table,
      status: staged.rows + unreadable === 0 ? 'empty' : 'mapped',
      rows: staged.rows + unreadable,
      rows_used: staged.rows - kept.rows,
      rows_raw: kept.rows,
      rows_unreadable: unreadable,
      raw_table: kept.table,
      reasons: kept.reasons,
      into: this.#into.get(table) ?? [],
      columns_unused: await unusedColumns(this.#warehouse, this.#mapping, staged, this.#tables),
    };
  }

  async #keepWhole(table: string, file: LoadFile): Promise<ImportedFile> {
    const none = { rows_used: 0, into: [], columns_unused: [], reasons: {} };
    const base = { file: file.name, table, ...none };
    if (await isEmpty(file.path))
      return { ...base, status: 'empty', rows: 0, rows_raw: 0, rows_unreadable: 0, raw_table: null };
    this.#onProgress({ step: 'keeping', name: file.name });
    const name = rawTableOf(this.#mapping, table);
    const result = await loadRaw(this.#warehouse, { name, source: this.#mapping.system, files: [file] });
    const rows = result.rows_inserted + result.rows_unchanged;
    return {
      ...base,
      status: result.rows_read === 0 ? 'empty' : 'raw',
      rows: result.rows_read,
      rows_raw: rows,
      rows_unreadable: result.rows_rejected,
      raw_table: `raw.${name}`,
      reasons: { [this.#mapping.keptRaw[table] ?? 'not a table that is known']: rows },
    };
  }
}

async function isEmpty(path: string): Promise<boolean> {
  return (await stat(path)).size === 0;
}

/** Columns with a value in some row that is used, that no load reads and no attributes keep. */
async function unusedColumns(
  warehouse: Warehouse,
  mapping: SystemMapping,
  staged: StagedTable,
  tables: StagedTables,
): Promise<string[]> {
  const read = tablesRead(mapping).get(staged.table) ?? new Set<string>();
  for (const load of mapping.loads) {
    if (load.from !== staged.table || !applies(load, tables)) continue;
    for (const column of attributeColumns(load, staged).keys()) read.add(column);
  }
  const others = staged.columns.filter((column) => !read.has(column) && !column.startsWith('_fivetran'));
  if (others.length === 0 || staged.rows === 0) return [];
  const counts = others.map((column, index) => `count(${identifier(column)}) > 0 as c${index}`);
  const found = await warehouse.read((session) =>
    session.one<Record<string, boolean>>(
      `select ${counts.join(', ')} from read_parquet(${literal(staged.path)})`,
    ),
  );
  return others.filter((_, index) => found?.[`c${index}`]);
}
