import type { Annotations, AtomicField, Explore, Model } from '@malloydata/malloy';
import { docOf, fieldsInOrder, fieldType, isPublic } from '../describe.ts';
import { unitOf } from '../units.ts';

/**
 * Glossary:
 * - a *flow* metric is about what happened in a period, by its time field; one query answers for many periods
 * - a *period* metric compares the two ends of a period itself (`$PERIOD_START`, `$PERIOD_END` of clock.malloy)
 * - a *state* metric is about how things stand at AS_OF; of a past period, at its end or (where its tag says so) its start
 */
export type MetricKind = 'flow' | 'period' | 'state';

type Tag = ReturnType<Annotations['parseAsTag']>['tag'];

export type PeriodUnit = 'day' | 'week' | 'month' | 'quarter' | 'year';

/** A figure that the account agreed on: a field tagged `#(metric)`. */
export interface Metric {
  name: string;
  title: string;
  /** Its `#(doc)`: what it is, in words. */
  definition: string;
  /** See units.ts; undefined where the model states none. */
  unit: string | undefined;
  kind: MetricKind;
  /** The source it is a field of, and the field: of a median the dimension, else the measure. */
  source: string;
  field: string;
  /** Medians are taken of a dimension, for Malloy has no aggregate for them. */
  aggregate: 'measure' | 'median';
  /** The source's key, by which its rows are told apart. */
  key: string | undefined;
  /** The time field of a flow metric. */
  time: { field: string; type: 'timestamp' | 'date' } | undefined;
  /** The measures whose quotient it is; undefined for counts and sums. */
  numerator: MetricPart | undefined;
  denominator: MetricPart | undefined;
  /** What it can honestly be sliced by. */
  dimensions: string[];
  /** Dimensions over which the denominator stays whole: calls ÷ all reps, not ÷ those who call. */
  across: string[];
  /** Of a state metric: which end of a past period it stands for. */
  stateAt: 'start' | 'end';
  /** What period it is about where none is asked for; undefined: the last 365 days. */
  defaultUnit: PeriodUnit | undefined;
}

export interface MetricPart {
  name: string;
  definition: string;
}

const units: readonly string[] = ['day', 'week', 'month', 'quarter', 'year'];

export function isPeriodUnit(text: string): text is PeriodUnit {
  return units.includes(text);
}

/**
 * The metrics of the sources that a model exports, in its order. A source that extends another has its fields too: a metric
 * belongs to the first that has it. Throws `Error` naming the field whose tag is wrong.
 */
export function readMetrics(model: Model): Metric[] {
  const metrics = model.explores.flatMap((source) => {
    const fields = fieldsInOrder(source).filter((field) => field.isAtomicField() && isPublic(source, field));
    const atomic = new Map(fields.map((field) => [field.name, field as AtomicField]));
    return [...atomic.values()].flatMap((field) => {
      if (field.annotations.forRoute('metric').length === 0) return [];
      return readMetric(source, field, field.annotations.parseAsTag('metric').tag, atomic);
    });
  });
  return metrics.filter((metric, index) => metrics.findIndex(({ name }) => name === metric.name) === index);
}

function readMetric(
  { name: source, primaryKey }: Explore,
  field: AtomicField,
  tag: Tag,
  fields: ReadonlyMap<string, AtomicField>,
): Metric {
  const name = tag.text('name') ?? field.name;
  const wrong = (what: string) => new Error(`#(metric) of ${source}.${field.name}: ${what}`);

  function part(key: 'numerator' | 'denominator'): MetricPart | undefined {
    const measure = tag.text(key);
    if (measure === undefined) return undefined;
    const found = fields.get(measure);
    if (!found?.isCalculation()) throw wrong(`${key}=${measure} is no measure of ${source}.`);
    return { name: measure, definition: docOf(found.annotations) ?? '' };
  }

  const median = tag.text('aggregate') === 'median';
  if (median === field.isCalculation())
    throw wrong('aggregate=median goes with a dimension, everything else with a measure.');
  const timeField = tag.text('time');
  const time = timeField === undefined ? undefined : fields.get(timeField);
  const timeType = time && fieldType(time);
  if (timeField !== undefined && timeType !== 'timestamp' && timeType !== 'date')
    throw wrong(`time=${timeField} is no time or date of ${source}.`);
  const dimensions = tag.textArray('dimensions') ?? [];
  for (const dimension of dimensions) {
    const found = fields.get(dimension);
    if (!found || found.isCalculation()) throw wrong(`${dimension} is no dimension of ${source}.`);
  }
  const period = tag.text('period');
  return {
    name,
    title: tag.text('title') ?? name,
    definition: docOf(field.annotations) ?? '',
    unit: unitOf(field.annotations),
    kind: timeField !== undefined ? 'flow' : period !== undefined ? 'period' : 'state',
    source,
    field: field.name,
    aggregate: median ? 'median' : 'measure',
    key: primaryKey,
    time: time && { field: time.name, type: timeType === 'date' ? 'date' : 'timestamp' },
    numerator: part('numerator'),
    denominator: part('denominator'),
    dimensions,
    across: tag.textArray('across') ?? [],
    stateAt: tag.text('state') === 'start' ? 'start' : 'end',
    defaultUnit: period !== undefined && isPeriodUnit(period) ? period : undefined,
  };
}
