import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { segmentDefinitions } from './definitions.ts';
import { refuseFanOut } from './fan-out.ts';
import type { SegmentContext } from './types.ts';
import { accountZone } from './zone.ts';

export interface SegmentPreview {
  /** UTC, ISO. */
  as_of: string;
  count: number;
  /** Contacts in all. */
  total: number;
  /** count ÷ total; null where there is nobody. */
  share: number | null;
  /** Some members: their id, address and name, and the fields that the criteria name. The same ones each time. */
  sample: Record<string, unknown>[];
}

export interface PreviewOptions {
  /** A tree or the flat list; untrusted. */
  criteria: unknown;
  /** Default: what the marts were built as of. Any other time is computed from the definitions, which takes longer. */
  asOf?: Date | undefined;
  /** Default 10. */
  sampleSize?: number | undefined;
  /** Default 30,000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

const shownAlways = ['email_address', 'first_name', 'last_name', 'lifecycle_stage'];

/** Counts criteria that are not saved, and shows whom they select. Writes nothing. Throws `criteria_invalid`. */
export async function previewSegment(
  context: SegmentContext,
  options: PreviewOptions,
): Promise<SegmentPreview> {
  const { warehouse, engine } = context;
  const criteria = parseCriteria(options.criteria);
  const asOf = await resolveAsOf(warehouse, options.asOf);
  const catalogue = criteriaCatalogue(await engine.catalogue());
  const known = new Set(catalogue.fields.map(({ path }) => path));
  const shown = [...new Set([...shownAlways, ...fieldsOf(criteria)])].filter(
    (path) => known.has(path) && path !== 'contact_id',
  );
  const query = membershipQuery([{ id: 'preview', criteria }], {
    catalogue,
    zone: accountZone(warehouse),
    segments: await segmentDefinitions(context),
    shown,
  });
  for (const error of query.errors.values()) throw error;
  const { sql } = await engine.compileSql(query.malloy ?? '', { asOf, restricted: true });
  const column = query.columns.get('preview') ?? '';
  const limits = {
    timeoutMs: options.timeoutMs ?? 30_000,
    ...(options.signal ? { signal: options.signal } : {}),
  };

  if (catalogue.contactSource !== 'contact_facts')
    await warehouse.read((session) => refuseFanOut(session, sql, catalogue.contactSource), limits);
  const [counted, sample] = await Promise.all([
    warehouse.read(
      (session) =>
        session.one<{ count: number; total: number }>(
          `select count(*) filter (${column})::int as count, count(*)::int as total from (${sql})`,
        ),
      limits,
    ),
    warehouse.read(
      (session) =>
        session.rows(
          `select * exclude (${column}) from (${sql}) where ${column} order by md5(contact_id), contact_id limit $1`,
          [options.sampleSize ?? 10],
        ),
      limits,
    ),
  ]);
  const { count = 0, total = 0 } = counted ?? {};
  const names = new Map(shown.map((path, index) => [`f${index}`, path]));
  return {
    as_of: utcText(asOf),
    count,
    total,
    share: total === 0 ? null : count / total,
    sample: sample.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [names.get(name) ?? name, value])),
    ),
  };
}

function fieldsOf(criteria: Criteria): string[] {
  if ('all' in criteria) return criteria.all.flatMap(fieldsOf);
  if ('any' in criteria) return criteria.any.flatMap(fieldsOf);
  if ('not' in criteria) return fieldsOf(criteria.not);
  return 'field' in criteria ? [criteria.field] : [];
}
