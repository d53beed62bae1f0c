import { castTo } from '../../load/casts.ts';
import { contractOf } from '../../load/contracts/index.ts';
import { timestamp } from '../../load/contracts/contract.ts';
import { identifier, literal } from '../../load/sql.ts';
import { made, type Load, type QuerySource, type Value } from './mapping.ts';

/** One of a system's properties of a thing, by the name its history has, and what it becomes. */
export interface Property {
  readonly name: string;
  /** Its column in the thing's own table, and others that stand for it. */
  readonly columns: readonly string[];
  /** SQL of our value, of theirs. */
  readonly sql: (value: string) => string;
  readonly note?: string;
  readonly isKept?: boolean;
}

export type Properties = Readonly<Record<string, Property>>;

/** A property as a field of the thing's own table: the first of its columns with a value. */
export function valueOf(property: Property): Value {
  const { columns, sql, note, isKept } = property;
  const value = made(columns, note ?? '', (column) =>
    sql(columns.length === 1 ? column(columns[0] as string) : `coalesce(${columns.map(column).join(', ')})`),
  );
  return {
    reads: value.reads,
    sql: value.sql,
    ...(note === undefined ? {} : { note }),
    ...(isKept ? { isKept } : {}),
  };
}

export interface HistoryOf {
  /** The load of the thing itself: `contacts`; its changes go to `contact_changes`. */
  thing: { target: string; table: string; id: string; created: string };
  /** SQL of our id, of theirs. */
  id: (value: string) => string;
}

/** The earliest time that a load takes: where it is not known when a thing was created. */
const beginning = '1000-01-01 00:00:00';

export interface PropertyHistoryOf extends HistoryOf {
  from: string;
  /** `old`: the value before, where the history says it. */
  columns: { id: string; name: string; value: string; time: string; old?: string };
  properties: Properties;
  /** How the export may write a property's name. */
  nameForms: (name: string) => readonly string[];
}

/**
 * A thing's history as their export has it, one row for each value: a change for each, valid from its time. A field whose
 * first value is later than the thing's creation had none before (or the old value that the history names): a change to that from
 * the creation on, so that nobody was a customer before becoming one. Not where ours has an earlier change already: then this export begins in the middle.
 */
