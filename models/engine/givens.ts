import { DateTime } from 'luxon';
import type { Account } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { TimeOptions } from './types.ts';

/** The values of models/clock.malloy's givens: timestamps in UTC without an offset, as Malloy takes them. */
export function givensOf(options: TimeOptions, account: Account): Record<string, string> {
  const today = DateTime.fromJSDate(options.asOf, { zone: account.time_zone }).startOf('day').toJSDate();
  return {
    AS_OF: toTimestamp(options.asOf),
    TODAY: toTimestamp(today),
    REPORTING_CURRENCY: account.currency,
    TIME_ZONE: account.time_zone,
    ...(options.cohortUnit === undefined ? {} : { COHORT_UNIT: options.cohortUnit }),
    ...(options.period && {
      PERIOD_START: options.period.start_date,
      PREVIOUS_PERIOD_START: options.period.previous_start_date,
      PERIOD_END: options.period.end_date,
    }),
    ...(options.knownAt === undefined ? {} : { KNOWN_AT: toTimestamp(options.knownAt) }),
  };
}
