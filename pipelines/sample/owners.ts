import { firstNames, lastNames } from './names.ts';
import { parameters } from './parameters.ts';
import { text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

export interface Owner {
  ownerId: string;
  name: string;
  email: string;
  team: string;
  managerId: string | undefined;
  isActive: boolean;
  /** What this rep adds to the log-odds of winning a deal; 0 for managers, who sell nothing. */
  winLogit: number;
}

const teams = ['inbound', 'enterprise', 'partners'] as const;

/** One manager a team, then the reps: 8, and one more for each thousand contacts up to 60. The last rep leaves. */
export function makeOwners(contacts: number): Owner[] {
  const reps = Math.min(60, 8 + Math.floor(contacts / 1000));
  const spread = parameters.deals.repWinLogitSpread;
  // Skill must not follow the id: 7 steps through the ranks, which reaches each because reps is no multiple of 7.
  const stride = reps % 7 === 0 ? 5 : 7;
  return Array.from({ length: teams.length + reps }, (_, index) => {
    const rep = index - teams.length;
    const first = firstNames[(index * 5) % firstNames.length] ?? 'Basil';
    const last =
      lastNames[(index * 3 + Math.floor(index / lastNames.length)) % lastNames.length] ?? 'Testwood';
    return {
      ownerId: ownerId(index + 1),
      name: `${first} ${last}`,
      email: `${first}.${last}${index + 1}@team.example.com`.toLowerCase(),
      team: teams[index % teams.length] ?? 'inbound',
      managerId: rep < 0 ? undefined : ownerId((index % teams.length) + 1),
      isActive: index !== teams.length + reps - 1,
      winLogit: rep < 0 ? 0 : round3(-spread + (2 * spread * ((rep * stride) % reps)) / (reps - 1)),
    };
  });
}

function ownerId(number: number): string {
  return `o${String(number).padStart(2, '0')}`;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Table `owners` (owner, owner_id …, win_logit), `owner` the number that the other subjects use. */
export async function createOwners(sampler: Sampler, owners: readonly Owner[]): Promise<void> {
  const rows = owners.map((owner, index) => {
    const manager = owner.managerId === undefined ? 'null' : text(owner.managerId);
    return `(${index + 1}, ${text(owner.ownerId)}, ${text(owner.name)}, ${text(owner.email)}, ${text(owner.team)}, ${manager}, ${owner.isActive}, ${owner.winLogit}::double)`;
  });
  await sampler.run(
    `create table owners as select * from (values ${rows.join(', ')})
       t(owner, owner_id, name, email, team, manager_id, is_active, win_logit)`,
  );
  const leaves = sampler.horizonSeconds - parameters.deals.repLeavesDaysBeforeEnd * daySeconds;
  const managers = teams.length;
  await sampler.run(`create macro rep_leaves_s() as ${leaves}::bigint`);
  await sampler.run(`create macro leaving_rep() as ${owners.length}`);
  // A rep by a uniform; who has left gets nobody new.
  await sampler.run(
    `create macro rep_at(u, s) as (${managers + 1} + floor(u * case when s < rep_leaves_s() then ${owners.length - managers} else ${owners.length - managers - 1} end))::int`,
  );
}
