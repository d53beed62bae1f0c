import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classifyAgents, type ActedEvent, type Agent } from '../../../pipelines/tracking/classify.ts';
import { openSample, type OpenSample } from './open-sample.ts';

const contacts = 4000;
let sample: OpenSample;
beforeAll(async () => {
  sample = await openSample({ contacts });
});
afterAll(() => sample.close());

/** Those of the names whose query does not count 0. */
async function failing(names: readonly string[], sql: (name: string) => string): Promise<string[]> {
  const failed: string[] = [];
  for (const name of names) if ((await sample.one(sql(name))) !== 0) failed.push(name);
  return failed;
}

describe('proportions', () => {
  test.each([
    ['email_events', 16, 25],
    ['orders', 1.4, 2.4],
    ['deals', 0.35, 0.6],
    ['web_events', 2.3, 4],
    ['activities', 1, 2],
    ['contact_changes', 3, 6],
  ])('%s: %d to %d a contact', async (table, least, most) => {
    const perContact = (await sample.one(`select count(*) from ${table}`)) / contacts;
    expect(perContact).toBeGreaterThan(least);
    expect(perContact).toBeLessThan(most);
  });

  test('row counts are what the result says', async () => {
    const counted: Record<string, number> = {};
    for (const { table } of sample.files) counted[table] = await sample.one(`select count(*) from ${table}`);
    expect(counted).toEqual(Object.fromEntries(sample.files.map((file) => [file.table, file.rows])));
    expect(sample.truth.counts.rows).toEqual(Object.fromEntries(sample.files.map((f) => [f.table, f.rows])));
  });

  test('about 70 % have granted consent', async () => {
    const share =
      (await sample.one(`select count(*) from consent_events where status = 'granted'`)) / contacts;
    expect(share).toBeGreaterThan(0.67);
    expect(share).toBeLessThan(0.73);
  });
});

describe('integrity', () => {
  test.each([
    ['contacts', 'contact_id'],
    ['companies', 'company_id'],
    ['owners', 'owner_id'],
    ['deals', 'deal_id'],
    ['orders', 'order_id'],
    ['order_lines', 'order_line_id'],
    ['email_events', 'event_id'],
    ['web_events', 'event_id'],
    ['activities', 'activity_id'],
    ['campaign_responses', 'response_id'],
    ['consent_events', 'consent_event_id'],
  ])('%s: %s is unique and there', async (table, key) => {
    expect(await sample.one(`select count(*) - count(distinct ${key}) from ${table}`)).toBe(0);
  });

  test.each([
    ['contacts', 'company_id', 'companies', 'company_id'],
    ['contacts', 'owner_id', 'owners', 'owner_id'],
    ['companies', 'owner_id', 'owners', 'owner_id'],
    ['owners', 'manager_id', 'owners', 'owner_id'],
    ['contact_changes', 'contact_id', 'contacts', 'contact_id'],
    ['deals', 'contact_id', 'contacts', 'contact_id'],
    ['deals', 'company_id', 'companies', 'company_id'],
    ['deals', 'owner_id', 'owners', 'owner_id'],
    ['deals', 'stage', 'deal_stages', 'stage'],
    ['deal_changes', 'deal_id', 'deals', 'deal_id'],
    ['deal_stage_changes', 'deal_id', 'deals', 'deal_id'],
    ['deal_stage_changes', 'owner_id', 'owners', 'owner_id'],
    ['activities', 'contact_id', 'contacts', 'contact_id'],
    ['activities', 'deal_id', 'deals', 'deal_id'],
    ['orders', 'contact_id', 'contacts', 'contact_id'],
    ['order_lines', 'order_id', 'orders', 'order_id'],
    ['email_events', 'contact_id', 'contacts', 'contact_id'],
    ['web_events', 'contact_id', 'contacts', 'contact_id'],
    ['campaign_responses', 'contact_id', 'contacts', 'contact_id'],
    ['consent_events', 'contact_id', 'contacts', 'contact_id'],
    ['quotas', 'owner_id', 'owners', 'owner_id'],
  ])('%s.%s exists in %s', async (from, column, to, key) => {
    expect(await sample.one(`select count(${column}) from ${from}`)).toBeGreaterThan(0);
    expect(
      await sample.one(
        `select count(*) from ${from} where ${column} is not null and ${column} not in (select ${key} from ${to})`,
      ),
    ).toBe(0);
  });

  test('every order is the sum of its lines', async () => {
    expect(
      await sample.one(
        `select count(*) from orders join (select order_id, sum(amount) as amount, sum(quantity) as quantity from order_lines group by 1) l
           using (order_id) where l.amount <> orders.amount or l.quantity <> orders.quantity`,
      ),
    ).toBe(0);
    expect(await sample.one(`select count(distinct order_id) from order_lines`)).toBe(
      await sample.one(`select count(*) from orders`),
    );
  });

  test('the latest change of each field is what the contact and the deal hold', async () => {
    const latest = (table: string, id: string, field: string) =>
      `(select ${id}, arg_max(value, valid_from) as value from ${table} where field = '${field}' group by 1)`;
    const contactFields = ['lifecycle_stage', 'lead_status', 'owner_id', 'country', 'job_title'];
    expect(
      await failing(
        contactFields,
        (field) =>
          `select count(*) from contacts join ${latest('contact_changes', 'contact_id', field)} using (contact_id) where value <> ${field}`,
      ),
    ).toEqual([]);
    const dealFields = ['amount', 'owner_id', 'stage', 'expected_close_date'];
    expect(
      await failing(dealFields, (field) => {
        const current = field === 'amount' ? 'amount::decimal(18,2)' : field;
        return `select count(*) from deals join ${latest('deal_changes', 'deal_id', field)} using (deal_id) where value <> (${current})::varchar`;
      }),
    ).toEqual([]);
    expect(
      await sample.one(
        `select count(distinct contact_id) from contact_changes where field = 'lifecycle_stage'`,
      ),
    ).toBe(contacts);
  });

  test('no two changes of one field at one time', async () => {
    expect(
      await sample.one(
        `select count(*) - count(distinct (contact_id, field, valid_from)) from contact_changes`,
      ),
    ).toBe(0);
    expect(
      await sample.one(`select count(*) - count(distinct (deal_id, field, valid_from)) from deal_changes`),
    ).toBe(0);
  });
});

