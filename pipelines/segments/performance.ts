import { DateTime } from 'luxon';
import { readAccount, type Account } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { frameOf } from '../../models/engine/metrics/frame.ts';
import { startOfDay } from '../../models/engine/metrics/periods.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { justMissed } from './just-missed.ts';
import { getSegment, listSegments } from './listing.ts';
import { groupedAmounts, segmentAnswer, type SegmentAnswer } from './performance-answer.ts';
import { compileFacts, performanceSql, type AmountRow } from './performance-sql.ts';
import type { Segment, SegmentContext } from './types.ts';

export interface SegmentPerformance extends SegmentAnswer {
  segment_id: string;
  title: string;
  status: Segment['status'];
  /** UTC: its first evaluation; null where it was never evaluated. */
  recorded_since: string | null;
  /** UTC: what its figures are about: the range, not before `recorded_since`. */
  from: string;
  to: string;
}

export interface PerformanceReport {
  /** UTC: the last build. Facts and messages are as they were known then. */
  as_of: string;
  /** First day, and the day after the last, in the account's zone; nothing after `as_of` counts. */
  start_date: string;
  end_date: string;
  time_zone: string;
  /** Of revenue. */
  currency: string;
  segments: SegmentPerformance[];
}

export interface PerformanceOptions {
  /** Default: all active ones. */
  segmentId?: string | undefined;
  /** Days of the account's zone, `to` excluded. Default: up to the last build, from 90 days before. */
  from?: string | undefined;
  to?: string | undefined;
}

const defaultDays = 90;

/**
 * What members did while they were members, by the recorded intervals, against the base (everybody else, and they themselves
 * when they were not) and against who just missed it: see just-missed.ts. As who just missed is known as of the last build only,
 * what they did in the range may be why they missed.
 * @throws `not_found`; `bad_request` (from, to); `conflict` where nothing was built
 */
export async function segmentPerformance(
  context: SegmentContext,
  options: PerformanceOptions,
): Promise<PerformanceReport> {
  const { warehouse, engine } = context;
  const { segmentId } = options;
  const segments =
    segmentId === undefined ? await listSegments(context) : [await getSegment(context, segmentId)];
  const asOf = await resolveAsOf(warehouse, undefined);
  const account = readAccount(warehouse.project);
  const range = rangeOf(options, asOf, account);
  const [facts, missed] = [
    await compileFacts(engine, asOf),
    await justMissed(engine, segments, { asOf, zone: account.time_zone }),
  ];
  const since = await recordedSince(context);
  const windows = segments.map(({ segment_id }, position) => {
    const recorded = since.get(segment_id);
    const start = Math.min(
      Math.max(range.start.getTime(), recorded?.getTime() ?? Infinity),
      range.end.getTime(),
    );
    return { segment_id, position, starts_at: toTimestamp(new Date(start)) };
  });
  const rows = await warehouse.read((session) =>
    session.rows<AmountRow>(performanceSql(facts, missed.sql), {
      segments: JSON.stringify(windows),
      starts_at: toTimestamp(range.start),
      ends_at: toTimestamp(range.end),
    }),
  );
  const amounts = groupedAmounts(rows);
  return {
    as_of: utcText(asOf),
    start_date: range.start_date,
    end_date: range.end_date,
    time_zone: account.time_zone,
    currency: account.currency,
    segments: segments.map((segment, position) => {
      const reason = missed.reasons.get(segment.segment_id) ?? null;
      const recorded = since.get(segment.segment_id);
      return {
        segment_id: segment.segment_id,
        title: segment.title,
        status: segment.status,
        recorded_since: recorded === undefined ? null : utcText(recorded),
        from: utcText(new Date(`${windows[position]?.starts_at}Z`)),
        to: utcText(range.end),
        ...segmentAnswer(segment.segment_id, amounts, reason),
      };
    }),
  };
}

/** The range in the account's zone; it ends with the last build at the latest. */
function rangeOf({ from, to }: PerformanceOptions, asOf: Date, account: Account) {
  const zone = account.time_zone;
  const last = to === undefined ? DateTime.fromJSDate(asOf, { zone }) : startOfDay(to, zone);
  const first = from ?? last.minus({ days: defaultDays }).toISODate() ?? undefined;
  const { range } = frameOf({ from: first, to, asOf }, account);
  if (range.start >= asOf) {
    throw new MallardError(
      'bad_request',
      `from: ${range.start_date} is not before the last build, ${utcText(asOf)}.`,
      {
        fields: { field: 'from', built_as_of: utcText(asOf) },
        remedy: 'Ask for earlier days, or run `mallard build` first.',
      },
    );
  }
  return { ...range, end: range.end < asOf ? range.end : asOf };
}

async function recordedSince({ warehouse }: SegmentContext): Promise<Map<string, Date>> {
  const rows = await warehouse.read((session) =>
    session.rows<{ segment_id: string; as_of: string }>(
      'select segment_id, min(as_of) as as_of from ops.segment_runs where error is null group by segment_id',
    ),
  );
  return new Map(rows.map(({ segment_id, as_of }) => [segment_id, new Date(as_of)]));
}
