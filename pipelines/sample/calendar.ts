import { parameters } from './parameters.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/**
 * Seasonality as a change of clock. Processes run in even *process time* (`_op`, seconds, 0 to the horizon), where rates
 * are constant and the stated parameters exact; a clock table stretches it hour by hour to calendar seconds (`_s`).
 * The map keeps order, and both ends. `shop_clock`: customers, by weekday, month and hour. `office_clock`: sales reps,
 * working hours.
 */
export type Clock = 'shop_clock' | 'office_clock';

const shopHours = [3, 2, 2, 2, 3, 5, 10, 20, 35, 45, 50, 52, 50, 48, 46, 46, 48, 52, 58, 62, 60, 45, 25, 10];
const officeHours = [1, 1, 1, 1, 1, 1, 2, 8, 40, 60, 65, 60, 40, 50, 60, 60, 50, 30, 8, 3, 1, 1, 1, 1];
const officeWeekdays = [1, 1.1, 1.1, 1.05, 0.9, 0.03, 0.02];

export async function createClocks(sampler: Sampler): Promise<void> {
  const { weekday, month } = parameters.seasonality;
  await createClock(sampler, 'shop_clock', shopHours, weekday, month);
  await createClock(
    sampler,
    'office_clock',
    officeHours,
    officeWeekdays,
    month.map(() => 1),
  );
}

async function createClock(
  sampler: Sampler,
  clock: Clock,
  hours: readonly number[],
  weekdays: readonly number[],
  months: readonly number[],
): Promise<void> {
  const numbers = (values: readonly number[]) => `[${values.join(', ')}]`;
  await sampler.run(
    `create table ${clock} as
     with days as (
       select day, ${numbers(weekdays)}[isodow(time_of_s(day * ${daySeconds}))] * ${numbers(months)}[month(time_of_s(day * ${daySeconds}))] as weight
       from range(${sampler.days}) d(day)),
     hours as (select hour, ${numbers(hours)}[hour + 1] as weight from range(24) h(hour)),
     weights as (
       -- Whole numbers, so that the running sum is exact.
       select day * 24 + hour as n, round(1000 * days.weight * hours.weight)::hugeint as weight from days, hours),
     running as (
       select n, sum(weight) over (order by n) - weight as before, weight, sum(weight) over () as total from weights)
     select (n * 3600)::bigint as start_s, (before * horizon() // total)::bigint as start_op,
            ((before + weight) * horizon() // total - before * horizon() // total)::bigint as length_op
     from running order by n`,
  );
}

/** SQL text of a join that finds the clock's hour of a process time; see `calendarSeconds`. */
export function joinClock(clock: Clock, op: string): string {
  return `asof join ${clock} on ${op} >= ${clock}.start_op`;
}

/** SQL of calendar seconds for a process time, beside `joinClock`. */
export function calendarSeconds(clock: Clock, op: string): string {
  return `(${clock}.start_s + (${op} - ${clock}.start_op) * 3600 // ${clock}.length_op)`;
}

/** SQL text of a join from calendar seconds to the clock's hour; see `processSeconds`. */
export function joinHour(clock: Clock, seconds: string): string {
  return `join ${clock} on ${clock}.start_s = ${seconds} // 3600 * 3600`;
}

/** SQL of the process time of calendar seconds, beside `joinHour`. Not before it when mapped back. */
export function processSeconds(clock: Clock, seconds: string): string {
  return `(${clock}.start_op + ((${seconds} % 3600) * ${clock}.length_op + 3599) // 3600)`;
}
