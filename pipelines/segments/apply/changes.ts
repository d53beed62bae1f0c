import { isDeepStrictEqual } from 'node:util';
import type { Session } from '../../../data/owner/session.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import type { SegmentDefinition } from '../store.ts';
import type { Segment } from '../types.ts';

/** A segment as it is stored. */
export interface StoredSegment {
  segment_id: string;
  title: string;
  description: string | null;
  /** Null where it is of another kind. */
  criteria: Criteria | null;
  /** `criteria`, or a kind that no file defines. */
  kind: string;
  version: number;
  status: Segment['status'];
  /** UTC, ISO. */
  updated_at: string;
}

/** `restored`: it was archived, and becomes active again. */
export type Action = 'created' | 'changed' | 'restored' | 'unchanged' | 'archived';

/** What applying does to one segment. */
export interface SegmentChange {
  segment_id: string;
  action: Action;
  /** As it is stored; undefined where it is created. */
  before: StoredSegment | undefined;
  /** As it will be; undefined where it is archived. */
  after: SegmentDefinition | undefined;
  /** True where other contacts may be members by it. */
  isCriteriaChanged: boolean;
}

export async function storedSegments(session: Session): Promise<StoredSegment[]> {
  return session.rows<StoredSegment>(
    `select segment_id, title, description, criteria, kind, version, status, updated_at from ops.segments order by segment_id`,
  );
}

/** What happens to each definition's segment, and to those that are pruned, by id. */
export function changesOf(
  stored: readonly StoredSegment[],
  definitions: readonly SegmentDefinition[],
  pruned: readonly string[],
): SegmentChange[] {
  const byId = new Map(stored.map((segment) => [segment.segment_id, segment]));
  const changes = definitions.map((after): SegmentChange => {
    const before = byId.get(after.segment_id);
    const action = actionOf(before, after);
    const isCriteriaChanged =
      before?.status !== 'active' || !isDeepStrictEqual(before.criteria, after.criteria);
    return { segment_id: after.segment_id, action, before, after, isCriteriaChanged };
  });
  const gone = pruned.map((id): SegmentChange => ({
    segment_id: id,
    action: 'archived',
    before: byId.get(id),
    after: undefined,
    isCriteriaChanged: true,
  }));
  return [...changes, ...gone].sort((a, b) => (a.segment_id < b.segment_id ? -1 : 1));
}

function actionOf(before: StoredSegment | undefined, after: SegmentDefinition): Action {
  if (before === undefined) return 'created';
  if (before.status !== 'active') return 'restored';
  const { title, description, criteria } = after;
  const isSame = isDeepStrictEqual(
    { title, description, criteria },
    { title: before.title, description: before.description, criteria: before.criteria },
  );
  return isSame ? 'unchanged' : 'changed';
}
