import { catalogueNames, type Lineage, type LineageStep } from '../../models/engine/lineage/lineage.ts';
import type { ToldCatalogue } from './catalogue.ts';
import type { UsedBy } from './used-by.ts';

/** A field or measure that one can look for. */
export interface GraphEntry {
  kind: 'field' | 'measure' | 'metric';
  source: string;
  /** Positions in `columns`: what decides its rows. */
  conditions: number[];
  used_by: UsedBy;
}

/** All that the lineage page shows: each definition once, by name. */
export interface LineageGraph {
  steps: Record<string, Omit<LineageStep, 'field'>>;
  entries: Record<string, GraphEntry>;
  /** Columns that conditions name. */
  columns: string[];
}

export function lineageGraph(catalogue: ToldCatalogue, lineage: Lineage): LineageGraph {
  const steps: LineageGraph['steps'] = {};
  for (const name of catalogueNames(catalogue)) {
    const all = lineage.steps(name);
    for (const { field, ...step } of all.slice(0, -1)) steps[field] ??= step;
    const last = all.at(-1);
    if (last) {
      const { field, ...step } = last;
      steps[field] = step;
    }
  }
  const columns = new Map<string, number>();
  const numberOf = (column: string) => {
    const known = columns.get(column);
    if (known !== undefined) return known;
    columns.set(column, columns.size);
    return columns.size - 1;
  };
  const entries: LineageGraph['entries'] = {};
  for (const { mart: source, path, conditions, used_by } of catalogue.fields) {
    entries[`${source}.${path}`] = { kind: 'field', source, conditions: conditions.map(numberOf), used_by };
  }
  for (const { source, name, is_metric: isMetric, conditions, used_by } of catalogue.measures) {
    const kind = isMetric ? 'metric' : 'measure';
    entries[`${source}.${name}`] = { kind, source, conditions: conditions.map(numberOf), used_by };
  }
  return { steps, entries, columns: [...columns.keys()] };
}
