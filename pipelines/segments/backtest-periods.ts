import { DateTime, type DurationLike } from 'luxon';
import { MallardError } from '../../data/errors.ts';
import type { Span } from './intervals/span.ts';

export const backtestSteps = ['day', 'week', 'month'] as const;
export type BacktestStep = (typeof backtestSteps)[number];

const lengths: Record<BacktestStep, DurationLike> = {
  day: { days: 1 },
  week: { weeks: 1 },
  month: { months: 1 },
};

/** More would be a list that nobody reads. */
const stepsMax = 4_000;

/** The starts of a span's steps: its own start, and then each so many days of the account later, at the start of a day. */
export function stepStarts({ from, until }: Span, step: BacktestStep, zone: string): Date[] {
  const first = DateTime.fromJSDate(from, { zone }).startOf('day');
  const starts = [from];
  for (let index = 1; ; index++) {
    const at = first.plus(times(lengths[step], index)).startOf('day').toJSDate();
    if (at >= until) return starts;
    if (at > from) starts.push(at);
    if (starts.length > stepsMax) {
      throw new MallardError('bad_request', `A back-test has at most ${stepsMax} steps.`, {
        fields: { field: 'step' },
        remedy: 'Take longer steps, or a shorter time.',
      });
    }
  }
}

function times(length: DurationLike, count: number): DurationLike {
  return Object.fromEntries(Object.entries(length).map(([unit, n]) => [unit, Number(n) * count]));
}
