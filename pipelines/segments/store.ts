import { isDeepStrictEqual } from 'node:util';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { BehaviourScans } from '../../models/criteria/behaviours.ts';
import { compileCriteria } from '../../models/criteria/compile.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { segmentDefinitions } from './definitions.ts';
import { getSegment } from './listing.ts';
import type { Segment, SegmentContext, SegmentVersion } from './types.ts';
import { describeUsers, segmentUsers } from './users.ts';
import { accountZone } from './zone.ts';

export interface SegmentInput {
  /** Lower case letters, digits, `_` and `-`, at most 64, beginning with a letter. */
  segment_id: string;
  title: string;
  description?: string | null | undefined;
  /** A tree or the flat list; untrusted. */
  criteria: unknown;
}

/**
 * Creates or changes a segment; an archived one becomes active again. The version counts up, and the definition is kept,
 * where the criteria changed. Members change with the next evaluation.
 * @throws `criteria_invalid`; `bad_request` (id or title); `conflict` where a Malloy segment or a list has the id
 */
export async function saveSegment(context: SegmentContext, input: SegmentInput): Promise<Segment> {
  const { warehouse } = context;
  const { segment_id: id, title } = input;
  checkName(id, title);
  await refuseMalloyId(context, id);
  const criteria = await readCriteria(context, input.criteria, id);

  await warehouse.ledger.transaction(async (tx) => {
    const at = toTimestamp(warehouse.clock.now());
    const before = await tx.one<{ version: number; kind: string; criteria: Criteria | null }>(
      'select version, kind, criteria from ops.segments where segment_id = $1',
      [id],
    );
    if (before?.kind === 'static') {
      throw new MallardError('conflict', `${id} is a list, which has no criteria.`, {
        fields: { segment_id: id },
        remedy: 'Save the criteria under another id, or change the list.',
      });
    }
    const isChanged = before === undefined || !isDeepStrictEqual(before.criteria, criteria);
    const version = (before?.version ?? 0) + (isChanged ? 1 : 0);
    const json = JSON.stringify(criteria);
    const description = input.description ?? null;
    if (before === undefined) {
      await tx.run(
        `insert into ops.segments (segment_id, title, description, kind, criteria, version, status, created_at, updated_at)
         values ($1, $2, $3, 'criteria', $4::json, $5, 'active', $6::timestamp, $6::timestamp)`,
        [id, title, description, json, version, at],
      );
    } else {
      await tx.run(
        `update ops.segments set title = $2, description = $3, criteria = $4::json, version = $5, status = 'active',
           error = case when version = $5 then error end, updated_at = $6::timestamp
         where segment_id = $1`,
        [id, title, description, json, version, at],
      );
    }
    if (isChanged) {
      await tx.run(
        `insert into ops.segment_versions values ($1, $2, $3, 'criteria', $4::json, $5::timestamp)`,
        [id, version, title, json, at],
      );
    }
  });
  return getSegment(context, id);
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
    const users = await segmentUsers(tx, id);
    const who = describeUsers(users);
    if (who !== undefined) {
      throw new MallardError('conflict', `${id} is used by ${who}.`, {
        fields: { segment_id: id, ...users },
        remedy: 'Take it out of them first.',
      });
    }
    await tx.run(
      `update ops.segments set status = 'archived', updated_at = $2::timestamp where segment_id = $1`,
      [id, toTimestamp(warehouse.clock.now())],
    );
  });
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
  const zone = accountZone(context.warehouse);
  compileCriteria(criteria, {
    catalogue: criteriaCatalogue(await context.engine.catalogue()),
    zone,
    scans: new BehaviourScans(zone),
    segments: await segmentDefinitions(context, new Map(id === undefined ? [] : [[id, criteria]])),
  });
  return criteria;
}

/** Throws `conflict` where a model file has the id. */
export async function refuseMalloyId({ engine }: SegmentContext, id: string): Promise<void> {
  const { segments } = await engine.catalogue();
  if (!segments.some(({ name }) => name === id)) return;
  throw new MallardError('conflict', `${id} is a Malloy segment, defined in a model file.`, {
    fields: { segment_id: id },
    remedy: 'Save it under another id, or edit the file.',
  });
}

/** Throws `bad_request`. */
export function checkName(id: string, title: string): void {
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(id)) {
    throw new MallardError('bad_request', `'${id}' is not a segment id.`, {
      fields: { field: 'segment_id' },
      remedy: 'Use lower case letters, digits, _ and -, beginning with a letter, at most 64.',
    });
  }
  if (title.trim() === '' || title.length > 200) {
    throw new MallardError('bad_request', 'A segment has a title of at most 200 characters.', {
      fields: { field: 'title' },
    });
  }
}
