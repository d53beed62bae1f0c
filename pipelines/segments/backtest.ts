import { DateTime } from 'luxon';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { builtOrNow, utcText } from './as-of.ts';
import { stepStarts, type BacktestStep } from './backtest-periods.ts';
import type { LeafNote, SegmentIntervals } from './intervals/intervals.ts';
import { outcomesAfter, type Outcome } from './intervals/outcomes.ts';
import { withIntervals, type IntervalContext } from './intervals/run.ts';
import type { Workspace } from './intervals/workspace.ts';
import { getSegment } from './listing.ts';
import { accountZone } from './zone.ts';

export interface BacktestOptions {
  /** A tree or the flat list, untrusted; or a saved segment by its id. One of the two. */
  criteria?: unknown;
  segmentId?: string | undefined;
  /** Default: three years before `to`. */
  from?: Date | undefined;
  /** Default: what the marts were built as of, or now. */
  to?: Date | undefined;
  /** Default week. */
  step?: BacktestStep | undefined;
  /** How long after an entry is looked at. Default 30. */
  days?: number | undefined;
  /** Default ten minutes. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface BacktestPeriod {
  /** UTC; until the next period's start. */
  starts_at: string;
  /** As of `starts_at`. */
  member_count: number;
  /** After `starts_at`, up to and at the next period's. */
  entered_count: number;
  left_count: number;
}

export interface Backtest {
  from: string;
  to: string;
  step: BacktestStep;
  periods: BacktestPeriod[];
  /** At the end. */
  member_count: number;
  /** Stays that began within the time. */
  entered_count: number;
  left_count: number;
  /**
   * Days: half of the stays that began within the time lasted longer (Kaplan and Meier, since some still last). Null where
   * fewer have ended.
   */
  stay_days_median: number | null;
  /** Present members by how long they have been in. */
  members_by_age: AgeGroup[];
  /** What happened in the `days` days from an entry on, of entries for which those days are over. */
  outcomes: { days: number; entry_count: number; measures: Outcome[] };
  leaves: LeafNote[];
}

export interface AgeGroup {
  /** Both null: in from the start of the time looked at, or for longer. */
  days_min: number | null;
  /** Not included; null: no end. */
  days_max: number | null;
  member_count: number;
  share: number;
}

const id = 'backtest';

/**
 * Who would have been in a segment over the last years: every moment of them, as if it had been there. Writes nothing.
 * @throws `criteria_invalid`; `bad_request` (neither or both of criteria and segment, times); `not_found`; `conflict` where the
 *   segment is Malloy, which has no criteria to follow
 */
export async function backtestSegment(context: IntervalContext, options: BacktestOptions): Promise<Backtest> {
  const { warehouse, engine } = context;
  const criteria = await criteriaOf(context, options);
  const until = options.to ?? (await builtOrNow(warehouse));
  const from = options.from ?? DateTime.fromJSDate(until, { zone: 'utc' }).minus({ years: 3 }).toJSDate();
  if (from >= until) {
    throw new MallardError('bad_request', 'A back-test begins before it ends.', {
      fields: { field: 'from' },
    });
  }
  const step = options.step ?? 'week';
  const days = options.days ?? 30;
  const span = { from, until };
  const zone = accountZone(warehouse);
  const starts = stepStarts(span, step, zone);
  const sampleTimes = sampleTimesOf(stepStarts(span, 'week', zone), step === 'day' ? [] : starts);
  const catalogue = criteriaCatalogue(await engine.catalogue());
  const run = {
    segments: [{ id, criteria }],
    span,
    sampleTimes,
    timeoutMs: options.timeoutMs ?? 600_000,
    signal: options.signal,
  };
  return withIntervals(context, run, async (work, intervals) => {
    const periods = await periodsOf(work, intervals, starts);
    const { entries, entryCount } = await entriesOver(work, intervals, days);
    const measures = await outcomesAfter(work, engine, catalogue, { entries, there: intervals.there, days });
    const last = periods.at(-1);
    const sum = (name: 'entered_count' | 'left_count') =>
      periods.reduce((total, period) => total + period[name], 0);
    return {
      from: utcText(from),
      to: utcText(until),
      step,
      periods,
      member_count: last ? last.member_count + last.entered_count - last.left_count : 0,
      entered_count: sum('entered_count'),
      left_count: sum('left_count'),
      stay_days_median: await medianStay(work, intervals),
      members_by_age: await membersByAge(work, intervals),
      outcomes: { days, entry_count: entryCount, measures },
      leaves: intervals.leaves.get(id) ?? [],
    };
  });
}

