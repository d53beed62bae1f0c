import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { Scratch } from '../../load/scratch.ts';
import { literal } from '../../load/sql.ts';
import { classifyAgent, classifyAgents, type ActedEvent, type Agent } from '../../tracking/classify.ts';
import { querySource, type StagedTables } from './load-sql.ts';
import { agentsTable, type ActedEvents } from './mapping.ts';
import type { StagedTable } from './staged-table.ts';

/** Clicks are classified mail by mail; this many mails' at once. */
const MAILS_AT_ONCE = 20_000;

/**
 * Tells people's opens and clicks from machines', as for events that arrive by webhook. Opens are classified by what decides
 * them: their few different agents; clicks one by one, beside the others of their mail.
 * @returns the table `_agents`: id, agent_class, agent_reason
 */
export async function classifyActed(
  warehouse: Warehouse,
  acted: ActedEvents,
  tables: StagedTables,
  scratch: Scratch,
): Promise<StagedTable> {
  const events = scratch.file('.parquet');
  const agents = scratch.file('.ndjson');
  const path = scratch.file('.parquet');
  const from = `read_parquet(${literal(events)})`;
  const out = createWriteStream(agents);
  const write = async (row: object) => {
    if (!out.write(`${JSON.stringify(row)}\n`)) await once(out, 'drain');
  };
  await warehouse.loads.exclusive(async (session) => {
    await session.run(`copy (${acted.sql(querySource(tables))}) to ${literal(events)} (format parquet)`);
    const opens = await session.rows<{ user_agent: string | null; is_machine: boolean }>(
      `select distinct user_agent, is_machine from ${from} where event_type = 'opened'`,
    );
    for (const open of opens) await write({ event_type: 'opened', ...open, ...agentOfOpen(open) });
    const mails = await session.one<{ mails: number }>(
      `select count(distinct mail)::int as mails from ${from} where event_type = 'clicked'`,
    );
    const parts = Math.max(1, Math.ceil((mails?.mails ?? 0) / MAILS_AT_ONCE));
    for (let part = 0; part < parts; part += 1) {
      const clicks = await session.rows<ClickRow>(
        `select id, user_agent, ip, url, occurred_at, mail, is_machine, delivered_at from ${from}
         where event_type = 'clicked' and coalesce(hash(mail), 0) % ${parts} = ${part}`,
      );
      for (const row of agentsOfClicks(clicks)) await write({ event_type: 'clicked', ...row });
    }
    out.end();
    await once(out, 'close');
    await session.run(`copy (${joinedSql(from, agents)}) to ${literal(path)} (format parquet)`);
  });
  const columns = ['id', 'agent_class', 'agent_reason'];
  const file = { path, name: 'agents' };
  const source = {
    name: file.name,
    path,
    format: 'parquet' as const,
    columns: [],
    from: () => '',
    shape: undefined,
  };
  return { table: agentsTable, file, columns, rows: 1, path, source, cutOut: [] };
}

interface ClickRow {
  id: string;
  user_agent: string | null;
  ip: string | null;
  url: string | null;
  occurred_at: string;
  mail: string | null;
  is_machine: boolean;
  delivered_at: string | null;
}

function agentOfOpen({ user_agent, is_machine }: { user_agent: string | null; is_machine: boolean }): Agent {
  return classifyAgent({
    event_type: 'opened',
    user_agent,
    ip: null,
    url: null,
    occurred_at: '',
    mail: null,
    provider_says_machine: is_machine,
  });
}

function agentsOfClicks(clicks: readonly ClickRow[]): ({ id: string } & Agent)[] {
  const events = clicks.map(
    ({ user_agent, ip, url, occurred_at, mail, is_machine, delivered_at }): ActedEvent => ({
      ...{ event_type: 'clicked', user_agent, ip, url, occurred_at, mail, delivered_at },
      provider_says_machine: is_machine,
    }),
  );
  return classifyAgents(events).map((agent, index) => ({ id: clicks[index]?.id ?? '', ...agent }));
}

/** The agents come back as text: what they are joined to is text as well. */
function joinedSql(events: string, agents: string): string {
  const lines = `read_ndjson(${literal(agents)}, columns = {event_type: 'VARCHAR', id: 'VARCHAR', user_agent: 'VARCHAR',
    is_machine: 'BOOLEAN', agent_class: 'VARCHAR', agent_reason: 'VARCHAR'})`;
  return `select cast(null as bigint) as _row, e.id, a.agent_class, a.agent_reason from ${events} e join ${lines} a
      on e.event_type = 'opened' and a.event_type = 'opened' and a.user_agent is not distinct from e.user_agent and a.is_machine = e.is_machine
    union all select null, id, agent_class, agent_reason from ${lines} where event_type = 'clicked'`;
}
