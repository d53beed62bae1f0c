import { lifecycleStages, trackedFields } from '../../../data/tracked-fields.ts';
import type { OwnField } from '../../../models/engine/timelines/fields.ts';
import { canonicalsSql, hasMerged } from '../../identity/canonicals.ts';
import type { SegmentEngine } from '../types.ts';
import { movesOf, type Moves } from './moves.ts';
import type { Days } from './span.ts';
import { withNeighbours } from './steps.ts';
import { sweepSql } from './sweep.ts';
import type { Workspace } from './workspace.ts';

type Column = OwnField | 'updated_at' | 'first_seen_at';

/** A contact's row says what it is, unless it is known by its id only. Like models/base/contacts_as_of.malloy, with all known. */
const isDescribed = 'case when described_at is not null then true else not is_stub end';

/**
 * Steps of a column of contacts, by the id that it was recorded with: what its history tells, or the row's own value where the
 * column never changed.
 */
export function recordedSteps(work: Workspace, column: Column): string {
  const type = column === 'first_seen_at' ? 'timestamp' : trackedFields.contact[column];
  const own = column === 'first_seen_at' ? column : `case when ${isDescribed} then ${column} end`;
  return `select contact_id, greatest(valid_from + interval 1 microsecond, ${work.from}) as moment, arg_max({v: value}, valid_from).v::${type} as value
    from versions.contact_changes where field = '${column}' and superseded_at is null and valid_from < ${work.factsUntil} group by all
    union all
    select contact_id, ${work.from}, ${own} from versions.contacts where superseded_at is null
      and contact_id not in (select contact_id from versions.contact_changes where field = '${column}')`;
}

/**
 * When each contact is there: `(contact_id, moment, move)`. From its creation on; of one that was known by its id only, from
 * when it was first seen. Those that another stands for are left out where `persons`.
 */
export async function existence(
  work: Workspace,
  engine: SegmentEngine,
  days: Days,
  persons: boolean,
): Promise<Moves> {
  const tracked = await work.keep(
    'tracked',
    `select distinct contact_id from versions.contact_changes where field in ('created_at', 'first_seen_at')`,
  );
  const after = (column: string) =>
    `coalesce(greatest(${column} + interval 1 microsecond, ${work.from}), ${work.from})`;
  const plain = `select contact_id, case when ${isDescribed} then ${after('created_at')} else ${after('first_seen_at')} end as moment, 1 as move
    from versions.contacts where superseded_at is null and contact_id not in (from ${tracked})`;
  const moves = `from (${plain}) where moment < ${work.until} union all from (${await trackedExistence(work, engine, days, tracked)})`;
  const mine = `select * from (${moves}) where contact_id not in (select contact_id from ${canonicalsSql})`;
  return { table: await work.keep('moves', persons ? mine : moves), base: 0 };
}

/** The same where the history tells of several creations. */
async function trackedExistence(
  work: Workspace,
  engine: SegmentEngine,
  days: Days,
  tracked: string,
): Promise<string> {
  const rows = `select contact_id, ${work.from} as moment, 1 as move from versions.contacts where superseded_at is null and contact_id in (from ${tracked})`;
  const begun = async (column: Column): Promise<[Moves, Moves]> => {
    const recorded = `select * from (${recordedSteps(work, column)}) where contact_id in (from ${tracked})`;
    const steps = `from ${await work.keep('steps', withNeighbours(work, recorded))}`;
    const common = { steps, type: 'timestamp' as const, nothing: 'null::timestamp', days };
    return [
      await movesOf(work, engine, {
        ...common,
        test: { kind: 'aging', ages: [{ after_us: undefined, until_us: undefined }] },
      }),
      await movesOf(work, engine, {
        ...common,
        test: { kind: 'fixed', condition: (column_) => `(${column_} is null)` },
      }),
    ];
  };
  const there: Moves = { table: await work.keep('moves', rows), base: 0 };
  const described: Moves = { table: await work.keep('moves', `${rows} and ${isDescribed}`), base: 0 };
  const leaves = [there, ...(await begun('created_at')), described, ...(await begun('first_seen_at'))];
  return stretchMoves(sweepSql(work, leaves, 'h0 and (h1 or h2) and (h3 or h4 or h5)'));
}

/** The moves of stretches `(contact_id, valid_from, valid_to)`. */
export function stretchMoves(stretches: string): string {
  return `with stretches as (${stretches})
    select contact_id, valid_from as moment, 1 as move from stretches
    union all select contact_id, valid_to, -1 from stretches where valid_to is not null`;
}

/** Steps of a column of contacts, merged ones as one person. */
export async function ownSteps(
  work: Workspace,
  engine: SegmentEngine,
  field: OwnField,
  days: Days,
): Promise<string> {
  const recorded = recordedSteps(work, field);
  if (!(await hasMerged(work.session))) return withNeighbours(work, recorded);
  const steps = await work.keep('steps', recorded);
  const there = await existence(work, engine, days, false);
  return `from ${await work.keep('steps', withNeighbours(work, mergedSteps(work, field, steps, there)))}`;
}

/**
 * The same rule as models/base/contacts.malloy, at every moment at which anything of a person's records changes: the own value
 * of the contact that stands for the others; where it has none, that of whoever was updated last. The furthest lifecycle stage
 * and the earliest creation win.
 */
function mergedSteps(work: Workspace, field: OwnField, steps: string, there: Moves): string {
  const value = {
    lifecycle_stage: `case when max(stage_rank) filter (not is_own and is_there) > coalesce(max(stage_rank) filter (is_own), 0)
      then arg_max(value, stage_rank) filter (not is_own and is_there) else max(value) filter (is_own) end`,
    created_at: `case when max(value) filter (is_own) is null or min(value) filter (not is_own and is_there) < max(value) filter (is_own)
      then min(value) filter (not is_own and is_there) else max(value) filter (is_own) end`,
  }[field as string];
  const ranks = lifecycleStages.map((stage, index) => `when '${stage}' then ${index + 1}`).join(' ');
  const rank = field === 'lifecycle_stage' ? `case v.value ${ranks} end` : 'null::integer';
  const latest = `first(value order by updated_at desc nulls last, contact_id) filter (not is_own and is_there and value is not null)`;
  return `with records as (
      select contact_id, canonical_contact_id as person from ${canonicalsSql}
      union select canonical_contact_id, canonical_contact_id from ${canonicalsSql}),
    updates as (${recordedSteps(work, 'updated_at')}),
    presence as (
      select contact_id, moment, sum(move) over (partition by contact_id order by moment) > 0 as is_there
      from (select contact_id, moment, sum(move)::int as move from ${there.table} group by contact_id, moment)),
    moments as (
      select distinct r.person, c.moment from records r join (
        select contact_id, moment from ${steps} union select contact_id, moment from updates union select contact_id, moment from presence) c using (contact_id)),
    asked as (select m.person, m.moment, r.contact_id, r.contact_id = r.person as is_own from moments m join records r using (person)),
    told as (
      select a.*, v.value, ${rank} as stage_rank, u.value as updated_at, coalesce(p.is_there, false) as is_there
      from asked a
      asof left join ${steps} v on v.contact_id = a.contact_id and a.moment >= v.moment
      asof left join updates u on u.contact_id = a.contact_id and a.moment >= u.moment
      asof left join presence p on p.contact_id = a.contact_id and a.moment >= p.moment)
    select person as contact_id, moment, ${value ?? `coalesce(max(value) filter (is_own), ${latest})`} as value from told group by person, moment
    union all select * from ${steps} where contact_id not in (select contact_id from records)`;
}
