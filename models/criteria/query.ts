import { MallardError } from '../../data/errors.ts';
import { BehaviourScans } from './behaviours.ts';
import { compileCriteria } from './compile.ts';
import { malloyPath } from './literal.ts';
import type { Criteria, CriteriaCatalogue, SegmentDefinitions } from './types.ts';

export interface MembershipQuery {
  /** `run: contact_facts … -> { select: contact_id, s0 is …, s1 is … }`; undefined where no criteria compile. */
  malloy: string | undefined;
  /** The boolean column of each segment that compiled, never null. */
  columns: Map<string, string>;
  /** Why each of the others did not. */
  errors: Map<string, MallardError>;
}

/**
 * One query that answers many criteria at once: a row per contact, a boolean column per segment, the events of
 * each kind read once. Criteria that do not fit the catalogue are left out and reported; they do not stop the others.
 */
export function membershipQuery(
  segments: readonly { id: string; criteria: Criteria }[],
  options: {
    catalogue: CriteriaCatalogue;
    /** IANA zone of the account. */
    zone: string;
    /** What segment conditions may name. */
    segments: SegmentDefinitions;
    /** Paths of the contacts' source to select as well, as `f0`, `f1`, … */
    shown?: readonly string[];
  },
): MembershipQuery {
  const scans = new BehaviourScans(options.zone);
  const columns = new Map<string, string>();
  const errors = new Map<string, MallardError>();
  const selected: string[] = [];
  for (const { id, criteria } of segments) {
    try {
      const condition = compileCriteria(criteria, { ...options, scans });
      const column = `s${selected.length}`;
      selected.push(`${column} is ${condition}`);
      columns.set(id, column);
    } catch (error) {
      if (!(error instanceof MallardError)) throw error;
      errors.set(id, error);
    }
  }
  const shown = (options.shown ?? []).map((path, index) => `f${index} is ${malloyPath(path)}`);
  const malloy =
    selected.length === 0
      ? undefined
      : `run: ${malloyPath(options.catalogue.contactSource)}${scans.extension()} -> {\n  select:\n    contact_id,\n    ${[...shown, ...selected].join(',\n    ')}\n}`;
  return { malloy, columns, errors };
}
