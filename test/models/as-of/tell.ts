import { Readable } from 'node:stream';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
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
  const pairs: [string, string][] = [];
  for (const [recorded, telling] of story.entries()) {
    clock.at = new Date(`${day(recorded)}Z`);
    if (telling.kind === 'merge' || telling.kind === 'unmerge')
      await decide(warehouse, pairs, telling, recorded);
    else await load(warehouse, telling);
  }
}

async function forgetEverything(warehouse: Warehouse): Promise<void> {
  await warehouse.loads.transaction(async (tx) => {
    for (const table of versionedTables) {
      await tx.run(`delete from core.${table}`);
      await tx.run(`delete from history.${table}`);
    }
    await tx.run('delete from core.contact_canonicals');
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

/** Writes who stands for whom: the earliest created, those without a time of creation last, then the smallest id. */
async function decide(
  warehouse: Warehouse,
  pairs: [string, string][],
  telling: Extract<Telling, { kind: 'merge' | 'unmerge' }>,
  recorded: number,
): Promise<void> {
  if (telling.kind === 'merge') pairs.push(telling.contacts);
  else pairs.splice(0, pairs.length, ...pairs.filter((pair) => !pair.includes(telling.contact)));
  const order = ['c0', 'c1', 'c2', 'c3', 'c4'];
  const canonical = new Map(order.map((id) => [id, id]));
  for (const [a, b] of pairs) {
    const [x, y] = [canonical.get(a) ?? a, canonical.get(b) ?? b];
    const first = order.indexOf(x) < order.indexOf(y) ? x : y;
    for (const [id, of] of canonical) if (of === x || of === y) canonical.set(id, first);
  }
  const now = `timestamp '${day(recorded)}'`;
  const rows = [...canonical].filter(([id, of]) => id !== of).map(([id, of]) => `('${id}', '${of}')`);
  const wanted =
    rows.length === 0
      ? `select '' as id, '' as of_id limit 0`
      : `select * from (values ${rows.join(', ')}) t(id, of_id)`;
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(
      `update core.contact_canonicals set superseded_at = ${now} where superseded_at is null
         and (contact_id, canonical_contact_id) not in (${wanted})`,
    );
    await tx.run(
      `insert into core.contact_canonicals select id, of_id, ${now}, null from (${wanted})
       where id not in (select contact_id from core.contact_canonicals where superseded_at is null)`,
    );
  });
}
