import { readAccount } from '../../../data/account.ts';
import { fixedClock } from '../../../data/clock.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { CampaignContext } from '../../../pipelines/campaigns/prepare.ts';
import { openTestWarehouse, testClock } from '../../support.ts';

/** A context whose clock can be moved. */
export interface TestContext extends CampaignContext {
  setTime(iso: string): void;
}

export async function openContext(): Promise<TestContext> {
  let now = testClock;
  const clock = { now: () => now.now() };
  const { project, warehouse } = await openTestWarehouse({ clock });
  return {
    project,
    warehouse,
    clock,
    account: readAccount(project),
    setTime: (iso) => (now = fixedClock(iso)),
  };
}

export interface TestContact {
  id: string;
  email?: string | null;
  firstName?: string | null;
  zone?: string | null;
  /** Default: granted. */
  consent?: 'granted' | 'withdrawn' | null;
  segments?: string[];
  clicks?: number;
}

/** Contacts with their facts, consent and memberships, as loads, build and evaluation would leave them. */
export async function addContacts(
  { warehouse }: { warehouse: Warehouse },
  contacts: readonly TestContact[],
): Promise<void> {
  const rows = contacts.map((contact, index) => ({
    id: contact.id,
    email: contact.email === undefined ? `${contact.id}@example.com` : contact.email,
    first_name: contact.firstName === undefined ? `Name ${contact.id}` : contact.firstName,
    zone: contact.zone ?? null,
    consent: contact.consent === undefined ? 'granted' : contact.consent,
    segments: contact.segments ?? ['all'],
    clicks: contact.clicks ?? 0,
    created_at: `2025-01-01T00:00:${String(index % 60).padStart(2, '0')}`,
  }));
  const params = { rows: JSON.stringify(rows) };
  const arrived = `with arrived as (select unnest(from_json($rows,
    '[{"id":"VARCHAR","email":"VARCHAR","first_name":"VARCHAR","zone":"VARCHAR","consent":"VARCHAR","segments":["VARCHAR"],"clicks":"BIGINT","created_at":"TIMESTAMP"}]'), recursive := true))`;
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(
      `insert into core.contacts (contact_id, email, email_key, first_name, time_zone, created_at, source, recorded_at)
       ${arrived} select id, email, lower(trim(email)), first_name, zone, created_at, 'test', '2025-01-01' from arrived`,
      params,
    );
    await tx.run(
      `insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
       ${arrived} select 'consent_' || id, id, consent, '2025-06-01', 'test', '2025-06-01' from arrived where consent is not null`,
      params,
    );
  });
  await warehouse.build.transaction(async (tx) => {
    await tx.run(
      `create table if not exists mart.contact_facts (contact_id varchar, first_name varchar, created_at timestamp,
         email struct(last_30_days struct(clicks bigint)))`,
    );
    await tx.run(
      `insert into mart.contact_facts ${arrived}
       select id, first_name, created_at, {last_30_days: {clicks: clicks}} from arrived`,
      params,
    );
    await tx.run(
      `insert into ops.segment_memberships_open (segment_id, contact_id, entered_at, run_id)
       ${arrived} select unnest(segments), id, '2026-01-01', 'test' from arrived`,
      params,
    );
  });
}

export const campaign = {
  campaign_id: 'spring',
  title: 'Spring',
  segment_ids: ['all'],
  message: {
    template: {
      subject: 'For {{ first_name }}',
      body: '<p>Hi {{ first_name }}, {% if email.last_30_days.clicks > 2 %}thanks for {{ email.last_30_days.clicks }} clicks{% else %}welcome{% endif %}</p>',
      format: 'html',
    },
  },
} as const;
