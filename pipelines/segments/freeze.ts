import { errorMessage, MallardError } from '../../data/errors.ts';
import { resolveAsOf } from './as-of.ts';
import type { ListSource } from './list-input.ts';
import { segmentDefinitions } from './definitions.ts';
import { listSegments, unknownSegment } from './listing.ts';
import { asEvaluated, planMembership, type EvaluatedSegment } from './plan.ts';
import { readCriteria } from './store.ts';
import type { SegmentContext } from './types.ts';
import { accountZone } from './zone.ts';

/**
 * SQL of the ids of those whom a segment or criteria select as of the last build.
 * @throws `not_found`; `criteria_invalid`; `conflict` where the marts are not built, or the segment cannot be evaluated
 */
export async function frozenSql(
  context: SegmentContext,
  source: Exclude<ListSource, { contactIds: readonly string[] }>,
): Promise<string> {
  const { warehouse, engine } = context;
  const asOf = await resolveAsOf(warehouse, undefined);
  const segment =
    'segment' in source
      ? await segmentToFreeze(context, source.segment)
      : { id: 'from_criteria', version: 0, criteria: await readCriteria(context, source.criteria) };
  const plan = await planMembership(engine, [segment], {
    asOf,
    zone: accountZone(warehouse),
    definitions: await segmentDefinitions(context),
  });
  const column = plan.columns.get(segment.id);
  const sql = `select contact_id from (${plan.sql}) where ${column ?? 'false'}`;
  const error = plan.errors.get(segment.id) ?? (await failureOf(context, sql));
  if (error === undefined) return sql;
  if ('criteria' in source) throw new MallardError('criteria_invalid', error);
  throw new MallardError('conflict', `${segment.id} cannot be evaluated: ${error}`, {
    fields: { segment_id: segment.id },
    remedy: 'Correct it, or freeze another.',
  });
}

/** Why a query fails at run time: some value that a segment computes may. */
async function failureOf({ warehouse }: SegmentContext, sql: string): Promise<string | undefined> {
  try {
    await warehouse.read((session) => session.one(`select count(*) as members from (${sql})`));
    return undefined;
  } catch (error) {
    if (error instanceof MallardError) throw error;
    return errorMessage(error);
  }
}

async function segmentToFreeze(context: SegmentContext, id: string): Promise<EvaluatedSegment> {
  const [all, { segments: tagged }] = await Promise.all([listSegments(context), context.engine.catalogue()]);
  const found = all.find(({ segment_id }) => segment_id === id);
  const segment = found && asEvaluated(found, tagged);
  if (segment) return segment;
  throw unknownSegment(
    id,
    all.map(({ segment_id }) => segment_id),
  );
}
