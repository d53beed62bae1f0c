import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Project } from '../../../data/project.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { cleanStaging } from '../../../pipelines/load/stage.ts';
import { tempFolder } from '../../support.ts';
import { counts, loadText, rowsOf } from './support.ts';

const ROWS = 300_000;

/** Runs the child and kills it, as `kill -9` does, a while after it printed `line`. Answers all it had printed. */
async function killAfter(dir: string, file: string, line: string, ms: number): Promise<string[]> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'kill-child.ts'), dir, file],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const printed: string[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    printed.push(text);
    if (text === line) await sleep(ms).then(() => child.kill('SIGKILL'));
  }
  await exited;
  return printed;
}

test.each([
  ['staged', 0],
  ['reading', 60],
  ['writing', 0],
  ['writing', 120],
  ['done', 0],
])('kill -9 %s + %i ms: all or nothing, and the load can be repeated', async (line, ms) => {
  const folder = tempFolder();
  const project = new Project(join(folder, 'project'));
  const csv = `ordered_at,amount,contact_id\n${Array.from({ length: ROWS }, (_, index) => `2026-01-01,${index}.00,c${index % 1000}`).join('\n')}\n`;
  const file = join(folder, 'orders.csv');
  writeFileSync(file, csv);
  const printed = await killAfter(project.dir, file, line, ms);
  const warehouse = await Warehouse.open(project);
  try {
    await cleanStaging(project);
    expect(readdirSync(project.staging)).toEqual([]);
    const [found] = await rowsOf<{ orders: number; contacts: number; loads: number }>(
      warehouse,
      `select (select count(*)::int from core.orders) as orders, (select count(*)::int from core.contacts) as contacts,
         (select count(*)::int from raw.loads) as loads`,
    );
    // What was acknowledged is there; what was not is there as a whole or not at all.
    const isThere = printed.includes('done') || found?.orders !== 0;
    expect(found).toEqual({
      orders: isThere ? ROWS : 0,
      contacts: isThere ? 1000 : 0,
      loads: isThere ? 1 : 0,
    });
    const again = await loadText(warehouse, 'orders', csv);
    expect(counts(again)).toEqual(isThere ? [ROWS, 0, 0, ROWS, 0] : [ROWS, ROWS, 0, 0, 0]);
  } finally {
    await warehouse.close();
  }
});
