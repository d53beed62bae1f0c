import { castTo } from './casts.ts';
import type { Column, Contract } from './contracts/contract.ts';
import type { Mapping } from './mapping.ts';
import type { SourceColumn } from './source-file.ts';
import { identifier, literal } from './sql.ts';

export interface LandingOptions {
  /** Goes into the key of rows without one. */
  sourceName: string;
  dateFormat: string | undefined;
  /** The time of the load, as SQL takes it. */
  now: string;
}

/** The columns of the landing table that are the target's, in the contract's order. */
export function landedColumns(contract: Contract, mapping: Mapping): string[] {
  const mapped = new Set(mapping.mapped.map(({ column }) => column.name));
  return contract.columns
    .filter((column) => !column.isInputOnly)
    .filter(
      (column) =>
        mapped.has(column.name) ||
        (column.derivedFrom && mapped.has(column.derivedFrom.column)) ||
        contract.key.includes(column.name) ||
        (contract.resolvesContact && column.name === 'contact_id') ||
        (column.type === 'JSON' && keepsExtra(contract, mapping)),
    )
    .map((column) => column.name);
}

function keepsExtra(contract: Contract, mapping: Mapping): boolean {
  return contract.policy === 'evolve' && mapping.extra.length > 0;
}

/**
 * The SELECT that types a file's records, in nested steps so that nothing is computed twice: `v_` values as the file
 * has them, `r_` trimmed and null where empty, `t_` typed and null where they do not fit.
 */
export function landingSql(
  contract: Contract,
  from: string,
  mapping: Mapping,
  options: LandingOptions,
): string {
  const isNdjson = mapping.mapped.some(({ from: column }) => column.jsonSql !== undefined);
  const extra = keepsExtra(contract, mapping) ? mapping.extra : [];
  const casts = mapping.mapped.map(({ column, from: source }) => ({
    column,
    source,
    cast: castTo(column, `r_${column.name}`, source.type, options.dateFormat),
  }));
  const values = [
    ...mapping.mapped.map(({ column, from: source }) => `${source.sql} as v_${column.name}`),
    ...extra.map((column, index) => `${column.jsonSql ?? column.sql} as e_${index}`),
    ...(isNdjson ? ['_is_object'] : []),
  ];
  const trimmed = mapping.mapped.map(
    ({ column, from: source }) => `${trimmedSql(`v_${column.name}`, source)} as r_${column.name}`,
  );
  const typed = casts.map(({ column, cast }) => `${cast.sql} as t_${column.name}`);
  const landed = landedColumns(contract, mapping).map(
    (name) => `${landedSql(contract, mapping, extra, name, options)} as ${identifier(name)}`,
  );
  return `select ${[...landed, `${faultsSql(contract, casts, isNdjson)} as _faults`, `${hasContentKeySql(contract, mapping)} as _has_content_key`].join(',\n  ')}
    from (select *, ${typed.join(',\n  ')}
    from (select *, ${trimmed.join(',\n  ')}
    from (select ${values.join(', ')} from ${from})))`;
}

/** `trim` on everything doubles the time of a load; the two LIKEs cost nothing and nearly always spare it. */
function trimmedSql(value: string, source: SourceColumn): string {
  if (source.type !== 'VARCHAR') return value;
  return `case when ${value} = '' or ${value} like ' %' or ${value} like '% ' then nullif(trim(${value}), '') else ${value} end`;
}

function landedSql(
  contract: Contract,
  mapping: Mapping,
  extra: readonly SourceColumn[],
  name: string,
  options: LandingOptions,
): string {
  const column = contract.columns.find((one) => one.name === name) as Column;
  const isMapped = mapping.mapped.some((one) => one.column === column);
  const own = isMapped ? `t_${name}` : undefined;
  if (column.type === 'JSON' && extra.length > 0) return attributesSql(own, extra);
  const otherwise = fallbackSql(contract, mapping, column, options);
  if (own && otherwise) return `coalesce(${own}, ${otherwise})`;
  return own ?? otherwise ?? `cast(null as ${column.type})`;
}

