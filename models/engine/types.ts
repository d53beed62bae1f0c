/** How a query or build is placed in time, and how far it is trusted. */
export interface TimeOptions {
  /** What was true then: facts before this moment, things as they were. */
  asOf: Date;
  /** What had been recorded by then; default: everything. Never served from built marts. */
  knownAt?: Date | undefined;
  /** What cohorts are cut into. Default: months. */
  cohortUnit?: string | undefined;
  /** The period that metrics of a period are about: days of the account's zone. Default: all time. */
  period?: { start_date: string; end_date: string; previous_start_date: string } | undefined;
}

export interface CompileOptions extends TimeOptions {
  /** A LIMIT for queries that state none. Default: no limit. */
  rowLimit?: number | undefined;
  /** True for text from outside: no raw SQL, no tables, no imports, no givens of its own. */
  restricted: boolean;
}

export interface QueryOptions extends Omit<CompileOptions, 'restricted'> {
  /** Default false. Restricted text also runs in a read-only transaction. */
  restricted?: boolean | undefined;
  /** Interrupts the query after this long. Default: none. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A column of a result. Nested results are `array` or `record`. */
export interface QueryColumn {
  name: string;
  type: FieldType | 'json' | 'array' | 'record' | 'unknown';
  /** The `#(doc)` of the field it was made from. */
  doc?: string;
}

export interface CompiledQuery {
  sql: string;
  columns: QueryColumn[];
}

export interface ModelQueryResult {
  columns: QueryColumn[];
  /** Values as `data/owner/values.ts` reads them: BIGINT a bigint, DECIMAL an exact string. */
  rows: Record<string, unknown>[];
}

export type FieldType = 'string' | 'number' | 'boolean' | 'date' | 'timestamp';

/** A documented field of a mart: what segments, templates and reports may name. */
export interface CatalogueField {
  /** `lifecycle_stage`, `email.last_30_days.clicks`. */
  path: string;
  type: FieldType;
  doc?: string;
  /** Of numbers: `currency` (the reporting currency), `ratio`, `orders`, `days`, … */
  unit?: string;
  /** True where the value names a person, or reaches one: tagged `#(personal)`. Its values are never listed. */
  is_personal?: true;
  /** The mart, which is also the name of the source: `contact_facts`. */
  mart: string;
  /** Of the project's own fields of contact_facts: the source to query instead, and its file. */
  source?: string;
  file?: string;
}

export interface CatalogueMeasure {
  source: string;
  name: string;
  type: FieldType;
  doc?: string;
  /** Of numbers, as a field's. */
  unit?: string;
  /** Malloy conditions, over the source, of the rows that it counts, where they can be told; default all rows. */
  counted_where?: string[];
  /** True where tagged `#(metric)`. */
  is_metric: boolean;
  /** What a metric can honestly be sliced by; empty for other measures. */
  dimensions: string[];
}

export interface CatalogueSource {
  name: string;
  doc?: string;
  primary_key?: string;
  /** The core or mart table it stands for, a layer otherwise: `base`, `mart`, `metric`, `segment`, `user`. */
  layer: 'base' | 'mart' | 'metric' | 'segment' | 'user';
  /** The file that defines it. */
  file: string;
  fields: Omit<CatalogueField, 'mart'>[];
  measures: string[];
  views: string[];
}

/** A source tagged `#(segment) name=… title="…"`: yields `contact_id`. */
export interface CatalogueSegment {
  name: string;
  title: string;
  doc?: string;
  /** The Malloy source to query: `run: <source> -> { group_by: contact_id }`. */
  source: string;
  /** True where it filters contact_facts and does nothing else, so that each contact's own row decides. */
  is_filter?: true;
  file: string;
}

/** A file of the project's own `models/` that does not compile, or collides with another. Ours and the others still work. */
export interface BrokenModel {
  file: string;
  message: string;
}

export interface Catalogue {
  fields: CatalogueField[];
  /** What criteria run over: contact_facts, or the project's source that is tagged `#(extends) contact_facts`. */
  contact_source: string;
  measures: CatalogueMeasure[];
  sources: CatalogueSource[];
  segments: CatalogueSegment[];
  broken: BrokenModel[];
}

export interface BuildResult {
  mart: string;
  row_count: number;
  duration_ms: number;
  /** What the operator should know: rules that are not valid and were not used. */
  warning?: string;
}

/** `warn`: a failure is told of and fails nothing. */
export type TestSeverity = 'warn' | 'error';

export interface TestSelection {
  /** Names of tests, or of their files; default all. */
  names?: readonly string[] | undefined;
  /** How many of the failing rows to show. Default 5. */
  rows?: number | undefined;
}

export interface TestResult {
  name: string;
  /** The test file, relative to models/; of the project's own, to the project's folder. */
  model: string;
  /** What is wrong where it fails. */
  doc?: string;
  severity: TestSeverity;
  /** `warned`: failed with severity warn. `errored`: it could not run, whatever its severity. */
  status: 'passed' | 'warned' | 'failed' | 'errored';
  passed: boolean;
  /** Null where it could not run. */
  failing_count: number | null;
  /** The first failing rows. */
  sample_rows: Record<string, unknown>[];
  sql: string;
  /** Why it could not run. */
  error?: string;
  duration_ms: number;
}
