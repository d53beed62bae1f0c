import { isDeepStrictEqual } from 'node:util';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { getSegment } from './listing.ts';
import { replaceSegmentIds } from './named-segments.ts';
import { checkId, checkTitle, refuseTagged } from './store.ts';
import type { Segment, SegmentContext } from './types.ts';

export interface Renaming {
  /** The new id; its history and whoever names it follow. Default: as it is. */
  segment_id?: string | undefined;
  title?: string | undefined;
  description?: string | null | undefined;
}

/** What is recorded of a segment by its id. The log of actions, and runs of campaigns, say the id of their day. */
const recorded = [
  'segment_versions',
  'segment_runs',
  'segment_changes',
  'segment_memberships_open',
  'segment_list_changes',
  'segment_triggers',
] as const;

/** Definitions that may name a segment: table, key, column. A segment's past criteria follow too: they may be taken up again. */
const naming = [
  ['ops.campaigns', 'campaign_id', 'definition'],
  ['ops.workflows', 'workflow_id', 'definition'],
  ['ops.segments', 'segment_id', 'criteria'],
  ['ops.segment_versions', "segment_id || '/' || version", 'criteria'],
] as const;

/**
 * Gives a saved segment another id, title or description; no new version, since nobody enters or leaves by it.
 *
 * A new id takes along definitions, runs, changes and open memberships, and every definition that names the old one, in one
 * transaction. These tables are the build's and the ledger's: both lanes are held meanwhile, the build first, so that no
 * transaction of the other is open whose changes could vanish. The ledger waits as long as the update takes: some tenths of
 * a second where the segment has 500,000 changes.
 *
 * @throws `bad_request` (id or title); `not_found`; `conflict` where it is a Malloy segment, or the new id is or was another's
 */
export async function renameSegment(
  context: SegmentContext,
  id: string,
  { segment_id: newId = id, title, description }: Renaming,
): Promise<Segment> {
  const { warehouse } = context;
  const segment = await getSegment(context, id);
  if (segment.kind === 'malloy') {
    throw new MallardError('conflict', `${id} is a Malloy segment.`, {
      fields: { segment_id: id },
      remedy: 'Change its #(segment) tag in the model file.',
    });
  }
  checkId(newId);
  checkTitle(title ?? segment.title);
  const describe = async (tx: Session) => {
    const changed = await tx.run(
      `update ops.segments set title = coalesce($2, title), description = case when $3 then $4 else description end,
         updated_at = $5::timestamp where segment_id = $1`,
      [id, title ?? null, description !== undefined, description ?? null, toTimestamp(warehouse.clock.now())],
    );
    if (changed === 0) await getSegment(context, id);
  };
  if (newId === id) {
    await warehouse.ledger.transaction(describe);
  } else {
    refuseTagged(await context.engine.catalogue(), newId);
    await warehouse.build.exclusive(() =>
      warehouse.ledger.transaction(async (tx) => {
        await describe(tx);
        await refuseTaken(tx, newId);
        await moveHistory(tx, id, newId);
      }),
    );
  }
  return getSegment(context, newId);
}

/** An id that a segment had once stays its: two histories under one id could not be told apart. */
async function refuseTaken(tx: Session, id: string): Promise<void> {
  const taken = await tx.one(
    ['segments', ...recorded]
      .map((table) => `(select 1 from ops.${table} where segment_id = $1 limit 1)`)
      .join(' union all '),
    [id],
  );
  if (!taken) return;
  throw new MallardError('conflict', `The id ${id} is, or was, another segment's.`, {
    fields: { segment_id: id },
    remedy: 'Choose an id that was never used.',
  });
}

async function moveHistory(tx: Session, id: string, newId: string): Promise<void> {
  for (const table of ['segments', ...recorded])
    await tx.run(`update ops.${table} set segment_id = $2 where segment_id = $1`, [id, newId]);
  for (const [table, key, column] of naming) {
    const rows = await tx.rows<{ key: string; definition: unknown }>(
      `select ${key} as key, ${column} as definition from ${table} where contains(${column}::varchar, $1)`,
      [id],
    );
    for (const { key: rowKey, definition } of rows) {
      const replaced = replaceSegmentIds(definition, (named) => (named === id ? newId : named));
      if (isDeepStrictEqual(replaced, definition)) continue;
      await tx.run(`update ${table} set ${column} = $2::json where ${key} = $1`, [
        rowKey,
        JSON.stringify(replaced),
      ]);
    }
  }
}