describe('time', () => {
  const timed = [
    ['email_events', 'occurred_at'],
    ['web_events', 'occurred_at'],
    ['activities', 'occurred_at'],
    ['orders', 'ordered_at'],
    ['campaign_responses', 'occurred_at'],
    ['consent_events', 'occurred_at'],
    ['contact_changes', 'valid_from'],
    ['deals', 'created_at'],
  ] as const;

  test.each(timed)('%s: none before its contact, none at or after the end', async (table, at) => {
    expect(
      await sample.one(
        `select count(*) from ${table} t join contacts c using (contact_id) where t.${at} < c.created_at`,
      ),
    ).toBe(0);
    expect(await sample.one(`select count(*) from ${table} where ${at} >= timestamp '2026-11-02'`)).toBe(0);
    // … and yet up to near the end.
    expect(
      await sample.one(`select count(*) from ${table} where ${at} >= timestamp '2026-10-19'`),
    ).toBeGreaterThan(0);
  });

  test('the other times end before the end too', async () => {
    const times = {
      suppressions: 'suppressed_at',
      deal_changes: 'valid_from',
      deal_stage_changes: 'occurred_at',
      contacts: 'updated_at',
      exchange_rates: 'rate_date',
      spend: 'spend_date',
    };
    expect(
      await failing(
        Object.keys(times),
        (table) =>
          `select count(*) from ${table} where ${times[table as keyof typeof times]} >= timestamp '2026-11-02'`,
      ),
    ).toEqual([]);
    expect(await sample.one(`select count(*) from deals where closed_at >= timestamp '2026-11-02'`)).toBe(0);
  });

  test.each(['email_events', 'web_events', 'orders', 'contact_changes', 'deal_changes'])(
    '%s is stored in order of time',
    async (table) => {
      const at = table === 'orders' ? 'ordered_at' : table.endsWith('changes') ? 'valid_from' : 'occurred_at';
      const path = sample.files.find((file) => file.table === table)?.path ?? '';
      expect(
        await sample.one(
          `select count(*) from (select ${at} as at_, lag(${at}) over (order by file_row_number) as previous
         from read_parquet('${path}', file_row_number = true)) where at_ < previous`,
        ),
      ).toBe(0);
    },
  );

  test('deal stages follow each other in time, and the last is the deal’s', async () => {
    expect(
      await sample.one(
        `select count(*) from (select from_stage, lag(to_stage) over (partition by deal_id order by occurred_at) as previous from deal_stage_changes)
         where from_stage is distinct from previous`,
      ),
    ).toBe(0);
    expect(
      await sample.one(
        `select count(*) from deals where (stage in ('won', 'lost')) <> (closed_at is not null)`,
      ),
    ).toBe(0);
  });
});

