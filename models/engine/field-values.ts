import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { marts, quoted } from './marts.ts';
import type { Catalogue, CatalogueField } from './types.ts';

/** At most so many different values are a small domain. */
export const mostValues = 50;

/** A counted estimate may be off by some per cent: what is not clearly too many is counted in full. */
const mostEstimated = 2 * mostValues;

export interface FieldValue {
  /** Null: not known. */
  value: string | boolean | null;
  /** Rows of the mart that have it. */
  row_count: number;
}

type ListedColumn = Pick<CatalogueField, 'path' | 'type'>;

interface MartValues {
  as_of: string;
  /** By column; the most frequent first. Columns with too many different values are missing. */
  values: ReadonlyMap<string, FieldValue[]>;
}

/** Gives a field's values, and what the mart they were counted in is as of; undefined where they are not listed. */
export type ValuesOf = (
  field: Pick<CatalogueField, 'mart' | 'path'>,
) => Promise<{ values: FieldValue[]; values_as_of: string } | undefined>;

/**
 * The values of small domains: texts and booleans of the built marts, except what names a person (`#(personal)`) and keys.
 * Counted when asked for, all fields of a mart together, and kept in memory until the mart is built again; never stored.
 */
export function fieldValues(warehouse: Warehouse): (catalogue: Catalogue) => ValuesOf {
  const kept = new Map<string, { key: string; counted: Promise<MartValues> }>();

  async function ofMart(mart: string, columns: readonly ListedColumn[]): Promise<MartValues | undefined> {
    const build = await warehouse.read((session) => newestBuild(session, mart));
    if (!build) return undefined;
    const key = JSON.stringify([build, columns]);
    const known = kept.get(mart);
    if (known?.key === key) return known.counted;
    const counted = warehouse.read(async (session) => ({
      as_of: build.as_of,
      values: await countValues(session, mart, columns),
    }));
    counted.catch(() => kept.delete(mart));
    kept.set(mart, { key, counted });
    return counted;
  }

  return (catalogue) => {
    const asked = new Map<string, Promise<MartValues | undefined>>();
    return async (field) => {
      const [mart, column] = columnOf(field);
      const columns = listedColumns(catalogue, mart);
      if (!columns.some(({ path }) => path === column)) return undefined;
      let counted = asked.get(mart);
      if (!counted) asked.set(mart, (counted = ofMart(mart, columns)));
      const found = await counted;
      const values = found?.values.get(column);
      return found && values && { values, values_as_of: found.as_of };
    };
  };
}

/** contact_facts' `rfm.segment` is a column of the mart rfm. */
function columnOf({ mart, path }: Pick<CatalogueField, 'mart' | 'path'>): [mart: string, column: string] {
  const [head = '', ...rest] = path.split('.');
  return rest.length > 0 && (marts as readonly string[]).includes(head)
    ? [head, rest.join('.')]
    : [mart, path];
}

/** Plain columns only: the structs hold numbers. */
function listedColumns({ fields, sources }: Catalogue, mart: string): ListedColumn[] {
  const key = sources.find(({ name }) => name === mart)?.primary_key;
  return fields
    .filter((field) => field.mart === mart && !field.path.includes('.') && field.path !== key)
    .filter(({ type, is_personal: isPersonal }) => !isPersonal && (type === 'string' || type === 'boolean'))
    .map(({ path, type }) => ({ path, type }));
}

async function newestBuild(session: Session, mart: string) {
  return session.one<{ built_at: string; as_of: string; row: string }>(
    'select built_at, as_of, rowid::varchar as row from ops.mart_builds where mart = $1 order by built_at desc, rowid desc limit 1',
    [mart],
  );
}

async function countValues(
  session: Session,
  mart: string,
  columns: readonly ListedColumn[],
): Promise<Map<string, FieldValue[]>> {
  // A definition may have been edited since the build.
  const present = await session.rows<{ name: string }>(
    `select column_name as name from duckdb_columns()
     where database_name = current_database() and schema_name = 'mart' and table_name = $1`,
    [mart],
  );
  const names = new Set(present.map(({ name }) => name));
  const candidates = columns.filter(({ path }) => names.has(path));
  if (candidates.length === 0) return new Map();

  const estimates = await session.one<Record<string, bigint>>(
    `select ${candidates.map(({ path }, i) => `approx_count_distinct(${quoted(path)}) as c${i}`).join(', ')} from mart.${mart}`,
  );
  const small = candidates.filter((_, i) => Number(estimates?.[`c${i}`] ?? 0) <= mostEstimated);
  if (small.length === 0) return new Map();
  const counted = small.map(({ path }, i) => {
    const column = quoted(path);
    return `to_json({ known: map_entries(histogram(${column}::varchar)), unknown: count(*) filter (${column} is null) })::varchar as c${i}`;
  });
  const counts = await session.one<Record<string, string>>(`select ${counted.join(', ')} from mart.${mart}`);
  const found = new Map<string, FieldValue[]>();
  for (const [i, { path, type }] of small.entries()) {
    const { known, unknown } = JSON.parse(counts?.[`c${i}`] ?? '{}') as {
      known: { key: string; value: number }[] | null;
      unknown: number;
    };
    const values: FieldValue[] = (known ?? []).map(({ key, value }) => ({
      value: type === 'boolean' ? key === 'true' : key,
      row_count: value,
    }));
    if (unknown > 0) values.push({ value: null, row_count: unknown });
    if (values.length > mostValues) continue;
    found.set(
      path,
      values.sort((a, b) => b.row_count - a.row_count || (String(a.value) < String(b.value) ? -1 : 1)),
    );
  }
  return found;
}
