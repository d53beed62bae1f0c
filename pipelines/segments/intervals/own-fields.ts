import { lifecycleStages, trackedFields } from '../../../data/tracked-fields.ts';
import type { OwnField } from '../../../models/engine/timelines/fields.ts';
import { canonicalsSql, hasMerged } from '../../identity/canonicals.ts';
import type { SegmentEngine } from '../types.ts';
import { movesOf, type Moves } from './moves.ts';
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
    from versions.contact_changes where field = '${column}' and superseded_at is null and valid_from < ${work.until} group by all
    union all
    select contact_id, ${work.from}, ${own} from versions.contacts where superseded_at is null
      and contact_id not in (select contact_id from versions.contact_changes where field = '${column}')`;
}

/**
 * When each contact is there: `(contact_id, moment, move)`. From its creation on; of one that was known by its id only, from when it was first seen.
 * Those that another stands for are left out only where `persons`.
 */
export async function existence(
  work: Workspace,
  engine: SegmentEngine,
  daysTable: string,
  persons: boolean,
): Promise<Moves> {
  const begun = async (column: Column, rows: string): Promise<Moves> => {
    const steps = await work.keep('steps', recordedSteps(work, column));
    const past = { kind: 'aging' as const, ages: [{ after_us: undefined, until_us: undefined }] };
    const unset = { kind: 'fixed' as const, malloy: '`value` is null' };
    const common = { steps: `from ${steps}`, type: 'timestamp' as const, nothing: 'null', daysTable };
    const after = await movesOf(work, engine, { ...common, test: past });
    const without = await movesOf(work, engine, { ...common, test: unset });
    const table = await work.keep(
      'moves',
      `from ${after.table} union all from ${without.table} union all select contact_id, ${work.from}, ${without.base} from (${rows})`,
    );
    return { table, base: 0 };
  };
  const all = 'select contact_id from versions.contacts where superseded_at is null';
  const created = await begun('created_at', all);
  const seen = await begun('first_seen_at', all);
  const described: Moves = {
    table: await work.keep(
      'moves',
      `select contact_id, ${work.from} as moment, 1 as move from versions.contacts where superseded_at is null and ${isDescribed}`,
    ),
    base: 0,
  };
  const there: Moves = {
    table: await work.keep('moves', `select contact_id, ${work.from} as moment, 1 as move from (${all})`),
    base: 0,
  };
  const stretches = sweepSql(work, [there, created, described, seen], 'h0 and h1 and (h2 or h3)');
  const mine = persons
    ? `select * from (${stretches}) where contact_id not in (select contact_id from ${canonicalsSql})`
    : stretches;
  return { table: await work.keep('moves', stretchMoves(mine)), base: 0 };
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
  daysTable: string,
): Promise<string> {
  const steps = await work.keep('steps', recordedSteps(work, field));
  if (!(await hasMerged(work.session))) return `from ${steps}`;
  const there = await existence(work, engine, daysTable, false);
  return `from ${await work.keep('steps', mergedSteps(work, field, steps, there))}`;
}

/**
 * The same rule as models/base/contacts.malloy, at every moment at which anything of a person's records changes: the own value of the contact that stands for
 * the others; where it has none, that of whoever was updated last. The furthest lifecycle stage and the earliest creation win.
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
