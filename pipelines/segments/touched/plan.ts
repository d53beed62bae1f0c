import type { Session } from '../../../data/owner/session.ts';
import type { ModelEngine } from '../../../models/engine/engine.ts';
import type { SegmentDefinitions } from '../../../models/criteria/types.ts';
import { definitionOf } from '../definitions.ts';
import type { DiffColumn } from '../diff.ts';
import { segmentsToEvaluate } from '../evaluate.ts';
import { planMembership, type EvaluatedSegment } from '../plan.ts';
import type { SegmentContext } from '../types.ts';
import { accountZone } from '../zone.ts';
import { overTouched, ownMart, ownMarts, placeholderOf, touchedEngine } from './world.ts';

/** What evaluations of touched contacts need the engine for, compiled once a day or where a segment or a model changes. */
export interface TouchedPlan {
  /** What it was made from. */
  key: string;
  /** The models it was made from. */
  models: unknown;
  /** Of each mart that has rows of its own for who was touched. As of the placeholder, as what follows. */
  marts: { mart: string; sql: string }[];
  /** See `planMembership`. */
  sql: string;
  columns: DiffColumn[];
  /** Which it was made for; those that do not compile here have no column. */
  segments: EvaluatedSegment[];
  /** What their criteria may name. */
  definitions: SegmentDefinitions;
  placeholder: Date;
}

export interface TouchedContext extends Pick<SegmentContext, 'warehouse'> {
  readonly engine: ModelEngine;
}

/**
 * The plan for the day of `now`. A segment is in it where the newest evaluation of all found its members by the definition that it has
 * now: else who was touched would be judged by another one than everybody else.
 * @param without segments to leave out, by id
 */
export async function planTouched(
  context: TouchedContext,
  now: Date,
  without: ReadonlyMap<string, unknown>,
  known: TouchedPlan | undefined,
): Promise<TouchedPlan> {
  const { warehouse, engine } = context;
  const zone = accountZone(warehouse);
  const placeholder = placeholderOf(now, zone);
  const evaluated = await warehouse.read(evaluatedVersions);
  const touched = touchedEngine(engine);
  const [all, { segments: filters }, models] = await Promise.all([
    segmentsToEvaluate(context, undefined),
    touched.catalogue(),
    engine.definitions(),
  ]);
  const isFilter = new Set(filters.map(({ name }) => name));
  const segments = all.filter(
    (segment) =>
      evaluated.get(segment.id) === segment.version &&
      !without.has(segment.id) &&
      (!('source' in segment) || isFilter.has(segment.id)),
  );
  const key = JSON.stringify([segments, placeholder, zone]);
  if (known?.key === key && known.models === models) return known;
  // One that names another segment than these does not compile, and waits for the evaluation of all.
  const definitions = new Map(segments.map((segment) => [segment.id, definitionOf(segment)]));
  const { sql, columns } = await planMembership(touched, segments, { asOf: placeholder, zone, definitions });
  const marts = [];
  for (const mart of ownMarts)
    marts.push({ mart, sql: overTouched(await ownMart(engine, mart, placeholder)) });
  return {
    ...{ key, models, marts, segments, definitions, placeholder },
    sql: overTouched(sql),
    columns: diffColumns(segments, columns),
  };
}

/** One segment's SQL and its column, or undefined where it does not compile here. */
export async function planAlone(
  { warehouse, engine }: TouchedContext,
  segment: EvaluatedSegment,
  { placeholder, definitions }: TouchedPlan,
): Promise<{ sql: string; column: string } | undefined> {
  const options = { asOf: placeholder, zone: accountZone(warehouse), definitions };
  const { sql, columns } = await planMembership(touchedEngine(engine), [segment], options);
  const column = columns.get(segment.id);
  return column === undefined ? undefined : { sql: overTouched(sql), column };
}

function diffColumns(
  segments: readonly EvaluatedSegment[],
  columns: ReadonlyMap<string, string>,
): DiffColumn[] {
  return segments.flatMap(({ id, version }) => {
    const column = columns.get(id);
    return column === undefined ? [] : [{ segment_id: id, version, column }];
  });
}

/** Of each segment the version that its newest evaluation was of; none where that failed. */
async function evaluatedVersions(session: Session): Promise<Map<string, number>> {
  const rows = await session.rows<{ segment_id: string; version: number }>(
    `select segment_id, arg_max(version, r.rowid) as version from ops.segment_runs r
     group by segment_id having arg_max(coalesce(error, ''), r.rowid) = ''`,
  );
  return new Map(rows.map((row) => [row.segment_id, row.version]));
}
