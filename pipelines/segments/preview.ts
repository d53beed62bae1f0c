import type { ReadOptions } from '../../data/owner/readers.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { malloyPath, malloyString } from '../../models/criteria/literal.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria, CriteriaCatalogue } from '../../models/criteria/types.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { segmentDefinitions } from './definitions.ts';
import { refuseFanOut } from './fan-out.ts';
import { listSegments } from './listing.ts';
import { readOverlap, type SegmentOverlap } from './preview-overlap.ts';
import { readProfile, type PreviewProfile } from './preview-profile.ts';
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
  /** Where asked for: how they meet each segment's present members. */
  overlap?: (SegmentOverlap & { title: string })[];
  /** Where asked for: what sets them apart from all contacts. */
  profile?: PreviewProfile;
}

export interface PreviewOptions {
  /** A tree or the flat list; untrusted. */
  criteria: unknown;
  /** Default: what the marts were built as of. Any other time is computed from the definitions, which takes longer. */
  asOf?: Date | undefined;
  /** Default 10. */
  sampleSize?: number | undefined;
  /** Default false. Costs a scan more, as long as the count's, and a pass over the open memberships. */
  overlap?: boolean | undefined;
  /** Default false. Costs two scans more over all fields that are compared. */
  profile?: boolean | undefined;
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
  const sampleSize = options.sampleSize ?? 10;
  const started = performance.now();
  const [counted, overlap, profile] = await Promise.all([
    warehouse.read(
      (session) =>
        // In one scan. The sample is those of the smallest hash; of them alone what is shown is read.
        session.one<{ count: number; total: number; sample: string[] | null }>(
          `select count(*) filter (${column})::int as count, count(*)::int as total,
             arg_min(contact_id, hash(contact_id), ${Math.max(sampleSize, 1)}) filter (${column}) as sample
           from (${sql})`,
        ),
      limits,
    ),
    options.overlap ? warehouse.read((session) => readOverlap(session, sql, column), limits) : undefined,
    options.profile ? readProfile(context, criteria, { asOf, limits }) : undefined,
  ]);
  const { count = 0, total = 0 } = counted ?? {};
  const ids = (counted?.sample ?? []).slice(0, sampleSize);
  const left = Math.max(1, started + limits.timeoutMs - performance.now());
  const sample = await readSample(context, catalogue, ids, shown, {
    asOf,
    limits: { ...limits, timeoutMs: left },
  });
  return {
    as_of: utcText(asOf),
    count,
    total,
    share: total === 0 ? null : count / total,
    sample,
    ...(overlap && { overlap: await withTitles(context, overlap) }),
    ...(profile && { profile }),
  };
}

/** What is shown of these contacts, in their order. @param paths of the contacts' source */
async function readSample(
  { warehouse, engine }: SegmentContext,
  { contactSource }: CriteriaCatalogue,
  ids: readonly string[],
  paths: readonly string[],
  { asOf, limits }: { asOf: Date; limits: ReadOptions },
): Promise<Record<string, unknown>[]> {
  if (ids.length === 0) return [];
  const columns = paths.map((path, index) => `f${index} is ${malloyPath(path)}`);
  const malloy = `run: ${malloyPath(contactSource)} -> {
  where: contact_id in (${ids.map(malloyString).join(', ')})
  select: contact_id${columns.map((column) => `, ${column}`).join('')}
}`;
  const { sql } = await engine.compileSql(malloy, { asOf, restricted: true });
  const rows = await warehouse.read((session) => session.rows(sql), limits);
  const byId = new Map(rows.map((row) => [row['contact_id'], row]));
  return ids.flatMap((contact_id) => {
    const row = byId.get(contact_id);
    // Whoever was forgotten meanwhile is nobody's sample.
    if (!row) return [];
    return { contact_id, ...Object.fromEntries(paths.map((path, index) => [path, row[`f${index}`]])) };
  });
}

async function withTitles(context: SegmentContext, overlap: readonly SegmentOverlap[]) {
  const segments = await listSegments(context, { includeArchived: true });
  const titles = new Map(segments.map(({ segment_id, title }) => [segment_id, title]));
  return overlap.map((one) => ({ ...one, title: titles.get(one.segment_id) ?? one.segment_id }));
}

function fieldsOf(criteria: Criteria): string[] {
  if ('all' in criteria) return criteria.all.flatMap(fieldsOf);
  if ('any' in criteria) return criteria.any.flatMap(fieldsOf);
  if ('not' in criteria) return fieldsOf(criteria.not);
  return 'field' in criteria ? [criteria.field] : [];
}
