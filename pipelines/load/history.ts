import type { Session } from '../../data/owner/session.ts';
import { beginning } from '../../data/tracked-fields.ts';
import { writeAssertions, type ChangeLog } from './assertions.ts';
import type { Contract } from './contracts/contract.ts';
import { identifier, literal } from './sql.ts';

/** What became of rows that differ from what is stored. */
export interface Recorded {
  /** Rows that said something new. */
  updated: number;
  /** A table of target_id and fields: columns that keep their value, since a later one is known. Whoever reads it drops it. Undefined: none. */
  held: string | undefined;
}

/**
 * Appends what a load changes in tracked fields, before the rows are updated. Each change is an assertion: from `valid_from` on,
 * known since `recorded_at`, the field has this value. The value at a time T, known by K, is that of the latest assertion
 * before both; a field without any has had its present value all along.
 *
 * - A field's first change asserts the old value too, from the beginning, as known since the thing's own row came.
 * - A change is valid from the row's `updated_at`, else from now. An `updated_at` before the newest that is known makes it a late
 *   one: it goes into the past, up to the next state that was seen, and the stored row keeps what is newer.
 * - `created_at` says nothing of a time: a new one corrects the old one from the beginning.
 * - A stub that is filled had no values to change: what is known of it only now, is known from `described_at` on. Where history came
 *   before the row, the row's values hold before the history's.
 * @param changed a table of id (the landing's rowid) and target_id (the target's rowid): rows that differ
 * @param isFirst the rows have just been inserted, and their history was there before them
 */
export async function recordChanges(
  session: Session,
  contract: Contract,
  landing: { table: string; columns: readonly string[] },
  changed: string,
  stamp: { source: string; now: string },
  isFirst = false,
): Promise<Recorded> {
  const steps = new ChangeSteps(contract, landing, changed, stamp, isFirst);
  try {
    for (const statement of steps.statements()) await session.run(statement);
    await writeAssertions(session, steps.log, steps.assertions, stamp.now);
    const isAnyHeld = await session.one(`select 1 from ${steps.held} limit 1`);
    if (!isAnyHeld) steps.scratch.push(steps.held);
    const counted = await session.one<{ updated: number }>(steps.updatedSql());
    return { updated: counted?.updated ?? 0, held: isAnyHeld ? steps.held : undefined };
  } finally {
    for (const table of steps.scratch) await session.run(`drop table if exists ${table}`).catch(() => 0);
  }
}

/** The SQL of `recordChanges`; its tables are named after the landing. */
class ChangeSteps {
  readonly log: ChangeLog;
  readonly assertions: string;
  readonly held: string;
  readonly scratch: string[];
  readonly #contract: Contract;
  readonly #landing: { table: string; columns: readonly string[] };
  readonly #changed: string;
  readonly #rows: string;
  readonly #fields: string;
  readonly #now: string;
  readonly #source: string;
  readonly #isFirst: boolean;

