import { MallardError } from '../../../data/errors.ts';
import { nearestName } from '../../criteria/nearest.ts';
import type { MetricsAnswer } from './answer.ts';
import type { Metric } from './metric.ts';

/** The metrics named, or all that carry the dimensions. */
export function choose(
  all: readonly Metric[],
  names: readonly string[] | undefined,
  dimensions: readonly string[],
): { metrics: Metric[]; leftOut: MetricsAnswer['left_out'] } {
  if (names === undefined) {
    const refused = all.filter((metric) =>
      dimensions.some((dimension) => !metric.dimensions.includes(dimension)),
    );
    const metrics = all.filter((metric) => !refused.includes(metric));
    if (metrics.length === 0 && dimensions.length > 0) throw unknownDimension(all, dimensions);
    const leftOut = refused.map((metric) => ({
      name: metric.name,
      title: metric.title,
      reason: refusal(metric, dimensions.find((dimension) => !metric.dimensions.includes(dimension)) ?? ''),
      dimensions: metric.dimensions,
    }));
    return { metrics, leftOut };
  }
  const metrics = names.map((name) => findMetric(all, name));
  for (const metric of metrics) {
    const wrong = dimensions.find((dimension) => !metric.dimensions.includes(dimension));
    if (wrong === undefined) continue;
    throw new MallardError('dimension_refused', refusal(metric, wrong), {
      fields: { metric: metric.name, dimension: wrong, dimensions: metric.dimensions },
    });
  }
  return { metrics, leftOut: [] };
}

/** Throws `not_found` with the nearest name. */
export function findMetric(all: readonly Metric[], name: string): Metric {
  const found = all.find((metric) => [metric.name, `${metric.source}.${metric.name}`].includes(name));
  if (found) return found;
  const names = all.map((metric) => metric.name);
  const guess = nearestName(name, names);
  throw new MallardError(
    'not_found',
    `There is no metric '${name}'${guess ? `; did you mean ${guess}?` : '.'}`,
    {
      fields: { metric: name, metrics: names },
      remedy: 'List them with `mallard metrics`.',
    },
  );
}

function refusal(metric: Metric, dimension: string): string {
  const honest = metric.dimensions.length === 0 ? 'nothing' : metric.dimensions.join(', ');
  return `${metric.name} cannot honestly be sliced by ${dimension} (it can by ${honest}).`;
}

function unknownDimension(all: readonly Metric[], dimensions: readonly string[]): MallardError {
  const known = [...new Set(all.flatMap((metric) => metric.dimensions))].sort();
  const wrong = dimensions.find((dimension) => !known.includes(dimension));
  return new MallardError(
    'dimension_refused',
    wrong === undefined
      ? `No metric can be sliced by ${dimensions.join(' and ')} together.`
      : `No metric can be sliced by '${wrong}'.`,
    { fields: { dimensions: known }, remedy: `Dimensions are ${known.join(', ')}.` },
  );
}
