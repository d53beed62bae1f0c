import type { Session } from '../../data/owner/session.ts';
import { namesSegment } from './named-segments.ts';

/** Who would miss a segment: ids, in order. */
export interface SegmentUsers {
  campaigns: string[];
  /** Active segments whose criteria refer to it. Lists that were frozen from it do not: they stay as they are. */
  segments: string[];
  /** Actions on who enters or leaves it. */
  triggers: string[];
  /** Active ones. */
  workflows: string[];
}

/** Everything saved whose definition names the segment. Models are files, which nobody searches. */
export async function segmentUsers(session: Session, id: string): Promise<SegmentUsers> {
  const triggers = await session.rows<{ trigger_id: string }>(
    'select trigger_id from ops.segment_triggers where segment_id = $1 order by 1',
    [id],
  );
  const users = async (sql: string) =>
    (await session.rows<{ id: string; definition: unknown }>(sql))
      .filter(({ definition }) => namesSegment(definition, id))
      .map((user) => user.id);
  return {
    campaigns: await users('select campaign_id as id, definition from ops.campaigns order by 1'),
    segments: await users(
      `select segment_id as id, criteria as definition from ops.segments where status = 'active' order by 1`,
    ),
    triggers: triggers.map(({ trigger_id: trigger }) => trigger),
    workflows: await users(
      `select workflow_id as id, definition from ops.workflows where status = 'active' order by 1`,
    ),
  };
}

/** 'the campaigns a, b and the segments c'; undefined where nobody uses it. */
export function describeUsers(users: SegmentUsers): string | undefined {
  const parts = (['campaigns', 'segments', 'triggers', 'workflows'] as const)
    .filter((kind) => users[kind].length > 0)
    .map((kind) => `the ${kind} ${users[kind].join(', ')}`);
  return parts.length === 0 ? undefined : parts.join(' and ');
}
