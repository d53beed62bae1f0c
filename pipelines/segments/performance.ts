import { DateTime } from 'luxon';
import { readAccount, type Account } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { frameOf } from '../../models/engine/metrics/frame.ts';
import { startOfDay } from '../../models/engine/metrics/periods.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { segmentDefinitions } from './definitions.ts';
import { justMissed } from './just-missed.ts';
import { getSegment, listSegments } from './listing.ts';
import { segmentAnswer, type SegmentAnswer } from './performance-answer.ts';
import { compileFacts, performanceSql, type GroupRow } from './performance-sql.ts';
import { recordedSince } from './runs.ts';
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
  const facts = await compileFacts(engine, asOf);
  const missed = await justMissed(engine, segments, {
    asOf,
    zone: account.time_zone,
    definitions: await segmentDefinitions(context),
  });
  const since = await warehouse.read(recordedSince);
  const startOf = (id: string) => {
    const recorded = since.get(id) ?? range.end;
    return recorded < range.start ? range.start : recorded > range.end ? range.end : recorded;
  };
  const rows = await warehouse.read((session) =>
    session.rows<GroupRow>(performanceSql(facts, missed.sql), {
      segments: JSON.stringify(
        segments.map(({ segment_id }, position) => ({
          segment_id,
          position,
          starts_at: toTimestamp(startOf(segment_id)),
        })),
      ),
      starts_at: toTimestamp(range.start),
      ends_at: toTimestamp(range.end),
    }),
  );
  return {
    as_of: utcText(asOf),
    start_date: range.start_date,
    end_date: range.end_date,
    time_zone: account.time_zone,
    currency: account.currency,
    segments: segments.map(({ segment_id, title, status }) => {
      const recorded = since.get(segment_id);
      return {
        segment_id,
        title,
        status,
        recorded_since: recorded === undefined ? null : utcText(recorded),
        from: utcText(startOf(segment_id)),
        to: utcText(range.end),
        ...segmentAnswer(segment_id, rows, missed.reasons.get(segment_id) ?? null),
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
