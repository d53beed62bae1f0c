import { errorMessage, MallardError } from '../../data/errors.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { malloyPath, malloyString } from '../../models/criteria/literal.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import type { Criteria, SegmentDefinitions } from '../../models/criteria/types.ts';
import type { Catalogue, CatalogueSegment } from '../../models/engine/types.ts';
import type { Segment, SegmentEngine } from './types.ts';

/** A segment as it is to be evaluated: criteria, the name of a Malloy source, or a list. */
export type EvaluatedSegment = { id: string; version: number } & (
  { criteria: Criteria } | { source: string } | { isList: true }
);

/** How a segment is evaluated; undefined where its model file is gone. */
export function asEvaluated(
  { segment_id: id, version, kind, criteria }: Pick<Segment, 'segment_id' | 'version' | 'kind' | 'criteria'>,
  tagged: readonly CatalogueSegment[],
): EvaluatedSegment | undefined {
  if (kind === 'static') return { id, version, isList: true };
  if (criteria) return { id, version, criteria };
  const source = tagged.find(({ name }) => name === id)?.source;
  return source === undefined ? undefined : { id, version, source };
}

export interface MembershipPlan {
  /** A row per contact of contact_facts: `contact_id`, and a boolean column, never null, for each segment in `columns`. */
  sql: string;
  columns: Map<string, string>;
  /** Why the other segments are left out. */
  errors: Map<string, string>;
  /** The project's source that was read instead of contact_facts; its joins may repeat a contact (fan-out.ts). */
  ownSource: string | undefined;
}

export interface PlanOptions {
  asOf: Date;
  /** IANA zone of the account. */
  zone: string;
  /** What segment conditions may name. */
  definitions: SegmentDefinitions;
}

/** One SELECT for all segments. A segment that does not fit the catalogue or does not compile is set apart; the others go on. */
export async function planMembership(
  engine: SegmentEngine,
  segments: readonly EvaluatedSegment[],
  options: PlanOptions,
): Promise<MembershipPlan> {
  const catalogue = await engine.catalogue();
  const errors = new Map<string, string>();
  const { asOf } = options;
  const fields = await planCriteria(engine, catalogue, segments.filter(hasCriteria), errors, options);

  const columns = new Map([...fields.columns].map(([id, column]) => [id, `f.${column} as ${column}`]));
  const joins: string[] = [];
  for (const segment of segments) {
    if (hasCriteria(segment)) continue;
    try {
      const { sql } = await engine.compileSql(`run: ${memberIdsText(segment)}`, { asOf, restricted: false });
      const alias = `m${joins.length}`;
      joins.push(
        `left join (select distinct contact_id from (${sql})) ${alias} on ${alias}.contact_id = f.contact_id`,
      );
      columns.set(segment.id, `(${alias}.contact_id is not null) as ${alias}`);
    } catch (error) {
      if (!(error instanceof MallardError)) throw error;
      errors.set(segment.id, errorMessage(error));
    }
  }
  const selected = ['f.contact_id', ...columns.values()].join(', ');
  return {
    sql: `select ${selected} from (${fields.sql}) f ${joins.join(' ')}`,
    columns: new Map([...columns].map(([id, text]) => [id, text.slice(text.lastIndexOf(' ') + 1)])),
    errors,
    ownSource: catalogue.contact_source === 'contact_facts' ? undefined : catalogue.contact_source,
  };
}

/** The Malloy text of a query of who is in a segment that has no criteria: contact_id. */
export function memberIdsText(segment: Exclude<EvaluatedSegment, CriteriaSegment>): string {
  return 'source' in segment
    ? `${malloyPath(segment.source)} -> { group_by: contact_id }`
    : `segment_lists -> { where: segment_id = ${malloyString(segment.id)} group_by: contact_id }`;
}

type CriteriaSegment = { id: string; version: number; criteria: Criteria };

/** All criteria in one Malloy query; where that does not compile, each is tried alone, to find which one is to blame. */
async function planCriteria(
  engine: SegmentEngine,
  catalogue: Catalogue,
  segments: readonly CriteriaSegment[],
  errors: Map<string, string>,
  { asOf, zone, definitions }: PlanOptions,
): Promise<{ sql: string; columns: Map<string, string> }> {
  const compile = (malloy: string) => engine.compileSql(malloy, { asOf, restricted: true });
  const options = { catalogue: criteriaCatalogue(catalogue), zone, segments: definitions };

  async function attempt(candidates: readonly CriteriaSegment[]) {
    const query = membershipQuery(candidates, options);
    for (const [id, error] of query.errors) errors.set(id, error.message);
    const { sql } = await compile(
      query.malloy ?? `run: ${malloyPath(catalogue.contact_source)} -> { select: contact_id }`,
    );
    return { sql, columns: query.columns };
  }

  try {
    return await attempt(segments);
  } catch (error) {
    if (!(error instanceof MallardError) || segments.length === 0) throw error;
    const sound: CriteriaSegment[] = [];
    for (const segment of segments) {
      if (errors.has(segment.id)) continue;
      try {
        await attempt([segment]);
        sound.push(segment);
      } catch (own) {
        if (!(own instanceof MallardError)) throw own;
        errors.set(segment.id, own.message);
      }
    }
    // Nobody to blame alone: the fault is not a segment's.
    if (sound.length === segments.length) throw error;
    return await attempt(sound);
  }
}

function hasCriteria(segment: EvaluatedSegment): segment is CriteriaSegment {
  return 'criteria' in segment;
}