describe('who is in it', () => {
  test('contacts with nothing at all', async () => {
    const silent = await sample.one(`select count(*) from truth_contacts where is_silent`);
    expect(silent / contacts).toBeGreaterThan(0.065);
    expect(silent / contacts).toBeLessThan(0.095);
    const tables = [
      'email_events',
      'web_events',
      'activities',
      'orders',
      'deals',
      'campaign_responses',
      'consent_events',
    ];
    expect(
      await failing(
        tables,
        (table) => `select count(*) from ${table} join truth_contacts using (contact_id) where is_silent`,
      ),
    ).toEqual([]);
    expect(
      await sample.one(
        `select count(*) from contact_changes join truth_contacts using (contact_id) where is_silent and field = 'lifecycle_stage'`,
      ),
    ).toBe(silent);
  });

  test('two rows of one person: the address in another case, or the phone', async () => {
    const doubles = await sample.rows<{ kind: string; amount: number; same: number }>(
      `select duplicate_kind as kind, count(*)::int as amount,
         (count(*) filter (where case duplicate_kind when 'email' then a.email <> b.email and lower(a.email) = lower(b.email)
            else a.phone = b.phone and lower(a.email) is distinct from lower(b.email) end))::int as same
       from truth_contacts t join contacts a using (contact_id) join contacts b on b.contact_id = t.duplicate_of group by 1 order by 1`,
    );
    expect(doubles.map((row) => row.kind)).toEqual(['email', 'phone']);
    for (const row of doubles) expect(row.same).toBe(row.amount);
    const share = doubles.reduce((sum, row) => sum + row.amount, 0) / contacts;
    expect(share).toBeGreaterThan(0.012);
    expect(share).toBeLessThan(0.03);
    // Nobody else shares an address.
    expect(await sample.one(`select count(email) - count(distinct lower(email)) from contacts`)).toBe(
      doubles[0]?.amount,
    );
  });

  test('guests buy, some deals have no date or no company', async () => {
    expect(await sample.one(`select count(*) from orders where contact_id is null`)).toBeGreaterThan(20);
    expect(await sample.one(`select count(*) from deals where created_at is null`)).toBeGreaterThan(2);
    expect(await sample.one(`select count(*) from deals where company_id is null`)).toBeGreaterThan(5);
  });

  test('every address is one of the reserved domains', async () => {
    const reserved = `'@([a-z0-9-]+\\.)*(example\\.(com|org|net)|[a-z]+\\.test)$'`;
    expect(
      await failing(
        ['contacts', 'owners', 'suppressions', 'email_events'],
        (table) => `select count(*) from ${table} where not regexp_matches(lower(email), ${reserved})`,
      ),
    ).toEqual([]);
  });

  test('at the end there are new leads, champions, people at risk and dormant ones', async () => {
    const recent = (days: number) => `timestamp '2026-11-02' - interval ${days} day`;
    const segments = {
      new_leads: `select count(*) from contacts where lifecycle_stage in ('subscriber', 'lead') and created_at >= ${recent(30)}`,
      champions: `select count(*) from (select contact_id from orders group by 1 having count(*) >= 5 and max(ordered_at) >= ${recent(30)})`,
      at_risk: `select count(*) from (select contact_id from orders group by 1 having count(*) >= 4 and max(ordered_at) < ${recent(120)})`,
      dormant: `select count(*) from contacts where created_at < ${recent(365)} and contact_id not in (select contact_id from email_events
                where agent_class = 'human' and occurred_at >= ${recent(180)} union select contact_id from orders where contact_id is not null and ordered_at >= ${recent(180)})`,
      three_clicks: `select count(*) from (select contact_id from email_events where event_type = 'clicked' and agent_class = 'human'
                     and occurred_at >= ${recent(30)} group by 1 having count(*) >= 3)`,
    };
    const sizes = await Promise.all(Object.values(segments).map((sql) => sample.one(sql)));
    expect(Math.min(...sizes)).toBeGreaterThan(5);
  });
});

