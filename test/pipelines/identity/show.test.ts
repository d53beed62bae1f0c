import { expect, test } from 'vitest';
import { mergeContacts } from '../../../pipelines/identity/merge.ts';
import { showContact } from '../../../pipelines/identity/show.ts';
import { entryKinds } from '../../../pipelines/identity/timeline-sql.ts';
import { openIdentity } from './support.ts';

/** One row of everything, under a (in January) and b (in February). */
async function openPerson() {
  const { warehouse, add } = await openIdentity();
  await add(
    { contact_id: 'a', email: 'a@example.com', created_at: '2026-01-01' },
    { contact_id: 'b', email: 'B@example.com', created_at: '2026-02-01', city: 'Rome' },
    { contact_id: 'x', email: 'x@example.com' },
  );
  for (const [id, month] of [
    ['a', '01'],
    ['b', '02'],
    ['x', '03'],
  ] as const) {
    const at = (day: number) => `timestamp '2026-${month}-${String(day).padStart(2, '0')} 10:00:00'`;
    const key = `sha256('${id}@example.com')`;
    const landed = `'test', ${at(28)}`;
    const core = [
      `core.contact_changes values ('${id}', 'lifecycle_stage', 'lead', ${at(2)}, ${landed})`,
      `core.contact_identities values ('${id}', 'crm', '${id}7', 'test', ${at(3)})`,
      `core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at) values ('k${id}', '${id}', 'granted', ${at(4)}, ${landed})`,
      `core.consent_events (consent_event_id, email_key, status, topic, occurred_at, source, recorded_at) values ('l${id}', '${id}@example.com', 'withdrawn', 'news', ${at(5)}, ${landed})`,
      `core.email_events (event_id, event_type, contact_id, occurred_at, source, recorded_at) values ('e${id}', 'opened', '${id}', ${at(6)}, ${landed})`,
      `core.web_events (event_id, event_type, contact_id, url, occurred_at, source, recorded_at) values ('w${id}', 'page_view', '${id}', 'https://example.com/', ${at(7)}, ${landed})`,
      `core.activities (activity_id, activity_type, contact_id, occurred_at, source, recorded_at) values ('v${id}', 'call', '${id}', ${at(8)}, ${landed})`,
      `core.orders (order_id, contact_id, ordered_at, amount, source, recorded_at) values ('o${id}', '${id}', ${at(9)}, 10.50, ${landed})`,
      `core.deals (deal_id, contact_id, name, created_at, source, recorded_at) values ('d${id}', '${id}', 'Deal', ${at(10)}, ${landed})`,
      `core.deal_stage_changes (deal_id, to_stage, occurred_at, source, recorded_at) values ('d${id}', 'won', ${at(11)}, ${landed})`,
      `core.campaign_responses (response_id, contact_id, campaign_id, response_type, occurred_at, source, recorded_at) values ('r${id}', '${id}', 'spring', 'form', ${at(12)}, ${landed})`,
    ];
    const ops = [
      `ops.suppressions (address_key, reason, suppressed_at, source, recorded_at) values (${key}, 'complained', ${at(13)}, ${landed})`,
      `ops.audience (campaign_run_id, message_id, contact_id, decision, reason, recorded_at) values ('run', 'mail', '${id}', 'send', 'eligible', ${at(14)})`,
      `ops.deliveries (delivery_id, campaign_run_id, message_id, contact_id, address_key, outcome, occurred_at, recorded_at) values ('q${id}', 'run', 'mail', '${id}', ${key}, 'accepted', ${at(15)}, ${at(15)})`,
      `ops.segment_changes values ('leads', '${id}', 'entered', ${at(16)}, 1, 'run', ${at(16)})`,
      `ops.segment_memberships_open values ('leads', '${id}', ${at(16)}, null, 'run')`,
      `ops.action_runs (run_id, action, contact_id, status, occurred_at, recorded_at) values ('run', 'create_task', '${id}', 'done', ${at(17)}, ${at(17)})`,
      `ops.tasks (task_id, contact_id, title, created_at) values ('t${id}', '${id}', 'Call', ${at(18)})`,
    ];
    await warehouse.loads.transaction(async (tx) => {
      for (const values of [...core, ...ops]) await tx.run(`insert into ${values}`);
    });
  }
  return warehouse;
}

test('everything of every record of a person, in time order, each once, and nothing of others', async () => {
  const warehouse = await openPerson();
  const alone = await showContact(warehouse, 'a');
  await mergeContacts(warehouse, 'a', 'b');
  const person = await showContact(warehouse, 'b@EXAMPLE.com', { limit: 1_000 });
  expect(person).toMatchObject({
    contact_id: 'a',
    asked_contact_id: 'b',
    members: [{ contact_id: 'a' }, { contact_id: 'b' }],
    segments: [{ segment_id: 'leads' }],
    previous: null,
  });
  expect(person.suppressions).toHaveLength(2);
  expect(person.consent.map(({ topic, status }) => [topic, status])).toEqual([
    ['news', 'withdrawn'],
    [null, 'granted'],
  ]);
  expect(person.profile.find(({ field }) => field === 'city')).toMatchObject({
    value: 'Rome',
    contact_id: 'b',
  });
  const times = person.entries.map(({ at }) => at);
  expect(times).toEqual(times.toSorted());
  // 18 entries of each record, and the merge; every kind there is but the one that needs an unmerge.
  expect(person.entries).toHaveLength(37);
  expect([...new Set(person.entries.map(({ kind }) => kind))].toSorted()).toEqual(
    entryKinds.filter((kind) => kind !== 'merge_undone').toSorted(),
  );
  expect(alone.entries).toHaveLength(18);
  expect(JSON.stringify(person)).not.toContain('x@example.com');
  await expect(showContact(warehouse, 'nobody@example.com')).rejects.toMatchObject({ code: 'not_found' });
});

test('pages are the whole, whatever their size, where times are equal too', async () => {
  const warehouse = await openPerson();
  await mergeContacts(warehouse, 'a', 'b');
  await warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.web_events (event_id, event_type, contact_id, occurred_at, source, recorded_at)
      select 'same', 'page_view', 'b', timestamp '2026-02-07 10:00:00.123456', 'test', timestamp '2026-02-08' from range(5)`),
  );
  const whole = await showContact(warehouse, 'a', { limit: 1_000 });
  for (const limit of [7, 41, 42]) {
    const entries = [];
    let before: string | undefined;
    do {
      const page = await showContact(warehouse, 'a', { limit, before });
      entries.unshift(...page.entries);
      before = page.previous ?? undefined;
    } while (before !== undefined);
    expect(entries).toEqual(whole.entries);
  }
  await expect(showContact(warehouse, 'a', { before: 'then' })).rejects.toMatchObject({
    code: 'bad_request',
  });
});