export function propertyHistory(of: PropertyHistoryOf): Load {
  const { from, columns, properties, thing, nameForms } = of;
  const reads = [columns.id, columns.name, columns.value, columns.time];
  const all = columns.old === undefined ? reads : [...reads, columns.old];
  const names = Object.values(properties).flatMap(({ name }) => nameForms(name));
  const known = names.map((name) => literal(name.toLowerCase())).join(', ');
  return {
    target: changesOf(thing.target).table,
    from,
    requires: reads,
    skips: [
      {
        reason: 'the property is no field of ours',
        when: (column) => `lower(${column(columns.name)}) not in (${known})`,
      },
    ],
    note: `one change for each value of ${Object.entries(properties)
      .map(([field, { name }]) => `\`${name}\` (\`${field}\`)`)
      .join(', ')}`,
    query: {
      reads: all,
      sql: (source) =>
        changesSql(
          of,
          `select * from (${namedSql(source.table(from, all), of)}) where field is not null`,
          source,
        ),
    },
  };
}

/** A SELECT of _row, id, said_at, field (ours; null where it is none), value and old. */
function namedSql(from: string, { columns, properties, nameForms, thing }: PropertyHistoryOf): string {
  const name = `lower(${identifier(columns.name)})`;
  const cases = Object.entries(properties).map(([field, property]) => ({
    when: `when ${name} in (${nameForms(property.name)
      .map((form) => literal(form.toLowerCase()))
      .join(', ')})`,
    field: literal(field),
    value: canonical(thing.target, field, property.sql(identifier(columns.value))),
    old:
      columns.old === undefined
        ? 'null'
        : canonical(thing.target, field, property.sql(identifier(columns.old))),
  }));
  return `select _row, ${identifier(columns.id)} as id, ${identifier(columns.time)} as said_at,
    case ${cases.map(({ when, field }) => `${when} then ${field}`).join(' ')} end as field,
    case ${cases.map(({ when, value }) => `${when} then ${value}`).join(' ')} end as value,
    cast(case ${cases.map(({ when, old }) => `${when} then ${old}`).join(' ')} end as varchar) as old
    from ${from}`;
}

/**
 * A history in versions (Fivetran's history mode): every row is the thing as it was from `start` on. A change for each field that
 * differs from the version before.
 */
export function versionHistory(
  of: HistoryOf & {
    from: string;
    columns: { id: string; start: string };
    fields: Readonly<Record<string, Value>>;
    skips: NonNullable<Load['skips']>;
  },
): Load {
  const { from, columns, fields, thing, skips } = of;
  const reads = [...new Set(Object.values(fields).flatMap((value) => value.reads))];
  const all = [...new Set([columns.id, columns.start, ...reads, ...skipReads(skips)])];
  return {
    target: changesOf(thing.target).table,
    from,
    requires: [columns.id, columns.start],
    skips,
    note: `one change for each of ${Object.keys(fields)
      .map((field) => `\`${field}\``)
      .join(', ')} that differs from the version before`,
    query: {
      reads: all,
      sql: (source) => {
        const given = Object.entries(fields).filter(([, value]) =>
          value.reads.some((read) => source.has(from, read)),
        );
        const theirs = source.table(from, all);
        const taken =
          skips.map(({ when }) => `not coalesce(${when(identifier)}, false)`).join(' and ') || 'true';
        const pairs = given.map(
          ([field, value]) =>
            `{'field': ${literal(field)}, 'value': cast(${canonical(thing.target, field, value.sql(identifier))} as varchar)}`,
        );
        return changesSql(
          of,
          `select _row, id, field, value, said_at, cast(null as varchar) as old from (
             select *, row_number() over w as number, lag(value) over w as before from (
               select _row, ${identifier(columns.id)} as id, ${identifier(columns.start)} as said_at, unnest([${pairs.join(', ')}], recursive := true)
               from ${theirs} where ${taken})
             window w as (partition by id, field order by ${typedTime('said_at')}, _row))
           where number = 1 and value is not null or number > 1 and value is distinct from before`,
          source,
        );
      },
    },
  };
}

function skipReads(skips: NonNullable<Load['skips']>): string[] {
  const reads: string[] = [];
  for (const { when } of skips)
    when((name) => {
      reads.push(name);
      return 'null';
    });
  return reads;
}

/**
 * The changes that values say, with the one before the first.
 * @param said a SELECT of _row, id, field, value, said_at, old
 */
export function changesSql({ thing, id }: HistoryOf, said: string, source: QuerySource): string {
  const { table, key } = changesOf(thing.target);
  const things = source.table(thing.table, [thing.id, thing.created]);
  return `with said as (${said}),
    firsts as (
      select s.id, s.field, min(_row) as _row, min(${typedTime('s.said_at')}) as first_at, arg_min(struct_pack(v := s.value, o := s.old), ${typedTime('s.said_at')}) as first
      from said s group by all),
    before as (
      select f.*, coalesce(c.created_at, timestamp '${beginning}') as created_at from firsts f
      left join (select ${identifier(thing.id)} as id, min(${typedTime(identifier(thing.created))}) as created_at from ${things} group by all) c
        on c.id = f.id)
    select ${id('id')} as ${key}, field, value, said_at as valid_from, _row from said
    union all
    select ${id('b.id')}, b.field, b.first.o, cast(b.created_at as varchar), b._row from before b
    where b.first_at > b.created_at and b.first.v is distinct from b.first.o
      and not exists (select 1 from core.${table} h where h.${key} = ${id('b.id')} and h.field = b.field
        and h.valid_from < b.first_at and h.valid_from <> b.created_at and h.valid_from >= timestamp '${beginning}')
    order by _row`;
}

/** Their text as the loader takes it for a time. */
function typedTime(text: string): string {
  return castTo(timestamp('time'), text, 'VARCHAR', undefined).sql;
}

/** A value as the loader would write it down, so that both say the same of the same: `1200` of an amount is `1200.00`. */
function canonical(target: string, field: string, sql: string): string {
  const column = contractOf(target).columns.find((one) => one.name === field);
  if (!column) throw new Error(`${target} has no column ${field}.`);
  return `cast(${castTo(column, `(${sql})`, 'VARCHAR', undefined).sql} as varchar)`;
}

function changesOf(target: string): { table: string; key: string } {
  const contract = contractOf(target);
  return {
    table: (contract.history?.table ?? '').replace('core.', ''),
    key: contract.key[0] ?? '',
  };
}
