import { membershipQuery } from '../../../models/criteria/query.ts';
import type { Leaf } from '../../../models/criteria/intervals.ts';
import type { CriteriaCatalogue, SegmentDefinitions } from '../../../models/criteria/types.ts';
import type { SegmentEngine } from '../types.ts';
import type { Moves } from './moves.ts';
import { sqlTime } from './span.ts';
import type { Workspace } from './workspace.ts';

/**
 * The moves of leaves that are evaluated at some times only: each answer holds until the next time. All leaves share an
 * evaluation. Nothing holds before the first time.
 * @param times ascending, within the span
 */
export async function sampledMoves(
  work: Workspace,
  engine: SegmentEngine,
  leaves: readonly Leaf[],
  times: readonly Date[],
  options: { catalogue: CriteriaCatalogue; zone: string; segments: SegmentDefinitions },
): Promise<Moves[]> {
  if (leaves.length === 0) return [];
  const segments = leaves.map((criteria, index) => ({ id: `l${index}`, criteria }));
  const query = membershipQuery(segments, options);
  for (const error of query.errors.values()) throw error;
  const columns = leaves.map((_, index) => query.columns.get(`l${index}`) ?? '');
  const table = work.name('samples');
  await work.session.run(
    `create or replace temp table ${table} (contact_id varchar, moment timestamp, until timestamp, ${columns.map((column) => `${column} boolean`).join(', ')})`,
  );
  for (const [index, at] of times.entries()) {
    const { sql } = await engine.compileSql(query.malloy ?? '', { asOf: at, restricted: true });
    const until = times[index + 1] ?? work.span.until;
    await work.session.run(
      `insert into ${table} select distinct contact_id, ${sqlTime(at)}, ${sqlTime(until)}, ${columns.join(', ')} from (${sql}) where ${columns.join(' or ')}`,
    );
  }
  return Promise.all(
    columns.map(async (column) => ({
      table: await work.keep(
        'moves',
        `select contact_id, moment, 1 as move from ${table} where ${column}
         union all select contact_id, until, -1 from ${table} where ${column} and until < ${work.until}`,
      ),
      base: 0 as const,
    })),
  );
}
