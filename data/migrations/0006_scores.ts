import { sql, type Kysely } from 'kysely';
import { versionStatements } from './0003_versions.ts';

/** Reference tables of the scores, versioned like those of 0003. */
export const scoreTables = ['rfm_groups', 'rfm_thresholds'] as const;

/** By recency score from 1 to 5; of each the groups by value score (frequency and money as one) from 1 to 5. */
const groups: readonly (readonly string[])[] = [
  ['Lost', 'Lost', 'At risk', 'At risk', 'Cannot lose them'],
  ['Hibernating', 'Hibernating', 'At risk', 'At risk', 'Cannot lose them'],
  ['About to sleep', 'About to sleep', 'Needs attention', 'Loyal', 'Loyal'],
  ['Promising', 'Potential loyalists', 'Potential loyalists', 'Loyal', 'Loyal'],
  ['New customers', 'Potential loyalists', 'Potential loyalists', 'Champions', 'Champions'],
];

/**
 * By score from 1 to 5. A convention for shops with some orders a year, to be edited: recency_days is the most days since the
 * last order that still get the score, the others the least that get it. What is beyond the bound of 1 is 1 all the same.
 */
const thresholds = {
  recency_days: [36_500, 365, 180, 90, 30],
  frequency: [1, 2, 3, 5, 10],
  monetary: [0, 50, 200, 500, 2000],
} as const;

// Known from the start: a figure of a past day, as known then, needs them too.
const landed = `'mallard', timestamp '0001-01-01'`;

function rows(values: readonly string[]): string {
  return values.map((value) => `(${value}, ${landed})`).join(', ');
}

const groupRows = groups.flatMap((byValue, recency) =>
  byValue.map((name, value) => `${recency + 1}, ${value + 1}, '${name}'`),
);
const thresholdRows = Object.entries(thresholds).flatMap(([measure, bounds]) =>
  bounds.map((bound, index) => `'${measure}', ${index + 1}, ${bound}`),
);

const statements = [
  `create table core.rfm_groups (
     recency_score integer not null, value_score integer not null, group_name varchar not null, source varchar not null,
     recorded_at timestamp not null)`,
  `create table core.rfm_thresholds (
     measure varchar not null, score integer not null, bound decimal(18,2) not null, source varchar not null,
     recorded_at timestamp not null)`,
  `insert into core.rfm_groups values ${rows(groupRows)}`,
  `insert into core.rfm_thresholds values ${rows(thresholdRows)}`,
  ...scoreTables.flatMap(versionStatements),

  // The lead score's rules, whenever they were found to be others than before. hash: SHA-256 of the rules.
  `create table ops.lead_score_versions (
     version integer not null, rules json not null, hash varchar not null, created_at timestamp not null)`, // append only
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
