import { isDeepStrictEqual } from 'node:util';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { checkCriteria } from '../../models/criteria/faults.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import type { Catalogue } from '../../models/engine/types.ts';
import { segmentDefinitions } from './definitions.ts';
import { getSegment } from './listing.ts';
import type { Segment, SegmentContext, SegmentVersion } from './types.ts';
import { describeUsers, segmentUsers, type SegmentUsers } from './users.ts';
import { accountZone } from './zone.ts';

export interface SegmentInput {
  /** Lower case letters, digits, `_` and `-`, at most 64, beginning with a letter. */
  segment_id: string;
  title: string;
  description?: string | null | undefined;
  /** A tree or the flat list; untrusted. */
  criteria: unknown;
}

/** A definition that was checked. */
export interface SegmentDefinition {
  segment_id: string;
  title: string;
  description: string | null;
  criteria: Criteria;
}

/**
 * Creates or changes a segment; an archived one becomes active again. The version counts up, and the definition is kept,
 * where the criteria changed. Members change with the next evaluation.
 * @throws `criteria_invalid`; `bad_request` (id or title); `conflict` where a Malloy segment or a list has the id
 */
export async function saveSegment(context: SegmentContext, input: SegmentInput): Promise<Segment> {
  const { warehouse, engine } = context;
  const { segment_id: id, title } = input;
  checkId(id);
  checkTitle(title);
  refuseTagged(await engine.catalogue(), id);
  const criteria = await readCriteria(context, input.criteria, id);
  const definition = { segment_id: id, title, description: input.description ?? null, criteria };
  await warehouse.ledger.transaction((tx) =>
    writeSegments(tx, [definition], toTimestamp(warehouse.clock.now())),
  );
  return getSegment(context, id);
}

const definitionShape = `'[{"segment_id": "VARCHAR", "title": "VARCHAR", "description": "VARCHAR", "criteria": "VARCHAR", "version": "INTEGER"}]'`;
const definitionRows = `(select unnest(from_json($1, ${definitionShape}), recursive := true))`;

/** Writes definitions, each as `saveSegment` says, in the caller's transaction on the ledger lane. Answers their versions. */
export async function writeSegments(
  tx: Session,
  definitions: readonly SegmentDefinition[],
  at: string,
): Promise<Map<string, number>> {
  const stored = await tx.rows<{
    segment_id: string;
    version: number;
    kind: string;
    criteria: Criteria | null;
  }>(
    `select segment_id, version, kind, criteria from ops.segments where segment_id in (select unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify(definitions.map(({ segment_id }) => segment_id))],
  );
  const written = definitions.map((definition) => {
    const before = stored.find(({ segment_id }) => segment_id === definition.segment_id);
    if (before?.kind === 'static') throw listError(definition.segment_id);
    const isChanged = before === undefined || !isDeepStrictEqual(before.criteria, definition.criteria);
    const version = (before?.version ?? 0) + (isChanged ? 1 : 0);
    // JSON inside of JSON, so that the criteria are kept as they are written here, to the digit.
    const row = { ...definition, criteria: JSON.stringify(definition.criteria), version };
    return { row, isNew: before === undefined, isChanged };
  });
  const run = async (sql: string, chosen: typeof written) =>
    chosen.length > 0 && (await tx.run(sql, [JSON.stringify(chosen.map(({ row }) => row)), at]));
  await run(
    `insert into ops.segments (segment_id, title, description, kind, criteria, version, status, created_at, updated_at)
     select segment_id, title, description, 'criteria', criteria::json, version, 'active', $2::timestamp, $2::timestamp from ${definitionRows}`,
    written.filter(({ isNew }) => isNew),
  );
  await run(
    `update ops.segments s set title = d.title, description = d.description, criteria = d.criteria::json, version = d.version,
       status = 'active', error = case when s.version = d.version then s.error end, updated_at = $2::timestamp
     from ${definitionRows} d where s.segment_id = d.segment_id`,
    written.filter(({ isNew }) => !isNew),
  );
  await run(
    `insert into ops.segment_versions
     select segment_id, version, title, 'criteria', criteria::json, $2::timestamp from ${definitionRows}`,
    written.filter(({ isChanged }) => isChanged),
  );
  return new Map(written.map(({ row }) => [row.segment_id, row.version]));
}

/**
 * Archives a segment: its definition and history stay, its members leave with the next evaluation.
 * @throws `not_found`; `conflict` where it is a Malloy segment, or in use, naming the users
 */
export async function deleteSegment(context: SegmentContext, id: string): Promise<void> {
  const segment = await getSegment(context, id);
  if (segment.kind === 'malloy') {
    throw new MallardError('conflict', `${id} is a Malloy segment.`, {
      fields: { segment_id: id },
      remedy: 'Remove its #(segment) tag from the model file.',
    });
  }
  const { warehouse } = context;
  await warehouse.ledger.transaction(async (tx) => {
    for (const used of await usedSegments(tx, [id])) throw used;
    await archiveSegments(tx, [id], toTimestamp(warehouse.clock.now()));
  });
}

/**
 * Of each segment that is used, the `conflict` that names its users: it cannot be archived.
 * @param changing segments whose own use does not count: they go, or are written anew, with it
 */
export async function usedSegments(
  session: Session,
  ids: readonly string[],
  changing: ReadonlySet<string> = new Set(),
): Promise<MallardError[]> {
  const errors: MallardError[] = [];
  for (const id of ids) {
    const found = await segmentUsers(session, id);
    const users: SegmentUsers = { ...found, segments: found.segments.filter((user) => !changing.has(user)) };
    const who = describeUsers(users);
    if (who === undefined) continue;
    errors.push(
      new MallardError('conflict', `${id} is used by ${who}.`, {
        fields: { segment_id: id, ...users },
        remedy: 'Take it out of them first.',
      }),
    );
  }
  return errors;
}

/** In the caller's transaction on the ledger lane. */
export async function archiveSegments(tx: Session, ids: readonly string[], at: string): Promise<void> {
  if (ids.length === 0) return;
  await tx.run(
    `update ops.segments set status = 'archived', updated_at = $2::timestamp
     where segment_id in (select unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify(ids), at],
  );
}

