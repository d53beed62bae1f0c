import { expect, test } from 'vitest';
import { readAccount } from '../../../data/account.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { contactVariables } from '../../../pipelines/campaigns/facts.ts';
import { parseCampaign } from '../../../pipelines/campaigns/definition.ts';
import { planCampaign } from '../../../pipelines/campaigns/plan.ts';
import { openTestWarehouse, testClock } from '../../support.ts';

test('templates take their variables from contact_facts as the models build it', async () => {
  const { project, warehouse } = await openTestWarehouse();
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`insert into core.contacts (contact_id, email, email_key, first_name, lifecycle_stage, created_at, source, recorded_at)
      values ('c1', 'ann@example.com', 'ann@example.com', 'Ann', 'customer', '2026-01-01', 't', '2026-01-01'),
             ('c2', 'bob@example.com', 'bob@example.com', 'Bob', 'lead', '2026-01-01', 't', '2026-01-01')`);
    await tx.run(`insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
      select contact_id, contact_id, 'granted', '2026-02-01', 't', '2026-02-01' from core.contacts`);
    await tx.run(`insert into core.email_events (event_id, event_type, contact_id, email, agent_class, occurred_at, source, recorded_at)
      values ('e1', 'clicked', 'c1', 'ann@example.com', 'human', '2026-10-20', 't', '2026-10-20')`);
  });
  await warehouse.build.transaction((tx) =>
    tx.run(
      `insert into ops.segment_memberships_open select 'all', contact_id, '2026-01-01', null, 'r' from core.contacts`,
    ),
  );
  const engine = new ModelEngine(warehouse);
  await engine.build({ asOf: testClock.now() });
  const paths = (await warehouse.read((session) => contactVariables(session))).map(
    (variable) => variable.path,
  );
  const catalogue = await engine.catalogue();
  const documented = catalogue.fields
    .filter((field) => field.mart === 'contact_facts')
    .map((field) => field.path);
  expect(documented.filter((path) => !paths.includes(path))).toEqual([]);
  const plan = await planCampaign(
    { project, warehouse, clock: testClock, account: readAccount(project) },
    parseCampaign({
      campaign_id: 'spring',
      title: 'Spring',
      segment_ids: ['all'],
      message: {
        template: {
          subject: 'For {{ first_name }}',
          body: '{{ lifecycle_stage }}, {{ email.last_30_days.clicks }} clicks, since {{ created_at | date: "%Y" }}, scored {{ lead_scores.score | default: 0 }}',
          format: 'text',
        },
      },
    }),
  );
  expect(plan).toMatchObject({ send_count: 2, excluded_count: 0 });
  const texts = plan.samples.map((sample) => sample.text.split('\n')[0]);
  expect(texts[0]).toMatch(/^customer, 1 clicks, since 2026, scored \d/);
  expect(texts[1]).toMatch(/^lead, 0 clicks, since 2026, scored \d/);
});
