/**
 * Criteria: who belongs to a segment, as a tree of conditions.
 *
 * - A *field condition* compares one field of the catalogue (a column of `contact_facts`) with a value.
 * - A *behaviour* compares a measure over one contact's events ('email_events.clicks'), optionally of some events only
 *   (`where`), of the last days only (`within_days`) and since something else happened (`since`), with a value.
 * - A *sequence* is true of who did several things one after the other.
 * - A *segment condition* is true of who is in another segment as of the same time; so `all`, `any` and `not` over them are the
 *   set operations.
 * - `all`, `any` and `not` combine them. Their lists are never empty: an empty one would mean everybody or nobody.
 */
export type Criteria =
  AllOf | AnyOf | NotOf | FieldCondition | BehaviourCondition | SequenceCondition | SegmentCondition;

export interface AllOf {
  all: Criteria[];
}

export interface AnyOf {
  any: Criteria[];
}

export interface NotOf {
  not: Criteria;
}

export interface FieldCondition {
  /** Path in the catalogue: 'lifecycle_stage', 'email.last_30_days.clicks'. */
  field: string;
  operator: string;
  /** Absent for `is_set` and `is_not_set`. */
  value?: CriteriaValue;
}

export interface BehaviourCondition {
  /** '<source>.<measure>': 'email_events.clicks', 'orders.revenue'. */
  measure: string;
  /** Which of the contact's events count. Conditions over the source's own fields; default all. */
  where?: Criteria;
  /** Only events since the start of the day this many days before `AS_OF`; default all events before `AS_OF`. */
  within_days?: number;
  /** Only events after the contact's last one of these; false of whoever has none. */
  since?: EventSelection;
  operator: string;
  value?: CriteriaValue;
}

/** Events of one source. */
export interface EventSelection {
  /** 'email_events'. */
  source: string;
  /** Conditions over the source's own fields; default all its events. */
  where?: Criteria;
}

export interface SequenceStep extends EventSelection {
  /** At most this many times 24 hours after the event of the step before; not of the first step. Default: any time after it. */
  within_days?: number;
}

export interface SequenceCondition {
  /** Each strictly later than the one before. */
  sequence: SequenceStep[];
  /** Only where the last step was since the start of the day this many days before `AS_OF`. */
  within_days?: number;
}

export interface SegmentCondition {
  /** Its id. */
  segment: string;
}

/** Numbers may be decimal text, as money is read. Dates and times are ISO text; without an offset in the account's zone. */
export type CriteriaScalar = string | number | boolean;
export type CriteriaValue = CriteriaScalar | CriteriaScalar[];

/** The flat form: one row per condition; `logic` joins a row to the one before it (the first row's is ignored). */
export interface FlatCondition extends FieldCondition {
  /** Default AND. AND binds tighter than OR. */
  logic?: 'AND' | 'OR';
}

export type FieldType = 'string' | 'number' | 'boolean' | 'date' | 'timestamp';

/** What criteria need to know of the models' catalogue. `ModelEngine.catalogue()` gives more. */
export interface CriteriaCatalogue {
  /** The source with a row per contact: `contact_facts`, or the project's that extends it. */
  contactSource: string;
  /** Its fields. */
  fields: readonly CriteriaField[];
  /** The event sources that behaviours may aggregate. */
  sources: readonly EventSource[];
}

/** What a segment condition stands for. */
export type SegmentDefinition =
  /** Its criteria. */
  | { criteria: Criteria }
  /** The Malloy text of a query that yields contact_id. */
  | { members: string };

/** The segments that may be named in criteria, by id. */
export type SegmentDefinitions = ReadonlyMap<string, SegmentDefinition>;

export interface CriteriaField {
  path: string;
  type: FieldType;
  /** What it means; for editors. */
  doc?: string;
}

export interface EventSource {
  /** The source's name in the model: 'email_events'. */
  name: string;
  /** The field that names the contact, and the one that says when. */
  contactField: string;
  timeField: CriteriaField;
  fields: readonly CriteriaField[];
  measures: readonly CriteriaMeasure[];
}

export interface CriteriaMeasure extends CriteriaField {
  /** Malloy conditions, over the source, of the rows that it counts. Default: all rows. */
  countedWhere?: readonly string[];
}
