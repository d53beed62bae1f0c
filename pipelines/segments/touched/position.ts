import type { Session } from '../../../data/owner/session.ts';

/** How far the evaluations of touched contacts have come. Times are UTC, as SQL takes them. */
export interface Position {
  /** The newest evaluation of all that went well: who was not touched since is as that one found. */
  wholeRun: string;
  /** The rowid of its newest row in `ops.segment_runs`: which later rows come after it. */
  afterRun: number;
  /** What it was as of. */
  wholeAsOf: string;
  /** Facts recorded before were looked at. */
  since: string;
  /** Facts that were true by then were looked at. */
  from: string;
}

/**
 * Where to go on. An evaluation of all tells of what the marts knew: what was recorded after their snapshot is looked at again.
 * Without a memory (the process has started) it goes on after the last evaluation of touched contacts that wrote something.
 * Undefined before the first evaluation of all.
 */
export async function readPosition(
  session: Session,
  known: Position | undefined,
): Promise<Position | undefined> {
  const whole = await session.one<Omit<Position, 'since' | 'from'> & { since: string }>(
    `select run_id as "wholeRun", r.rowid::int as "afterRun", r.as_of::varchar as "wholeAsOf", coalesce(
       (select arg_max(settled_before, s.rowid) from ops.mart_snapshots s where s.as_of = r.as_of),
       (select max(settled_before) from ops.mart_snapshots where recorded_at <= r.recorded_at),
       -- A file of an earlier version, whose builds left no snapshot: no load takes a day.
       r.recorded_at - interval 1 day)::varchar as since
     from ops.segment_runs r where error is null order by r.rowid desc limit 1`,
  );
  if (!whole) return undefined;
  if (known?.wholeRun === whole.wholeRun) return known;
  const later = await session.one<{ since: string; from: string }>(
    `select settled_before::varchar as since, as_of::varchar as from from ops.segment_touched_runs t
     where after_run >= $1 order by t.rowid desc limit 1`,
    [whole.afterRun],
  );
  if (later && !known) return { ...whole, ...later };
  // What was recorded by then and had yet to be looked at when the marts were built.
  const open = await session.one<{ since: string | null }>(
    `select min(recorded_since)::varchar as since from ops.segment_touched_runs where as_of >= $1::timestamp`,
    [whole.wholeAsOf],
  );
  const times = [whole.since, open?.since, known?.since].filter((time) => typeof time === 'string');
  return { ...whole, since: times.toSorted()[0] ?? whole.since, from: whole.wholeAsOf };
}
