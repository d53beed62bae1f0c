/** What the statements by hand share. Each fills `temp.hand_<mart>`, and may read those that were filled before it. */
export const asOf = `timestamp '2026-11-02 06:00:00'`;
export const today = `timestamp '2026-11-02 00:00:00'`;
export const windowDays = [7, 30, 90, 365];

/** Whole days since, counted to the end of AS_OF's day. */
export const daysSince = (column: string) => `date_sub('day', ${column}, timestamp '2026-11-02 23:59:59')`;

const human = `(agent_class is null or agent_class = 'human')`;
/** Conditions over e-mail events: opens and clicks of people, unsubscribe links aside. */
export const opened = `event_type = 'opened' and ${human}`;
export const clicked = `event_type = 'clicked' and ${human} and not coalesce(lower(url) like '%unsubscribe%', false)`;

/** A common table expression: one rate a currency and day. */
export const rates = `rates as (select currency, rate_date, max(rate) as rate from core.exchange_rates
  where base_currency = 'USD' and rate_date <= ${asOf}::date group by all)`;

/** The amount in the reporting currency, where `rates` is joined as \`r\`. */
export const converted = (row: string) =>
  `case when coalesce(${row}.currency = 'USD', true) then ${row}.amount else round(${row}.amount * r.rate, 2) end`;

/** The newest value before AS_OF of a field of a `core.<thing>_changes`, and whether it ever changed. */
export const newest = (field: string) =>
  `nullif(arg_max(coalesce(value, ''), valid_from) filter (field = '${field}' and valid_from < ${asOf}), '') as ${field}, count(*) filter (field = '${field}') > 0 as has_${field}`;

/** That value, or the row's own where the field never changed; changes are joined as \`s\`. */
export const tracked = (row: string, field: string, type = 'varchar') =>
  `case when s.has_${field} then s.${field}::${type} else ${row}.${field} end as ${field}`;

/** Columns for each window: \`<measure>_7\` … */
export function windows(
  time: string,
  measures: Readonly<Record<string, { filter: string; sum?: string }>>,
): string {
  return windowDays
    .flatMap((days) =>
      Object.entries(measures).map(([measure, { filter, sum }]) => {
        const aggregate = sum === undefined ? 'count(*)' : `sum(${sum})`;
        return `${aggregate} filter (${filter} and ${time} >= ${today} - interval ${days} day) as ${measure}_${days}`;
      }),
    )
    .join(', ');
}

/** The struct of these columns, 0 where nothing was joined. */
export function struct(
  column: (measure: string, days: number) => string,
  measures: readonly string[],
): string {
  return `{${windowDays
    .map(
      (days) =>
        `last_${days}_days: {${measures.map((m) => `${m}: coalesce(${column(m, days)}, 0)`).join(', ')}}`,
    )
    .join(', ')}}`;
}