async function criteriaOf(
  context: IntervalContext,
  { criteria, segmentId }: BacktestOptions,
): Promise<Criteria> {
  if ((criteria === undefined) === (segmentId === undefined)) {
    throw new MallardError('bad_request', 'A back-test is of criteria or of a segment.', {
      fields: { field: 'criteria' },
      remedy: 'Give either criteria or segment_id.',
    });
  }
  if (segmentId === undefined) return parseCriteria(criteria);
  const segment = await getSegment(context, segmentId);
  if (segment.criteria) return segment.criteria;
  throw new MallardError(
    'conflict',
    `${segmentId} is ${segment.kind === 'static' ? 'a list' : 'a Malloy segment'}, which has no criteria to follow over time.`,
    {
      fields: { segment_id: segmentId },
      remedy: 'Look at single times with `mallard segments preview --as-of`, or write it as criteria.',
    },
  );
}

/** Each week, and at the starts of longer steps, so that their sizes are those of an evaluation. */
function sampleTimesOf(...lists: readonly (readonly Date[])[]): Date[] {
  const times = new Set(lists.flat().map((at) => at.getTime()));
  return [...times].sort((a, b) => a - b).map((at) => new Date(at));
}

/** Who is in from the span's very start did not enter. A move at the start of a period is in its size already. */
async function periodsOf(
  work: Workspace,
  { table }: SegmentIntervals,
  starts: readonly Date[],
): Promise<BacktestPeriod[]> {
  return work.session.rows<BacktestPeriod>(
    `with periods as (select unnest(from_json($1, '["TIMESTAMP"]')) as starts_at),
       moves as (
         select valid_from as moment, 1 as entered, 0 as gone from ${table} where valid_from > ${work.from}
         union all select valid_to, 0, 1 from ${table} where valid_to is not null),
       counted as (
         select p.starts_at, sum(entered) as entered_count, sum(gone) as left_count
         from moves m asof join periods p on m.moment > p.starts_at group by p.starts_at)
     select starts_at,
       ((select count(*) from ${table} where valid_from = ${work.from})
         + coalesce(sum(entered_count - left_count) over (order by starts_at rows between unbounded preceding and 1 preceding), 0))::int as member_count,
       coalesce(entered_count, 0)::int as entered_count, coalesce(left_count, 0)::int as left_count
     from periods left join counted using (starts_at) order by starts_at`,
    [JSON.stringify(starts.map(toTimestamp))],
  );
}

/** Entries within the span whose days are over within it too. */
async function entriesOver(work: Workspace, { table }: SegmentIntervals, days: number) {
  const entries = await work.keep(
    'entries',
    `select contact_id, valid_from as moment from ${table}
     where valid_from > ${work.from} and valid_from + interval (${days}) day <= ${work.until}`,
  );
  const row = await work.session.one<{ n: number }>(`select count(*)::int as n from ${entries}`);
  return { entries, entryCount: row?.n ?? 0 };
}

/**
 * Kaplan and Meier (1958): the first length of stay by which half have left, where those that still last count for as long as
 * they are known to.
 */
async function medianStay(work: Workspace, { table }: SegmentIntervals): Promise<number | null> {
  const row = await work.session.one<{ days: number | null }>(
    `with stays as (
       select epoch_us(coalesce(valid_to, ${work.until})) - epoch_us(valid_from) as lasted, valid_to is not null as has_ended
       from ${table} where valid_from > ${work.from}),
     lengths as (select lasted, count(*) as n, count(*) filter (has_ended) as ended from stays group by lasted),
     risks as (select *, sum(n) over (order by lasted desc) as at_risk from lengths),
     survival as (
       select lasted, exp(sum(case when ended = at_risk then -1e9 else ln(1 - ended / at_risk) end) over (order by lasted)) as surviving
       from risks)
     select (min(lasted) / 86400e6)::double as days from survival where surviving <= 0.5 + 1e-12`,
  );
  return row?.days ?? null;
}

const ages = [7, 30, 90, 365] as const;

async function membersByAge(work: Workspace, { table }: SegmentIntervals): Promise<AgeGroup[]> {
  const older = ages.map((days) => `(valid_from <= ${work.until} - interval ${days} day)::int`).join(' + ');
  const rows = await work.session.rows<{ age_group: number | null; member_count: number }>(
    `select case when valid_from > ${work.from} then ${older} end as age_group, count(*)::int as member_count
     from ${table} where valid_to is null group by age_group`,
  );
  const total = rows.reduce((sum, row) => sum + row.member_count, 0);
  const group = (index: number | null, bounds: Pick<AgeGroup, 'days_min' | 'days_max'>): AgeGroup => {
    const count = rows.find(({ age_group }) => age_group === index)?.member_count ?? 0;
    return { ...bounds, member_count: count, share: total === 0 ? 0 : count / total };
  };
  return [
    ...[0, ...ages].map((days_min, index) => group(index, { days_min, days_max: ages[index] ?? null })),
    group(null, { days_min: null, days_max: null }),
  ];
}