  constructor(
    contract: Contract,
    landing: { table: string; columns: readonly string[] },
    changed: string,
    stamp: { source: string; now: string },
    isFirst: boolean,
  ) {
    this.#isFirst = isFirst;
    this.#contract = contract;
    this.#landing = landing;
    this.#changed = changed;
    this.#now = `timestamp ${literal(stamp.now)}`;
    this.#source = literal(stamp.source);
    this.log = changeLogOf(contract);
    const named = (what: string) => `${landing.table}_${what}`;
    this.#rows = named('rows');
    this.#fields = named('fields');
    this.assertions = named('assertions');
    this.held = named('held');
    this.scratch = [this.#rows, this.#fields, this.assertions];
  }

  statements(): string[] {
    return [this.#rowsSql(), this.#fieldsSql(), this.#assertedSql(), this.#correctedSql(), this.#heldSql()];
  }

  /** Rows that are new in themselves, or told something of the past, or were not late. */
  updatedSql(): string {
    return `select count(distinct id)::int as updated from ${this.#rows} r
      where not is_late or is_fill or id in (select id from ${this.#fields} where is_said)`;
  }

  /** One row for each changed row: when it speaks of, and what was known of the thing before. */
  #rowsSql(): string {
    const { target } = this.#contract;
    const described = this.#isFirst ? 'cast(null as timestamp)' : describedAt(this.#contract, 't');
    const hasTime = this.#landing.columns.includes('updated_at');
    return `create temp table ${this.#rows} as
      with newest as (
        select c.id, c.target_id, t.${this.log.key} as key, t.updated_at as updated_at_before, t.source as source_before, ${described} is null as is_fill,
          coalesce(${described}, t.recorded_at) as described_at, ${hasTime ? 'l.updated_at' : 'cast(null as timestamp)'} as said_at,
          (select max(h.valid_from) from core.${this.log.table} h where h.${this.log.key} = t.${this.log.key}) as changed_at_max
        from ${this.#changed} c join ${target} t on t.rowid = c.target_id join ${this.#landing.table} l on l.rowid = c.id)
      select id, target_id, key, updated_at_before, source_before, is_fill, described_at,
        coalesce(said_at, greatest(${this.#now}, updated_at_before, changed_at_max)) as valid_at,
        coalesce(said_at < greatest(updated_at_before, changed_at_max), false) as is_late
      from newest`;
  }

  /** One row for each field that a changed row says something of, beside what is known of that field. */
  #fieldsSql(): string {
    const { key, table } = this.log;
    const pairs = this.#tracked().map((field) => {
      const isJson = this.#typeOf(field) === 'JSON';
      const [old, given] = [`t.${identifier(field)}`, `l.${identifier(field)}`];
      const differs = isJson
        ? `not ${sameJson(old, mergedJson(old, given))}`
        : `${old} is distinct from ${given}`;
      return `{field: ${literal(field)}, given: cast(${given} as varchar), stored: cast(${old} as varchar), differs: ${differs}}`;
    });
    const isCorrection = `c.field = 'created_at'`;
    const isJsonField = `c.field in (${this.#tracked()
      .filter((field) => this.#typeOf(field) === 'JSON')
      .concat('')
      .map(literal)
      .join(', ')})`;
    return `create temp table ${this.#fields} as
      with said as (
        select r.id, r.target_id, r.key, r.is_fill, r.is_late, r.described_at, r.updated_at_before, r.source_before, r.valid_at as row_at,
          unnest([${pairs.join(', ')}], recursive := true)
        from ${this.#rows} r join ${this.#contract.target} t on t.rowid = r.target_id
        join ${this.#landing.table} l on l.rowid = r.id),
      candidates as (
        select *, case when field = 'created_at' then timestamp '${beginning}' else row_at end as valid_at
        from said where differs or is_late or is_fill),
      known as (
        select h.${key} as key, h.field, h.value, h.valid_from from core.${table} h
        where h.${key} in (select key from ${this.#rows})),
      seen as (
        select key, try_cast(value as timestamp) as seen_at from known where field = 'updated_at'
        union select key, updated_at_before from ${this.#rows}),
      next_seen as (
        select r.id, min(s.seen_at) as seen_at from ${this.#rows} r join seen s on s.key = r.key and s.seen_at > r.valid_at
        where r.is_late group by r.id),
      past as (
        select c.id, c.field, count(k.field) > 0 as is_tracked,
          max(struct_pack(f := k.valid_from, v := k.value)) filter (k.valid_from <= c.valid_at) as before,
          min(k.valid_from) filter (k.valid_from > c.valid_at) as next_from,
          coalesce(bool_or(k.valid_from = timestamp '${beginning}'), false) as has_beginning
        from candidates c left join known k on k.key = c.key and k.field = c.field group by c.id, c.field),
      weighed as (
        select c.*, p.is_tracked, p.next_from, p.has_beginning, p.before is not null as has_past,
          case when p.is_tracked then p.before.v else c.stored end as old_value, n.seen_at
        from candidates c join past p on p.id = c.id and p.field = c.field left join next_seen n on n.id = c.id)
      select c.* exclude (given),
        case when ${isJsonField} then ${mergedText('c.old_value', 'c.given')} else c.given end as value,
        not ${isCorrection} and (c.next_from is not null or c.seen_at is not null) as is_held,
        case when c.is_fill then c.is_tracked
          when ${isJsonField} then not ${sameJson('c.old_value', mergedJson('c.old_value', 'c.given'))}
          else c.old_value is distinct from c.given end as is_said,
        ${isCorrection} as is_correction
      from weighed c`;
  }

  #assertedSql(): string {
    const stamped = `${this.#source} as source, ${this.#now} as recorded_at`;
    const first = `timestamp '${beginning}'`;
    return `create temp table ${this.assertions} as
      select key, field, old_value as value, ${first} as valid_from, source_before as source, described_at as recorded_at
      from ${this.#fields} where is_said and not is_tracked and not is_fill and not is_correction
      union all
      select key, field, value, valid_at, ${stamped} from ${this.#fields} where is_said and not is_fill
      union all
      select key, field, value, ${first}, ${stamped} from ${this.#fields} where is_fill and is_said and not has_beginning
      union all
      select key, field, value, valid_at, ${stamped} from ${this.#fields}
      where is_fill and is_said and has_past and old_value is distinct from value and valid_at > ${first}
      union all
      select key, field, old_value, seen_at, ${stamped} from ${this.#fields}
      where is_said and not is_fill and not is_correction and field <> 'updated_at' and seen_at is not null
        and (next_from is null or next_from > seen_at)`;
  }

  /** A correction stands from the beginning, where the old value stood: that one is history at once. */
  #correctedSql(): string {
    const { key, table } = this.log;
    return `insert into history.${table} (${key}, field, value, valid_from, source, recorded_at, superseded_at)
      select key, field, old_value, valid_at, source_before, described_at, ${this.#now}
      from ${this.#fields} where is_said and is_correction and not is_tracked and not is_fill and described_at < ${this.#now}`;
  }

  #heldSql(): string {
    return `create temp table ${this.held} as
      select target_id, list(field) as fields from ${this.#fields} where is_held group by target_id`;
  }

  #tracked(): string[] {
    return (this.#contract.history?.fields ?? []).filter((field) => this.#landing.columns.includes(field));
  }

  #typeOf(field: string): string | undefined {
    return this.#contract.columns.find((column) => column.name === field)?.type;
  }
}