describe('mails', () => {
  test('nothing is sent after an unsubscribe, a complaint, a hard bounce, a suppression or a withdrawal', async () => {
    expect(
      await sample.one(
        `select count(*) from email_events where event_type in ('unsubscribed', 'complained') or bounce_class = 'hard'`,
      ),
    ).toBeGreaterThan(50);
    expect(
      await sample.one(
        `with stops as (
           select contact_id, min(occurred_at) as at_ from email_events
           where event_type in ('unsubscribed', 'complained') or bounce_class = 'hard' group by 1
           union all select contact_id, occurred_at from consent_events where status = 'withdrawn' and method = 'preference_page'
           union all select contact_id, suppressed_at from suppressions s join contacts c on c.email = s.email)
         select count(*) from email_events e join stops using (contact_id) where event_type = 'sent' and e.occurred_at >= at_`,
      ),
    ).toBe(0);
  });

  test('only who consented is written to, an address once a mailing', async () => {
    expect(
      await sample.one(
        `select count(*) from email_events where contact_id not in (select contact_id from consent_events where status = 'granted')`,
      ),
    ).toBe(0);
    expect(
      await sample.one(
        `select count(*) - count(distinct (lower(email), message_id)) from email_events where event_type = 'sent'`,
      ),
    ).toBe(0);
  });

  test('our own classifier says the same of each click', async () => {
    const events = await sample.rows<ActedEvent & Agent>(
      `select e.event_type, e.user_agent, e.ip, e.url, strftime(e.occurred_at, '%Y-%m-%dT%H:%M:%S.%gZ') as occurred_at,
         e.contact_id || e.message_id as mail, strftime(d.occurred_at, '%Y-%m-%dT%H:%M:%S.%gZ') as delivered_at, e.agent_class, e.agent_reason
       from email_events e join email_events d using (contact_id, message_id)
       where d.event_type = 'delivered' and e.event_type = 'clicked' and e.occurred_at < timestamp '2026-11-01 23:00:00'`,
    );
    const found = classifyAgents(events);
    const differing = events.filter(({ agent_class }, index) => {
      // A scanner's open looks like a reader's; only the clicks show what it is.
      return found[index]?.agent_class !== agent_class;
    });
    expect(events.length).toBeGreaterThan(2000);
    expect(differing).toEqual([]);
  });

  test('a scanner follows every link within seconds, a proxy only opens', async () => {
    const machines = await sample.rows<{ clicks: number; seconds: number }>(
      `select count(distinct url)::int as clicks, max(date_diff('millisecond', delivered_at, occurred_at)) / 1000.0 as seconds
       from email_events join (select contact_id, message_id, occurred_at as delivered_at from email_events where event_type = 'delivered') using (contact_id, message_id)
       where agent_class = 'machine' and event_type = 'clicked' and occurred_at < timestamp '2026-11-01 23:59:00' group by contact_id, message_id`,
    );
    expect(machines.length).toBeGreaterThan(100);
    expect(machines.every((mail) => mail.clicks === 3 && mail.seconds < 10)).toBe(true);
    expect(
      await sample.one(
        `select count(*) from email_events where agent_class = 'proxy' and event_type <> 'opened'`,
      ),
    ).toBe(0);
    expect(
      await sample.one(
        `select count(*) from email_events where (event_type in ('opened', 'clicked', 'unsubscribed')) <> (agent_class is not null and agent_reason is not null)`,
      ),
    ).toBe(0);
  });
});
