import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { nearestName } from '../../models/criteria/nearest.ts';
import { canonicalsSql } from '../identity/canonicals.ts';
import type { CatalogueSegment } from '../../models/engine/types.ts';
import type { Segment, SegmentContext } from './types.ts';

/** What a segment is, without what its evaluations found. */
export type DefinedSegment = Omit<Segment, 'member_count' | 'evaluated_as_of'>;

/** Saved segments and those tagged in model files, by id. Archived ones only where asked for. */
export async function listSegments(
  context: SegmentContext,
  options: { includeArchived?: boolean | undefined } = {},
): Promise<Segment[]> {
  const [segments, runs] = await Promise.all([
    listDefined(context, options),
    context.warehouse.read(lastRuns),
  ]);
  return segments.map((segment) => {
    const run = runs.get(segment.segment_id);
    return {
      ...segment,
      error: segment.kind === 'malloy' && run?.error ? run.error : segment.error,
      member_count: run?.member_count ?? null,
      evaluated_as_of: run?.evaluated_as_of ?? null,
    };
  });
}

/** The same without counting members, which reads the changes since the last evaluation: what decides who is in needs none. */
export async function listDefined(
  { warehouse, engine }: SegmentContext,
  { includeArchived = false }: { includeArchived?: boolean | undefined } = {},
): Promise<DefinedSegment[]> {
  const { segments: tagged } = await engine.catalogue();
  const saved = await warehouse.read(savedSegments);
  const taggedIds = new Set(tagged.map(({ name }) => name));
  const all = [
    // A file that takes the id of a saved segment wins: the analyst sees what the file says.
    ...saved.filter(
      ({ segment_id, status }) => !taggedIds.has(segment_id) && (includeArchived || status === 'active'),
    ),
    ...tagged.map(malloySegment),
  ];
  return all.sort((a, b) => (a.segment_id < b.segment_id ? -1 : 1));
}

/** One segment, archived or not. Throws `not_found` with the nearest id. */
export async function getSegment(context: SegmentContext, id: string): Promise<Segment> {
  const all = await listSegments(context, { includeArchived: true });
  const found = all.find((segment) => segment.segment_id === id);
  if (found) return found;
  throw unknownSegment(
    id,
    all.map(({ segment_id }) => segment_id),
  );
}

/** `not_found`, with the nearest of the ids there are. */
export function unknownSegment(id: string, ids: readonly string[]): MallardError {
  const nearest = nearestName(id, ids);
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
  return new MallardError('not_found', `There is no segment '${id}'.${hint}`, {
    fields: { segment_id: id, ...(nearest === undefined ? {} : { nearest }) },
    remedy: 'List them with `mallard segments list`.',
  });
}

interface LastRun {
  segment_id: string;
  member_count: number | null;
  evaluated_as_of: string | null;
  error: string | null;
}

/**
 * Of each segment: the error of its last run; of the last one without one the count and the time, and to the count who entered and
 * left since, evaluated by themselves (touched/).
 */
const lastRunsSql = `
  with last as (
      select segment_id, max(r.rowid) filter (error is null) as position,
        arg_max(member_count, r.rowid) filter (error is null) as member_count,
        arg_max(as_of, r.rowid) filter (error is null) as evaluated_as_of,
        arg_max(recorded_at, r.rowid) filter (error is null) as evaluated_at,
        arg_max(coalesce(error, ''), r.rowid) as error
      from ops.segment_runs r group by segment_id),
    moves as (
      select c.segment_id, t.after_run, count(*) filter (c.change = 'entered')
        - count(distinct (c.run_id, coalesce(k.canonical_contact_id, c.contact_id))) filter (c.change = 'left') as net
      from ops.segment_changes c join ops.segment_touched_runs t on t.run_id = c.run_id
      left join ${canonicalsSql} k on k.contact_id = c.contact_id
      where c.recorded_at >= (select min(evaluated_at) from last) group by c.segment_id, t.after_run),
    moved as (
      select l.segment_id, sum(m.net) as net from last l join moves m on m.segment_id = l.segment_id and m.after_run >= l.position
      group by l.segment_id)
  select segment_id, (member_count + coalesce(net, 0))::int as member_count, evaluated_as_of, error
  from last left join moved using (segment_id)`;

async function lastRuns(session: Session): Promise<Map<string, LastRun>> {
  const rows = await session.rows<LastRun>(lastRunsSql);
  return new Map(rows.map((row) => [row.segment_id, row]));
}

async function savedSegments(session: Session): Promise<DefinedSegment[]> {
  return session.rows<DefinedSegment>(
    `select segment_id, title, description, kind, criteria, version, status, error, created_at, updated_at from ops.segments`,
  );
}

function malloySegment({ name, title, doc }: CatalogueSegment): DefinedSegment {
  return {
    segment_id: name,
    title,
    description: doc ?? null,
    kind: 'malloy',
    criteria: null,
    version: 0,
    status: 'active',
    error: null,
    created_at: null,
    updated_at: null,
  };
}
