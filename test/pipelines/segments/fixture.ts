import type { Clock } from '../../../data/clock.ts';
import type { Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { Project } from '../../../data/project.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { openTestWarehouse } from '../../support.ts';

/** A clock that tests move by hand; it begins where the fixed one of the other tests stands. */
export interface MovableClock extends Clock {
  set(iso: string): void;
}

export function movableClock(): MovableClock {
  let now = new Date('2026-11-02T06:00:00Z');
  return { now: () => now, set: (iso) => void (now = new Date(iso)) };
}

export interface SegmentFixture {
  project: Project;
  warehouse: Warehouse;
  engine: ModelEngine;
  clock: MovableClock;
  context: { warehouse: Warehouse; engine: ModelEngine };
  /** Builds the marts that segments read, as of the clock. */
  build: () => Promise<void>;
  /** Runs statements on the loads lane. */
  load: (work: (tx: Session) => Promise<unknown>) => Promise<void>;
}

/** What segments read. The other marts cost half of a build, and are their definitions. */
const martsOfContacts = ['deal_facts', 'contact_facts', 'rfm', 'lead_scores'] as const;

/** An empty warehouse with the shipped models. */
export async function openFixture(): Promise<SegmentFixture> {
  const clock = movableClock();
  const { project, warehouse } = await openTestWarehouse({ clock });
  const engine = new ModelEngine(warehouse);
  return {
    project,
    warehouse,
    engine,
    clock,
    context: { warehouse, engine },
    build: async () => void (await engine.build({ asOf: clock.now(), marts: martsOfContacts })),
    load: async (work) => void (await warehouse.loads.transaction(work)),
  };
}

export interface ContactRow {
  contact_id: string;
  email?: string;
  lifecycle_stage?: string | null;
  owner_id?: string | null;
  country?: string | null;
  created_at?: string;
}

export async function addContacts(tx: Session, rows: readonly ContactRow[]): Promise<void> {
  await tx.run(
    `insert into core.contacts (contact_id, email, email_key, lifecycle_stage, owner_id, country, created_at, source, recorded_at)
     select contact_id, email, lower(email), lifecycle_stage, owner_id, country, created_at, 'test', coalesce(created_at, timestamp '2026-01-01')
     from (select unnest(from_json($1, '[{"contact_id": "VARCHAR", "email": "VARCHAR", "lifecycle_stage": "VARCHAR",
       "owner_id": "VARCHAR", "country": "VARCHAR", "created_at": "TIMESTAMP"}]'), recursive := true))`,
    [
      JSON.stringify(
        rows.map((row) => ({
          email: `${row.contact_id}@example.com`,
          created_at: '2026-01-01T00:00:00',
          ...row,
        })),
      ),
    ],
  );
}

export interface OrderRow {
  contact_id: string;
  ordered_at: string;
  amount?: number;
}

export async function addOrders(tx: Session, rows: readonly OrderRow[]): Promise<void> {
  await tx.run(
    `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, source, recorded_at)
     select uuid()::varchar, contact_id, ordered_at, coalesce(amount, 10), 'USD', 'test', ordered_at
     from (select unnest(from_json($1, '[{"contact_id": "VARCHAR", "ordered_at": "TIMESTAMP", "amount": "DECIMAL(18,2)"}]'), recursive := true))`,
    [JSON.stringify(rows)],
  );
}

export async function addClicks(
  tx: Session,
  rows: readonly { contact_id: string; occurred_at: string }[],
): Promise<void> {
  await tx.run(
    `insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, url, agent_class, occurred_at, source, recorded_at)
     select uuid()::varchar, 'clicked', contact_id, 'c1', 'm1', 'https://example.com/', 'human', occurred_at, 'test', occurred_at
     from (select unnest(from_json($1, '[{"contact_id": "VARCHAR", "occurred_at": "TIMESTAMP"}]'), recursive := true))`,
    [JSON.stringify(rows)],
  );
}
