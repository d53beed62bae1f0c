import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import type { Segment, SegmentContext } from './types.ts';

/** One version of a saved segment's criteria. */
export interface Definition {
  version: number;
  criteria: Criteria;
}

/** A version as it was saved; undefined where there is none such. */
export async function definitionOf(
  session: Session,
  segmentId: string,
  version: number,
): Promise<Definition | undefined> {
  const row = await session.one<{ criteria: Criteria | null }>(
    'select criteria from ops.segment_versions where segment_id = $1 and version = $2',
    [segmentId, version],
  );
  return row?.criteria ? { version, criteria: row.criteria } : undefined;
}

/**
 * What decided about members at a past time: the version of the last evaluation up to then. Without a time, or where there was
 * no evaluation yet, what is saved now.
 */
export async function definitionAt(
  { warehouse }: SegmentContext,
  segment: Segment,
  at: Date | undefined,
): Promise<Definition | undefined> {
  const evaluated =
    at &&
    (await warehouse.read(async (session) => {
      const run = await lastRun(session, segment.segment_id, at);
      return run && definitionOf(session, segment.segment_id, run.version);
    }));
  if (evaluated) return evaluated;
  return segment.criteria ? { version: segment.version, criteria: segment.criteria } : undefined;
}

export interface PastRun {
  run_id: string;
  version: number;
  /** UTC. */
  as_of: string;
  recorded_at: string;
}

/** The last evaluation of a segment that went well, as of a time or before it. Rows are numbered in the order of writing. */
export async function lastRun(session: Session, segmentId: string, at: Date): Promise<PastRun | undefined> {
  return session.one<PastRun>(
    `select run_id, version, as_of, recorded_at from ops.segment_runs r
     where segment_id = $1 and error is null and as_of <= $2::timestamp order by r.rowid desc limit 1`,
    [segmentId, toTimestamp(at)],
  );
}
