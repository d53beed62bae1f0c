import type { Explore, Model } from '@malloydata/malloy';
import { findMetric } from './choose.ts';
import { readMetrics, type Metric } from './metric.ts';

/** A metric with the model's own object for its source. */
export interface FoundMetric {
  metric: Metric;
  explore: Explore;
}

/** A metric by its name. Throws `not_found` with the nearest name there is. */
export function metricOf(model: Model, name: string): FoundMetric {
  const metric = findMetric(readMetrics(model), name);
  return { metric, explore: model.getExploreByName(metric.source) };
}
