import type { Explore } from '@malloydata/malloy';
import type { Account } from '../../../data/account.ts';
import type { CompiledModels } from '../compiled.ts';
import { fieldsInOrder, isPublic } from '../describe.ts';
import { givensOf } from '../givens.ts';
import type { FoundMetric } from '../metrics/find.ts';
import { metricQuery } from '../metrics/query.ts';
import { modelError } from '../problems.ts';
import { malloyPath } from '../../criteria/literal.ts';
import type { Question } from './worlds.ts';

/** A metric in the models that define it. */
export interface DefinedMetric extends FoundMetric {
  models: CompiledModels;
}

/** The SQL of a question; its tables are still the warehouse's. */
export interface QuestionSql {
  /** One row: n, d, value. */
  totals: string;
  /** key, n, d: one row per row of the source that counts. Undefined where it has no primary key. */
  byKey: string | undefined;
  /** key and a few other fields. */
  fields: string | undefined;
}

const fieldsShown = 4;

/** What tells a person which row it is, most telling first; addresses and names of people are not needed for it. */
const telling = [
  'name',
  'stage',
  'status',
  'event_type',
  'activity_type',
  'lifecycle_stage',
  'reporting_amount',
  'amount',
  'owner_id',
  'contact_id',
];

/** Throws `model_invalid`. */
export async function questionSql(
  { metric, explore, models }: DefinedMetric,
  question: Question,
  account: Account,
): Promise<QuestionSql> {
  const compile = async (malloy: string) => {
    try {
      const givens = givensOf(question, account);
      return await models.materializer.loadQuery(malloy).getSQL({ givens });
    } catch (error) {
      throw modelError(error, () => malloy);
    }
  };
  // A median is no quotient, and no row of it has a part.
  const isMedian = metric.aggregate === 'median';
  const n = isMedian ? 'value' : 'numerator';
  const d = isMedian || !metric.denominator ? 'null::bigint' : 'denominator';
  const { period } = question;
  const totals = await compile(metricQuery(metric, { period }));
  const { key } = metric;
  if (key === undefined || isMedian) {
    return {
      totals: `select ${n} as n, ${d} as d, value from (${totals})`,
      byKey: undefined,
      fields: undefined,
    };
  }
  const byKey = await compile(metricQuery(metric, { period, by: [key] }));
  const selected = [key, ...fieldsOf(explore, metric.time?.field, key)];
  const fields = await compile(
    `run: ${malloyPath(metric.source)} -> { select: ${selected.map((name) => malloyPath(name)).join(', ')} }`,
  );
  return {
    totals: `select ${n} as n, ${d} as d, value from (${totals})`,
    byKey: `select d0::varchar as key, ${n} as n, ${d} as d from (${byKey}) where n <> 0 or d <> 0`,
    fields: `select "${key}"::varchar as _key, * exclude ("${key}") from (${fields})`,
  };
}

function fieldsOf(explore: Explore, time: string | undefined, key: string): string[] {
  const names = fieldsInOrder(explore)
    .filter((field) => field.isAtomicField() && !field.isCalculation() && isPublic(explore, field))
    .map((field) => field.name);
  const wanted = [...(time === undefined ? [] : [time]), ...telling];
  return wanted.filter((name) => name !== key && names.includes(name)).slice(0, fieldsShown);
}
