import { MallardError } from '../../data/errors.ts';
import { BehaviourScans } from './behaviours.ts';
import { compileCriteria, type CompileOptions } from './compile.ts';
import { criteriaError, type CriteriaProblem } from './errors.ts';
import { limits } from './limits.ts';
import { parseCriteria } from './parse.ts';
import type { Criteria } from './types.ts';

/** What criteria are checked against: `CompileOptions` without the scans, which each check makes anew. */
export type CheckOptions = Omit<CompileOptions, 'scans'>;

/** More faults than this of one tree help nobody. */
const faultsMax = 50;

/** The tree that criteria from outside mean, if they fit the catalogue. Throws `criteria_invalid` with the first fault. */
export function checkCriteria(input: unknown, options: CheckOptions): Criteria {
  const criteria = parseCriteria(input);
  compileCriteria(criteria, { ...options, scans: new BehaviourScans(options.zone) });
  return criteria;
}

/**
 * Every fault of criteria from outside, not only the first: whoever edits a file wants to mend it in one go. Paths are those of
 * the input, also where it is the flat list. A level's own fault is told once its parts are sound. Empty where `checkCriteria`
 * takes it; at most 50.
 */
export function criteriaFaults(input: unknown, options: CheckOptions): MallardError[] {
  const faults: MallardError[] = [];
  collect(input, '$', 1);
  return faults;

  function collect(value: unknown, path: string, depth: number): void {
    try {
      checkCriteria(value, options);
    } catch (error) {
      if (!(error instanceof MallardError)) throw error;
      const before = faults.length;
      if (depth < limits.depth) {
        for (const [step, part] of partsOf(value)) {
          if (faults.length >= faultsMax) return;
          collect(part, path + step, depth + 1);
        }
      }
      // Every part is sound by itself: it is this level that is at fault.
      if (faults.length === before) faults.push(below(path, error));
    }
  }
}

/** The conditions that a value combines, each with its step of the path; none of a leaf. */
function partsOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.map((row: unknown, index) => [`[${index}]`, withoutLogic(row)]);
  if (typeof value !== 'object' || value === null) return [];
  for (const key of ['all', 'any'] as const) {
    const items: unknown = (value as Record<string, unknown>)[key];
    if (Array.isArray(items)) return items.map((item: unknown, index) => [`.${key}[${index}]`, item]);
  }
  return 'not' in value ? [['.not', value.not]] : [];
}

/** A row of the flat list as a condition by itself; what is wrong with its `logic` is a fault of the list. */
function withoutLogic(row: unknown): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return row;
  const { logic: _logic, ...condition } = row as Record<string, unknown>;
  return condition;
}

/** The fault of a part, with its path from the root. */
function below(path: string, error: MallardError): MallardError {
  const problem = error.fields as unknown as CriteriaProblem;
  return criteriaError({ ...problem, path: path + problem.path.slice(1) });
}
