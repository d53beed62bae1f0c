import { MallardError } from '../../data/errors.ts';

/** Where in the tree and what is wrong. `field`, `operator`, `allowed` and `nearest` are there for programs. */
export interface CriteriaProblem {
  /** JSONPath: '$.all[1].not.value'. */
  path: string;
  /** One sentence without its full stop. */
  what: string;
  field?: string;
  operator?: string;
  allowed?: readonly string[];
  nearest?: string;
}

/** `criteria_invalid` with the path, what is allowed, and the nearest name. */
export function criteriaError(problem: CriteriaProblem): MallardError {
  const { path, what, allowed, nearest } = problem;
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
  const list = allowed === undefined ? '' : ` Allowed: ${shortList(allowed)}.`;
  return new MallardError('criteria_invalid', `${path}: ${what}.${hint}${list}`, { fields: { ...problem } });
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}