function fallbackSql(
  contract: Contract,
  mapping: Mapping,
  column: Column,
  options: LandingOptions,
): string | undefined {
  const { derivedFrom } = column;
  if (derivedFrom && mapping.mapped.some((one) => one.column.name === derivedFrom.column)) {
    return derivedFrom.sql(`t_${derivedFrom.column}`);
  }
  if (contract.contentKey && contract.key[0] === column.name)
    return contentKeySql(column, mapping, options.sourceName);
  return column.default === undefined ? undefined : defaultSql(column.default, options.now);
}

export function defaultSql(sql: string, now: string): string {
  return sql === '$now' ? `timestamp ${literal(now)}` : sql;
}

function hasContentKeySql(contract: Contract, mapping: Mapping): string {
  if (!contract.contentKey) return 'false';
  const key = mapping.mapped.find(({ column }) => column.name === contract.key[0]);
  return key ? `t_${key.column.name} is null` : 'true';
}

/**
 * md5 of source and content: unlike DuckDB's `hash` the same in every version. Empty values are left out, so that a column
 * without values changes no key. Identical rows are told apart later, by their ordinal.
 */
function contentKeySql(key: Column, mapping: Mapping, sourceName: string): string {
  const pairs = mapping.mapped
    .filter(({ column }) => column !== key)
    .map(({ column }) => column.name)
    .sort()
    .map((name) => `${literal(`${name}=`)} || cast(t_${name} as varchar)`);
  return `md5(concat_ws(chr(31), ${[literal(sourceName), ...pairs].join(', ')}))`;
}

/** Empty values are kept as null: on a row that is there, they take the old value away. */
function attributesSql(own: string | undefined, extra: readonly SourceColumn[]): string {
  const pairs = extra.map((column, index) => `${literal(column.name)}, e_${index}`).join(', ');
  return own ? `json_merge_patch(coalesce(${own}, '{}'), json_object(${pairs}))` : `json_object(${pairs})`;
}

function faultsSql(
  contract: Contract,
  casts: readonly { column: Column; source: SourceColumn; cast: { reason: string | undefined } }[],
  isNdjson: boolean,
): string {
  const faults: { when: string; column: string | undefined; value: string | undefined; reason: string }[] =
    [];
  if (isNdjson)
    faults.push({ when: 'not _is_object', column: undefined, value: undefined, reason: 'not a JSON object' });
  const applies = isNdjson ? '_is_object and ' : '';
  for (const { column, source, cast } of casts) {
    const raw = `r_${column.name}`;
    if (column.required)
      faults.push({
        when: `${applies}${raw} is null`,
        column: source.name,
        value: undefined,
        reason: 'missing',
      });
    if (cast.reason === undefined) continue;
    faults.push({
      when: `${raw} is not null and t_${column.name} is null`,
      column: source.name,
      value: `cast(${raw} as varchar)`,
      reason: cast.reason,
    });
  }
  if (contract.oneOf) {
    const present = casts.filter(({ column }) => contract.oneOf?.includes(column.name));
    faults.push({
      when: applies + present.map(({ column }) => `r_${column.name} is null`).join(' and '),
      column: present.map(({ source }) => source.name).join(' or '),
      value: undefined,
      reason: 'missing',
    });
  }
  const none = 'cast(null as varchar)';
  if (faults.length === 0) return none;
  const found = faults.map(
    (fault) =>
      `case when ${fault.when} then {column_name: ${fault.column === undefined ? 'null::varchar' : literal(fault.column)},
        value: ${fault.value ?? 'null::varchar'}, reason: ${literal(fault.reason)}} end`,
  );
  return `case when ${faults.map((fault) => `(${fault.when})`).join(' or ')}
    then cast(to_json(list_filter([${found.join(', ')}], lambda fault: fault is not null)) as varchar) end`;
}
