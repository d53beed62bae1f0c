import { parameters } from './parameters.ts';
import { list } from './random.ts';
import type { Sampler } from './sampler.ts';

const { email, abTest } = parameters;

/** Numbers of event types in `mail_log`; `ending` in `sends` uses the same. */
const eventTypes = [
  'sent',
  'delivered',
  'bounced',
  'opened',
  'clicked',
  'unsubscribed',
  'complained',
] as const;
const agents = ['human', 'proxy', 'machine'] as const;
/** Of each agent, as pipelines/tracking/classify.ts names them. */
const reasons = ['user_agent', 'apple_privacy_proxy', 'all_links_within_seconds'] as const;

const browsers = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
] as const;

/** One kind of event: which sends have it (`where`), when (`ms`), and by whom; SQL over `sends`. */
interface LoggedEvent {
  type: (typeof eventTypes)[number];
  by?: (typeof agents)[number];
  ms: string;
  where: string;
  /** SQL of a number of links: one event each. */
  links?: string;
  /** Tells two events of one type, agent and mail apart; default 0. */
  ordinal?: number;
}

/**
 * Table `mail_log`: one narrow row per event (ms, i, mailing, type, agent, link, arm, bounce). Numbers only: twenty
 * million rows are sorted later, and text is added while they are written.
 */
export async function createMailLog(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table mail_log (ms bigint, i integer, mailing smallint, type tinyint, agent tinyint, link tinyint, arm tinyint, bounce tinyint)`,
  );
  const add = async (event: LoggedEvent) => {
    const agent = event.by === undefined ? 0 : 1 + agents.indexOf(event.by);
    // `links`: one event for each of the first so many links of the mail.
    const from =
      event.links === undefined
        ? 'sends'
        : `(select *, unnest(range(1, 1 + ${event.links})) as link from sends)`;
    const link = event.links === undefined ? `, ${event.ordinal ?? 0} as link` : '';
    await sampler.run(
      `insert into mail_log select ms, i, mailing, ${1 + eventTypes.indexOf(event.type)}, ${agent}, link, arm, bounce
       from (select *${link}, (${event.ms})::bigint as ms from ${from} where ${event.where})
       where ms < horizon() * 1000`,
    );
  };
  const after = (ms: string, delay: string, meanMs: number) =>
    `${ms} + exponential('${delay}', i, mailing) * ${meanMs}`;

  await add({ type: 'sent', ms: 'sent_ms', where: 'true' });
  await add({ type: 'delivered', ms: 'delivered_ms', where: 'bounce = 0' });
  await add({ type: 'bounced', ms: 'sent_ms + 1000 + sent_ms % 29000', where: 'bounce > 0' });
  await add({ type: 'opened', by: 'human', ms: 'opened_ms', where: 'is_opened' });
  await add({
    type: 'opened',
    by: 'human',
    ordinal: 1,
    ms: after('opened_ms + 600000', 'reopen:delay', 86_400_000),
    where: `is_opened and uniform('reopen', i, mailing) < ${email.reopenRate}`,
  });
  await add({
    type: 'clicked',
    by: 'human',
    links: 'links',
    ms: after('opened_ms + 4000 + link * 15000', 'click:delay', 30_000),
    where: 'links > 0',
  });
  await add({
    type: 'opened',
    by: 'proxy',
    ms: after('delivered_ms + 20000', 'proxy:delay', 1_800_000),
    where: 'is_proxied',
  });
  // A scanner opens at once and follows every link within seconds.
  await add({
    type: 'opened',
    by: 'machine',
    ms: 'delivered_ms + 800 + delivered_ms % 900',
    where: 'is_scanned',
  });
  await add({
    type: 'clicked',
    by: 'machine',
    links: String(email.linksPerMail),
    ms: 'delivered_ms + 1800 + link * (300 + delivered_ms % 700)',
    where: 'is_scanned',
  });
  await sampler.run(
    `insert into mail_log select ending_ms, e.i, e.mailing, e.ending, case when e.ending = 6 then 1 else 0 end, 0, arm, 0
     from endings e join sends using (i, mailing) where e.ending in (6, 7) and ending_ms < horizon() * 1000`,
  );
}

/** SQL of `email_events` in order of time. One explicit ORDER BY at the end: a join does not keep a sorted table's order. */
export const emailEventsSql = `
  with wide as (
    select l.*, p.contact_id, p.email, m.campaign_id, p.company
    from mail_log l join people p using (i) join mailings m using (mailing)
    order by ms, i, mailing, type, agent, link)
  select short_id('e', ((i::bigint * 512 + mailing) * 8 + type) * 16 + agent * 4 + link) as event_id,
    ${list(eventTypes)}[type] as event_type, contact_id, email, campaign_id,
    'run_' || campaign_id as campaign_run_id,
    case arm when 1 then '${abTest.arms[0].messageId}' when 2 then '${abTest.arms[1].messageId}' else 'msg_' || campaign_id end as message_id,
    case when type = 5 then ['https://www.example.com/offers', 'https://www.example.com/guide', 'https://www.example.com/account'][link]
         when type = 6 then 'https://www.example.com/unsubscribe' end as url,
    case when agent > 0 then ${list(agents)}[agent] end as agent_class,
    case when agent > 0 then ${list(reasons)}[agent] end as agent_reason,
    case when type = 3 then case bounce when 2 then 'hard' else 'soft' end end as bounce_class,
    case when type = 3 then case bounce when 2 then '550 5.1.1 user unknown' else '452 4.2.2 mailbox full' end end as reason,
    -- Addresses of the documentation and benchmark networks: nobody's.
    case agent when 1 then '198.18.' || (i // 250 % 250) || '.' || (i % 250 + 1)
               when 2 then '192.0.2.' || (i % 250 + 1)
               when 3 then '203.0.113.' || (company % 250 + 1) end as ip,
    -- A scanner claims to be a browser: only what it does tells.
    case agent when 1 then ${list(browsers)}[1 + i % ${browsers.length}]
               when 2 then 'Mozilla/5.0'
               when 3 then '${browsers[0]}' end as user_agent,
    time_of_ms(ms) as occurred_at
  from wide`;
