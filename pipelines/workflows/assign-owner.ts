import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { nearestName } from '../../models/criteria/nearest.ts';
import { canonicalsSql } from '../identity/canonicals.ts';
import type { AssignOwner } from './action.ts';

/**
 * The active owners that may be assigned, by id.
 * @throws `bad_request` where an owner or the team is unknown; `conflict` where none of them is active
 */
export async function activeOwners(session: Session, action: AssignOwner): Promise<string[]> {
  const owners = await session.rows<{ owner_id: string; team: string | null; is_active: boolean }>(
    `select owner_id, any_value(team) as team, bool_or(is_active) as is_active from core.owners group by owner_id order by owner_id`,
  );
  const ids = new Set(owners.map(({ owner_id }) => owner_id));
  const unknown = action.owners?.find((id) => !ids.has(id));
  if (unknown !== undefined) throw unknownName('owner', unknown, [...ids]);
  const teams = new Set(owners.flatMap(({ team }) => (team === null ? [] : [team])));
  if (action.team !== undefined && !teams.has(action.team))
    throw unknownName('team', action.team, [...teams]);

  const chosen = owners.filter(
    ({ owner_id, team }) => action.owners?.includes(owner_id) ?? team === action.team,
  );
  const active = chosen.filter(({ is_active }) => is_active).map(({ owner_id }) => owner_id);
  if (active.length > 0) return active;
  throw new MallardError('conflict', 'None of these owners is active.', {
    fields: { owners: chosen.map(({ owner_id }) => owner_id) },
    remedy: 'Name an active owner, or a team that has one.',
  });
}

/** `decided (contact_id, after_value)` from `eligible (contact_id, turn)`; `$owner_ids` is a JSON list. */
export function afterOwnerSql(strategy: AssignOwner['strategy'], openDealsSql: string): string {
  return strategy === 'round_robin' ? roundRobinSql : leastLoadedSql(openDealsSql);
}

const chosenSql = `chosen as (select unnest(from_json($owner_ids, '["VARCHAR"]')) as owner_id)`;

/** Contacts in the order of their ids, owners in the order of theirs: nobody gets two more than another. */
const roundRobinSql = `${chosenSql},
  seats as (select owner_id, row_number() over (order by owner_id) - 1 as seat, count(*) over () as seats from chosen),
  decided as (
    select e.contact_id, s.owner_id as after_value from eligible e join seats s on s.seat = (e.turn - 1) % s.seats)`;

/**
 * Fills the least loaded first, until all have the same (within 1), as water fills a vessel. An owner's load is the contacts
 * they have outside of this action, customers aside, and their open deals.
 *
 * With owners in the order of load, the first k take part, where k is the largest number whose last owner's load lies under
 * the level that the others reach; the level is (contacts + their loads) ÷ k, and its remainder goes to the first ones.
 */
function leastLoadedSql(openDealsSql: string): string {
  return `${chosenSql},
  contact_loads as (
    select owner_id, count(*) as contacts from core.contacts
    where owner_id is not null and lifecycle_stage is distinct from 'customer' and contact_id not in (select contact_id from eligible)
      and contact_id not in (select contact_id from ${canonicalsSql})
    group by owner_id),
  deal_loads as (${openDealsSql}),
  loads as (
    select owner_id, (coalesce(contacts, 0) + coalesce(deal_count, 0))::bigint as load
    from chosen left join contact_loads using (owner_id) left join deal_loads using (owner_id)),
  ranked as (
    select owner_id, load, row_number() over (order by load, owner_id) as place,
      sum(load) over (order by load, owner_id rows unbounded preceding) as load_sum from loads),
  level as (
    select max(place) as takers, (max_by(load_sum, place) + any_value(total))::bigint as filled
    from ranked, (select count(*) as total from eligible) where load * place - load_sum < total),
  quotas as (
    select owner_id, load, filled // takers - load + case when place <= filled % takers then 1 else 0 end as quota
    from ranked, level where place <= takers),
  seats as (
    select owner_id, row_number() over (order by load + step, owner_id) as turn
    from (select owner_id, load, unnest(range(quota::bigint)) as step from quotas)),
  decided as (select e.contact_id, s.owner_id as after_value from eligible e join seats s using (turn))`;
}

function unknownName(kind: 'owner' | 'team', name: string, known: readonly string[]): MallardError {
  const nearest = nearestName(name, known);
  return new MallardError(
    'bad_request',
    `There is no ${kind} '${name}'.${nearest === undefined ? '' : ` Did you mean '${nearest}'?`}`,
    {
      fields: { field: kind === 'owner' ? 'owners' : 'team', ...(nearest === undefined ? {} : { nearest }) },
      remedy: `Name one of core.owners.`,
    },
  );
}