/** Whether the table has rows that are known by their id only. */
export function hasStubs(contract: Contract): boolean {
  return contract.target === 'core.contacts' || contract.target === 'core.companies';
}

/** Since when a row has values of its own; null for a stub. */
export function describedAt(contract: Contract, row: string): string {
  if (contract.target === 'core.contacts') return contactDescribedAt(row);
  return hasStubs(contract) ? `${row}.described_at` : `${row}.recorded_at`;
}

/** A contact that is no stub and does not say since when, has been described since it was recorded. */
export function contactDescribedAt(row: string): string {
  return `coalesce(${row}.described_at, case when not ${row}.is_stub then ${row}.recorded_at end)`;
}

export function changeLogOf(contract: Contract): ChangeLog {
  return { table: (contract.history?.table ?? '').replace('core.', ''), key: contract.key[0] ?? '' };
}

function mergedJson(old: string, given: string): string {
  return `json_merge_patch(coalesce(${old}, '{}'), coalesce(${given}, '{}'))`;
}

function mergedText(old: string, given: string): string {
  return `nullif(cast(${mergedJson(old, given)} as varchar), '{}')`;
}

/** Merging moves keys: only containment both ways says that nothing but their order differs. */
export function sameJson(a: string, b: string): string {
  const [x, y] = [`coalesce(${a}, '{}')`, `coalesce(${b}, '{}')`];
  return `(json_contains(${x}, ${y}) and json_contains(${y}, ${x}))`;
}