/** Every definition a saved segment has had, the newest first. */
export async function segmentVersions(context: SegmentContext, id: string): Promise<SegmentVersion[]> {
  await getSegment(context, id);
  return context.warehouse.read((session) =>
    session.rows<SegmentVersion>(
      `select segment_id, version, title, criteria, created_at from ops.segment_versions where segment_id = $1
       order by version desc`,
      [id],
    ),
  );
}

/**
 * Criteria from outside that fit the catalogue, and name segments that there are. Throws `criteria_invalid`.
 * @param id the segment that they are to be of: it may not name itself, by a circle neither
 */
export async function readCriteria(context: SegmentContext, input: unknown, id?: string): Promise<Criteria> {
  const criteria = parseCriteria(input);
  return checkCriteria(criteria, {
    catalogue: criteriaCatalogue(await context.engine.catalogue()),
    zone: accountZone(context.warehouse),
    segments: await segmentDefinitions(context, new Map(id === undefined ? [] : [[id, criteria]])),
  });
}

function listError(id: string): MallardError {
  return new MallardError('conflict', `${id} is a list, which has no criteria.`, {
    fields: { segment_id: id },
    remedy: 'Save the criteria under another id, or change the list.',
  });
}

/** Throws `conflict` where a model file defines a segment of this id. */
export function refuseTagged({ segments }: Pick<Catalogue, 'segments'>, id: string): void {
  if (!segments.some(({ name }) => name === id)) return;
  throw new MallardError('conflict', `${id} is a Malloy segment, defined in a model file.`, {
    fields: { segment_id: id },
    remedy: 'Save it under another id, or edit the file.',
  });
}

/** What stands in the place of an id in the API's paths. */
const reserved: ReadonlySet<string> = new Set(['export', 'migration', 'performance']);

/** Throws `bad_request`. */
export function checkId(id: string): void {
  if (reserved.has(id)) {
    throw new MallardError(
      'bad_request',
      `'${id}' cannot be a segment's id: the API has another use for it.`,
      {
        fields: { field: 'segment_id' },
        remedy: 'Choose another.',
      },
    );
  }
  if (/^[a-z][a-z0-9_-]{0,63}$/.test(id)) return;
  throw new MallardError('bad_request', `'${id}' is not a segment id.`, {
    fields: { field: 'segment_id' },
    remedy: 'Use lower case letters, digits, _ and -, beginning with a letter, at most 64.',
  });
}

/** Throws `bad_request`. */
export function checkTitle(title: string): void {
  if (title.trim() !== '' && title.length <= 200) return;
  throw new MallardError('bad_request', 'A segment has a title of at most 200 characters.', {
    fields: { field: 'title' },
  });
}
