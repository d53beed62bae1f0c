import { Readable } from 'node:stream';
import { MallardError } from '../../../data/errors.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import { versionedTables } from '../../../data/migrations/0003_versions.ts';
import { day, type Story, type Telling } from './story.ts';

/** A clock that stands where the story is. */
export interface StoryClock {
  at: Date;
  now(): Date;
}

/** Empties the warehouse and tells it a story, through the loader, one telling a day. */
export async function tell(warehouse: Warehouse, clock: StoryClock, story: Story): Promise<void> {
  await forgetEverything(warehouse);
  for (const [recorded, telling] of story.entries()) {
    clock.at = new Date(`${day(recorded)}Z`);
    await tellOne(warehouse, telling);
  }
}

/** Tells one thing more, now. */
export async function tellOne(warehouse: Warehouse, telling: Telling): Promise<void> {
  if (telling.kind === 'merge' || telling.kind === 'unmerge') await decide(warehouse, telling);
  else await load(warehouse, telling);
}

export async function forgetEverything(warehouse: Warehouse): Promise<void> {
  await warehouse.loads.transaction(async (tx) => {
    for (const table of versionedTables) {
      await tx.run(`delete from core.${table}`);
      await tx.run(`delete from history.${table}`);
    }
    await tx.run('delete from core.contact_canonicals');
    await tx.run('delete from core.contact_merges');
  });
}

async function load(
  warehouse: Warehouse,
  telling: Exclude<Telling, { kind: 'merge' | 'unmerge' }>,
): Promise<void> {
  const table = telling.kind === 'owners' ? 'owners' : telling.table;
  // A file has the same columns in every row: rows that say less come in a file of their own.
  const files = new Map<string, Record<string, unknown>[]>();
  const isDeletion = telling.kind === 'facts' && telling.replaces === true;
  if (telling.rows.length === 0 && !isDeletion) return;
  for (const row of telling.rows) {
    const shape = Object.keys(row).sort().join();
    files.set(shape, [...(files.get(shape) ?? []), row]);
  }
  const contents = [...files.values()].map((rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  if (contents.length === 0) contents.push('{"order_id":"none","ordered_at":"2020-01-01","amount":"x"}\n');
  for (const content of contents) {
    const path = await stageFile(warehouse.project, Readable.from([Buffer.from(content)]), `${table}.ndjson`);
    await loadTable(warehouse, {
      table,
      files: [{ path, name: `${table}.ndjson` }],
      source: 'story',
      format: 'ndjson',
      replaceSource: isDeletion,
    });
  }
}

/** Who is who is decided as an operator decides it; what cannot be decided (itself, merged with nobody) is left. */
async function decide(
  warehouse: Warehouse,
  telling: Extract<Telling, { kind: 'merge' | 'unmerge' }>,
): Promise<void> {
  if (telling.kind === 'merge') {
    const [a, b] = telling.contacts;
    if (a !== b) await mergeContacts(warehouse, a, b);
    return;
  }
  await unmerge(warehouse, telling.contact).catch((error: unknown) => {
    if (!(error instanceof MallardError && error.code === 'conflict')) throw error;
  });
}
