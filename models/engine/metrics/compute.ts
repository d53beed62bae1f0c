import type { Account } from '../../../data/account.ts';
import { malloyPath } from '../../criteria/literal.ts';
import type { MetricAnswer, MetricsAnswer } from './answer.ts';
import { choose } from './choose.ts';
import { computeFigures, figureOf, groupsBy } from './figures.ts';
import { daysOf, frameOf, rangeOf } from './frame.ts';
import type { Metric } from './metric.ts';
import type { MetricsEngine, MetricsRequest } from './request.ts';

/**
 * Figures of metrics, each with what was divided by what, of when it is, and by which definition.
 * @throws MallardError `not_found` (a metric), `dimension_refused` with `fields.dimensions`, `bad_request`
 */
export async function computeMetrics(
  engine: MetricsEngine,
  account: Account,
  all: readonly Metric[],
  request: MetricsRequest,
): Promise<MetricsAnswer> {
  const by = [...(request.by ?? [])];
  const asked = [...by, ...(request.where ?? []).map((filter) => filter.dimension)];
  const { metrics, leftOut } = choose(all, request.metrics, asked);
  const frame = frameOf(request, account);
  const whole = await computeFigures(engine, account, metrics, request, frame, false);
  const cut = by.length > 0 || request.unit !== undefined;
  const slices = cut ? await computeFigures(engine, account, metrics, request, frame, true) : undefined;
  const newest = await newestFacts(engine, metrics, request);
  const time = { asOf: request.asOf, knownAt: request.knownAt };
  const builtAt = await engine.builtAt(time);
  const recorded = await engine.recordedAt(metrics, time);
  const answers = metrics.map((metric): MetricAnswer => {
    const total = whole.get(metric)?.[0];
    return {
      name: metric.name,
      title: metric.title,
      definition: metric.definition,
      ...(metric.unit === undefined ? {} : { unit: metric.unit }),
      kind: metric.kind,
      source: metric.source,
      field: metric.field,
      dimensions: metric.dimensions,
      ...(metric.numerator && metric.denominator
        ? { parts: { numerator: metric.numerator, denominator: metric.denominator } }
        : {}),
      ...(metric.kind === 'state' ? {} : { period: daysOf(rangeOf(metric, frame, request, account)) }),
      ...figureOf(total),
      freshness: {
        as_of: request.asOf.toISOString(),
        known_at: request.knownAt?.toISOString() ?? null,
        built_at: builtAt ?? null,
        newest_fact_at: newest.get(metric) ?? null,
        newest_recorded_at: recorded.get(metric) ?? null,
      },
      ...(slices ? { slices: slices.get(metric) ?? [] } : {}),
    };
  });
  return {
    as_of: request.asOf.toISOString(),
    known_at: request.knownAt?.toISOString() ?? null,
    time_zone: account.time_zone,
    currency: account.currency,
    by,
    ...(request.unit === undefined ? {} : { unit: request.unit }),
    ...(request.compare === undefined ? {} : { compare: request.compare }),
    metrics: answers,
    left_out: leftOut,
  };
}

/** The last moment that each flow metric's source tells of. */
async function newestFacts(
  engine: MetricsEngine,
  metrics: readonly Metric[],
  request: MetricsRequest,
): Promise<Map<Metric, string>> {
  const flows = metrics.filter((metric) => metric.time);
  const found = new Map<Metric, string>();
  await Promise.all(
    groupsBy(flows, (metric) => JSON.stringify([metric.source, metric.time?.field])).map(async (group) => {
      const [first] = group;
      if (!first?.time) return;
      const { rows } = await engine.query(
        `run: ${malloyPath(first.source)} -> { aggregate: newest is max(${malloyPath(first.time.field)}) }`,
        { asOf: request.asOf, knownAt: request.knownAt },
      );
      const newest = rows[0]?.['newest'];
      if (typeof newest === 'string') for (const metric of group) found.set(metric, newest);
    }),
  );
  return found;
}
