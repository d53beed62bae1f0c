import * as fc from 'fast-check';
import { DateTime } from 'luxon';
import type { Session } from '../../../../data/owner/session.ts';

/** A small history of a few people; times are milliseconds since the epoch. */
export interface History {
  contacts: {
    id: string;
    created: number | null;
    isStub: boolean;
    country: string | null;
    updated: number | null;
  }[];
  changes: { id: string; field: string; value: string | null; at: number }[];
  merges: readonly { id: string; into: string }[];
  emails: { id: string; type: string; url: string; agent: string | null; at: number }[];
  orders: { id: string; status: string; currency: string | null; amount: string; at: number }[];
  activities: { id: string; type: string; isCompleted: boolean; at: number }[];
}

export const people = ['a', 'b', 'c', 'd', 'e'] as const;
export const start = Date.UTC(2026, 1, 20);
export const end = Date.UTC(2026, 3, 20);

/** Times that meet each other and the starts of days: whole hours of the zone's days, and a millisecond beside them. */
export function timeIn(zone: string, from = start, to = end): fc.Arbitrary<number> {
  const days = Math.floor((to - from) / 86_400_000);
  return fc
    .record({
      day: fc.integer({ min: 0, max: days - 1 }),
      hour: fc.constantFrom(0, 0, 0, 1, 2, 12, 23),
      beside: fc.constantFrom(-1, 0, 0, 1),
    })
    .map(({ day, hour, beside }) => {
      const at = DateTime.fromMillis(from, { zone }).startOf('day').plus({ days: day });
      return (hour === 0 ? at.startOf('day') : at.set({ hour })).toMillis() + beside;
    });
}

export function history(zone: string): fc.Arbitrary<History> {
  const id = fc.constantFrom(...people);
  const at = timeIn(zone);
  const stage = fc.constantFrom('lead', 'mql', 'customer', null);
  const change = fc.oneof(
    fc.record({ id, field: fc.constant('country'), value: fc.constantFrom('DE', 'FR', null), at }),
    fc.record({ id, field: fc.constant('lifecycle_stage'), value: stage, at }),
    fc.record({ id, field: fc.constant('updated_at'), value: at.map((time) => sqlText(time)), at }),
    fc.record({ id, field: fc.constant('created_at'), value: at.map((time) => sqlText(time)), at }),
    fc.record({ id, field: fc.constant('email'), value: fc.constantFrom('x@example.com', '', null), at }),
  );
  return fc.record({
    contacts: fc.tuple(...people.map((person) => contact(person, at))).map((contacts) => [...contacts]),
    changes: fc.uniqueArray(change, {
      maxLength: 8,
      selector: ({ id: who, field, at: when }) => `${who} ${field} ${when}`,
    }),
    merges: fc.oneof(
      fc.constant([]),
      fc.constant([{ id: 'b', into: 'a' }]),
      fc.constant([
        { id: 'b', into: 'a' },
        { id: 'c', into: 'a' },
      ]),
    ),
    emails: fc.array(
      fc.record({
        id,
        type: fc.constantFrom('sent', 'clicked', 'clicked', 'unsubscribed'),
        url: fc.constantFrom('https://example.com/a', 'https://example.com/b'),
        agent: fc.constantFrom('human', null, 'machine'),
        at,
      }),
      { maxLength: 16 },
    ),
    orders: fc.array(
      fc.record({
        id,
        status: fc.constantFrom('completed', 'completed', 'refunded'),
        currency: fc.constantFrom('USD', 'EUR', null),
        amount: fc.integer({ min: 1, max: 3000 }).map((cents) => (cents / 100).toFixed(2)),
        at,
      }),
      { maxLength: 8 },
    ),
    activities: fc.array(
      fc.record({ id, type: fc.constantFrom('call', 'note'), isCompleted: fc.boolean(), at }),
      { maxLength: 4 },
    ),
  });
}

