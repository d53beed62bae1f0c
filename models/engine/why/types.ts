/**
 * Why a figure changed. Glossary:
 * a *world* is what a figure is computed in: an AS_OF, what is known, who is who, and definitions. From the world of then to
 * that of now leads a chain of worlds, each differing from the one before in one thing; a *part* is the difference of two
 * neighbours, so that the parts add up to the change, whatever the figure is. A row's *weight* is its share of a part.
 */
export const partNames = [
  /** The definitions of then -> of now. */
  'changed_definitions',
  /** Who was known to be one person then -> who is now. */
  'merged_people',
  /** Plus what happened before then and was recorded since. */
  'late_facts',
  /** Plus what was known then and has been corrected or deleted since. */
  'corrected_facts',
  /** AS_OF and the period move on, with what had happened before then: windows are left, ages grow. */
  'time_passed',
  /** Plus what has happened since. */
  'new_facts',
] as const;

export type PartName = (typeof partNames)[number];

/** Decimals as text, exact to twelve places. Null: there is none (a denominator of 0). */
export interface Figures {
  value: string | null;
  numerator: string | null;
  /** Of a count or a sum null. */
  denominator: string | null;
}

/** One side of the comparison. */
export interface Side extends Figures {
  /** UTC, ISO 8601. */
  as_of: string;
  /** Null: everything that is recorded. */
  known_at: string | null;
  /** The days of the period, for a metric that has one: the first, and the one after the last. */
  from: string | null;
  to: string | null;
}

/** A row of the metric's source that weighs in a part. */
export interface WeighingRow {
  /** The value of the source's primary key. */
  key: string;
  /** What the row contributed before; null where it did not. */
  before: Pick<Figures, 'numerator' | 'denominator'> | null;
  after: Pick<Figures, 'numerator' | 'denominator'> | null;
  /** Its share of the part's change of the value. */
  weight: string;
  /** A few of its other fields, as they are now or were last. */
  fields: Record<string, unknown>;
  /** Of a late or corrected row: when the newest such record came, or was deleted, and where from. */
  recorded?: { table: string; source: string; at: string };
}

export interface Part {
  part: PartName;
  /** Of the value, exactly: a value that is missing counts as 0. All null where the part cannot be computed. */
  change: Figures;
  /** Rows that count differently after than before. Null where the source has no primary key, the part cannot be computed, or no rows were asked for. */
  row_count: number | null;
  /** Those that weigh most, heaviest first. */
  rows: WeighingRow[];
  /** The other rows: how many, and their weight together. */
  everything_else: { row_count: number; weight: string };
  /**
   * False where rows do not add up to the figure (a count of distinct things, a mean without stated numerator): weights are then
   * each row's own figures, and `everything_else` what is missing to the part.
   */
  rows_add_up: boolean;
}

/** What of the definitions changed. */
export interface DefinitionChange {
  /**
   * `same`: nothing of the models. `changed`. `unavailable`: the definitions of then do not compile any more, or did not have the
   * metric. `unknown`: nothing was built before then; the first ones known are taken.
   */
  status: 'same' | 'changed' | 'unavailable' | 'unknown';
  /** SHA-256 of the model texts, and since when builds used them; null where no build did. */
  then: { version: string; created_at: string | null } | null;
  now: { version: string };
  /** The metric's own measures whose text changed: the value, numerator, denominator. */
  measures: { name: string; before: string | null; after: string | null }[];
  /** Files that changed, among those the metric depends on. */
  files: string[];
}

export interface Why {
  metric: string;
  unit: string | null;
  then: Side;
  now: Side;
  /** now − then. A value that is missing counts as 0. */
  change: Figures;
  /** In the order of the chain; they add up to `change`. */
  parts: Part[];
  definition: DefinitionChange;
  /** What a reader must know besides. */
  notes: string[];
}