function contact(person: string, at: fc.Arbitrary<number>) {
  return fc.record({
    id: fc.constant(person),
    created: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: at }),
    isStub: fc.oneof(
      { weight: 5, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    country: fc.constantFrom('DE', 'FR', null),
    updated: fc.oneof(fc.constant(null), at),
  });
}

export function sqlText(at: number): string {
  return new Date(at).toISOString().slice(0, -1).replace('T', ' ');
}

const tables = [
  'contacts',
  'contact_changes',
  'contact_canonicals',
  'email_events',
  'orders',
  'activities',
  'exchange_rates',
];

/** Replaces everything there is by a history. */
export async function write(tx: Session, told: History): Promise<void> {
  for (const table of tables) await tx.run(`delete from core.${table}`);
  const insert = (sql: string, shape: string, rows: unknown) =>
    tx.run(sql.replace('ROWS', `(select unnest(from_json($1, '[${shape}]'), recursive := true))`), [
      JSON.stringify(rows),
    ]);
  const time = <T extends { at: number }>(rows: readonly T[]) =>
    rows.map((row) => ({ ...row, at: sqlText(row.at) }));
  await insert(
    `insert into core.contacts (contact_id, email, email_key, lifecycle_stage, country, created_at, updated_at, is_stub, first_seen_at, source, recorded_at)
     select id, id || '@example.com', id || '@example.com', 'lead', country, if(is_stub, null, created), updated, is_stub, if(is_stub, created, null), 't', timestamp '2026-01-01' from ROWS`,
    '{"id": "VARCHAR", "created": "TIMESTAMP", "updated": "TIMESTAMP", "is_stub": "BOOLEAN", "country": "VARCHAR"}',
    told.contacts.map(({ created, updated, isStub, ...rest }) => ({
      ...rest,
      is_stub: isStub,
      created: created === null ? null : sqlText(created),
      updated: updated === null ? null : sqlText(updated),
    })),
  );
  await insert(
    `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at) select r.id, r.field, r.value, r.at, 't', r.at from ROWS r`,
    '{"id": "VARCHAR", "field": "VARCHAR", "value": "VARCHAR", "at": "TIMESTAMP"}',
    time(told.changes),
  );
  await insert(
    `insert into core.contact_canonicals (contact_id, canonical_contact_id, recorded_at) select id, "into", timestamp '2026-05-01' from ROWS`,
    '{"id": "VARCHAR", "into": "VARCHAR"}',
    told.merges,
  );
  await insert(
    `insert into core.email_events (event_id, event_type, contact_id, url, agent_class, occurred_at, source, recorded_at)
     select uuid()::varchar, r.type, r.id, r.url, r.agent, r.at, 't', r.at from ROWS r`,
    '{"id": "VARCHAR", "type": "VARCHAR", "url": "VARCHAR", "agent": "VARCHAR", "at": "TIMESTAMP"}',
    time(told.emails),
  );
  await insert(
    `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, status, source, recorded_at)
     select uuid()::varchar, r.id, r.at, r.amount, r.currency, r.status, 't', r.at from ROWS r`,
    '{"id": "VARCHAR", "at": "TIMESTAMP", "amount": "DECIMAL(18,2)", "currency": "VARCHAR", "status": "VARCHAR"}',
    time(told.orders),
  );
  await insert(
    `insert into core.activities (activity_id, activity_type, contact_id, is_completed, occurred_at, source, recorded_at)
     select uuid()::varchar, r.type, r.id, r.done, r.at, 't', r.at from ROWS r`,
    '{"id": "VARCHAR", "type": "VARCHAR", "done": "BOOLEAN", "at": "TIMESTAMP"}',
    time(told.activities).map(({ isCompleted, ...row }) => ({ ...row, done: isCompleted })),
  );
  await tx.run(
    `insert into core.exchange_rates (currency, base_currency, rate_date, rate, source, recorded_at)
     select 'EUR', 'USD', day::date, 1.25, 't', timestamp '2026-01-01' from generate_series(date '2026-02-01', date '2026-05-01', interval 2 day) g(day)`,
  );
}
