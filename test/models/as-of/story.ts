import * as fc from 'fast-check';

/** A base date; every time of a story is so many days after it. */
const start = Date.UTC(2026, 0, 1);

/** ISO, UTC, without an offset. */
export function day(days: number): string {
  return new Date(start + days * 86_400_000).toISOString().slice(0, -1);
}

type Cell = string | number | null;

/** What is told at one moment: rows of a table, a file that replaces its source, or who is who. */
export type Telling =
  | { kind: 'things'; table: 'contacts' | 'companies' | 'deals'; rows: Record<string, Cell>[] }
  | { kind: 'changes'; table: 'contact_changes' | 'deal_changes'; rows: Record<string, Cell>[] }
  | { kind: 'facts'; table: FactTable; rows: Record<string, Cell>[]; replaces?: boolean }
  | { kind: 'owners'; rows: Record<string, Cell>[] }
  | { kind: 'merge'; contacts: [string, string] }
  | { kind: 'unmerge'; contact: string };

export type FactTable = 'orders' | 'email_events' | 'web_events' | 'activities' | 'consent_events';

/** Tellings in the order in which they were recorded, one a day from day 0 on. */
export type Story = Telling[];

/** The key and the time of each table's rows. */
export const keyOf: Record<FactTable, [key: string, time: string]> = {
  orders: ['order_id', 'ordered_at'],
  email_events: ['event_id', 'occurred_at'],
  web_events: ['event_id', 'occurred_at'],
  activities: ['activity_id', 'occurred_at'],
  consent_events: ['consent_event_id', 'occurred_at'],
};

/** c4 has no time of creation; s0 and s1 are known from what they do only. */
const created: Record<string, number | null> = {
  c0: 0,
  c1: 3,
  c2: 9,
  c3: 14,
  c4: null,
  d0: 1,
  d1: 6,
  d2: 12,
};
const contacts = ['c0', 'c1', 'c2', 'c3', 'c4'];
const someone = fc.constantFrom(...contacts);
const time = fc.integer({ min: 0, max: 30 });
const at = time.map(day);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 4 });

const contactRow = fc
  .record(
    {
      contact_id: someone,
      lifecycle_stage: fc.constantFrom('lead', 'mql', 'customer'),
      country: maybe(fc.constantFrom('DE', 'FR', 'IT')),
      city: fc.constantFrom('Bonn', 'Nice'),
      email: fc.constantFrom('one@example.com', 'two@example.com'),
      company_id: fc.constantFrom('a0', 'a1'),
      owner_id: fc.constantFrom('o0', 'o1'),
      plan: maybe(fc.constantFrom('gold', 'tin')),
      updated_at: at,
    },
    { requiredKeys: ['contact_id'] },
  )
  .map((row) => ({
    ...row,
    ...(row.email === undefined ? {} : { email: `${row.contact_id}-${row.email}` }),
    created_at: createdAt(row.contact_id),
  }));

const dealRow = fc
  .record(
    {
      deal_id: fc.constantFrom('d0', 'd1', 'd2'),
      contact_id: maybe(someone),
      company_id: fc.constantFrom('a0', 'a1'),
      owner_id: fc.constantFrom('o0', 'o1'),
      stage: fc.constantFrom('Open', 'Negotiating', 'Won', 'Lost'),
      amount: maybe(fc.integer({ min: 1, max: 5 }).map((n) => n * 100)),
      closed_at: maybe(at),
      updated_at: at,
    },
    { requiredKeys: ['deal_id'] },
  )
  .map((row) => ({ ...row, created_at: createdAt(row.deal_id) }));

const companyRow = fc.record(
  {
    company_id: fc.constantFrom('a0', 'a1'),
    name: fc.constantFrom('Alpha', 'Beta', 'Gamma'),
    industry: maybe(fc.constantFrom('retail', 'steel')),
    updated_at: at,
  },
  { requiredKeys: ['company_id', 'name'] },
);

function createdAt(id: string): string | null {
  const days = created[id] ?? null;
  return days === null ? null : day(days);
}

/** Facts of a table: few keys, so that they are corrected; a key stays with its contact. */
function facts(table: FactTable, rest: Record<string, fc.Arbitrary<Cell>>): fc.Arbitrary<Telling> {
  const [key, when] = keyOf[table];
  const row = fc.record({ n: fc.nat(7), when: at, ...rest }).map(({ n, when: occurred, ...others }) => ({
    [key]: `${table}-${n}`,
    contact_id: [...contacts, null, 's0', 's1'][n] ?? null,
    // A stub is there from the first event that names it: what it did is not moved.
    [when]: n > 5 ? day(8 + n) : occurred,
    ...others,
  }));
  return fc
    .uniqueArray(row, { minLength: 1, maxLength: 4, selector: (one) => (one as Record<string, Cell>)[key] })
    .map((rows): Telling => ({ kind: 'facts', table, rows }));
}

const telling: fc.Arbitrary<Telling> = fc.oneof(
  { weight: 5, arbitrary: things('contacts', contactRow, 'contact_id') },
  { weight: 3, arbitrary: things('deals', dealRow, 'deal_id') },
  { weight: 1, arbitrary: things('companies', companyRow, 'company_id') },
  {
    weight: 1,
    arbitrary: fc
      .record({
        owner_id: fc.constantFrom('o0', 'o1'),
        name: fc.constantFrom('Ann', 'Bo'),
        team: fc.constantFrom('N', 'S'),
      })
      .map((row): Telling => ({ kind: 'owners', rows: [row] })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        contact_id: fc.constantFrom('c0', 'c1', 'c2', 'c3'),
        field: fc.constantFrom('lifecycle_stage', 'country'),
        of: fc.nat(2),
        valid_from: at,
      })
      .map(({ of, ...row }): Telling => ({
        kind: 'changes',
        table: 'contact_changes',
        rows: [
          {
            ...row,
            value: (row.field === 'country' ? ['DE', 'NL', 'SE'] : ['lead', 'sql', 'customer'])[of] ?? '',
          },
        ],
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        deal_id: fc.constantFrom('d0', 'd1'),
        value: fc.constantFrom('Open', 'Won', 'Lost'),
        valid_from: at,
      })
      .map((row): Telling => ({
        kind: 'changes',
        table: 'deal_changes',
        rows: [{ ...row, field: 'stage' }],
      })),
  },
  {
    weight: 3,
    arbitrary: facts('orders', {
      amount: fc.integer({ min: 1, max: 9 }).map((n) => n * 10),
      status: fc.constantFrom('completed', 'completed', 'refunded'),
    }),
  },
  {
    weight: 3,
    arbitrary: facts('email_events', {
      event_type: fc.constantFrom('sent', 'delivered', 'opened', 'clicked', 'unsubscribed'),
      agent_class: fc.constantFrom('human', 'machine'),
    }),
  },
  { weight: 1, arbitrary: facts('web_events', { event_type: fc.constantFrom('page_view', 'form_submit') }) },
  {
    weight: 1,
    arbitrary: facts('activities', { activity_type: fc.constantFrom('call', 'meeting', 'note') }),
  },
  { weight: 1, arbitrary: facts('consent_events', { status: fc.constantFrom('granted', 'withdrawn') }) },
  {
    weight: 1,
    arbitrary: facts('orders', { amount: fc.constant(70), status: fc.constant('completed') }).map((one) => ({
      ...one,
      replaces: true,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(someone, someone).map((pair): Telling => ({ kind: 'merge', contacts: pair })),
  },
  { weight: 1, arbitrary: someone.map((contact): Telling => ({ kind: 'unmerge', contact })) },
);

function things<Row extends Record<string, Cell | undefined>>(
  table: 'contacts' | 'companies' | 'deals',
  row: fc.Arbitrary<Row>,
  key: string,
): fc.Arbitrary<Telling> {
  return fc
    .uniqueArray(row, { minLength: 1, maxLength: 3, selector: (one) => one[key] })
    .map((rows) => ({ kind: 'things', table, rows: rows as Record<string, Cell>[] }));
}

/** Whom everything is about comes first, so that what follows are edits. */
const opening: Telling[] = [
  {
    kind: 'things',
    table: 'contacts',
    rows: contacts.map((id, i) => ({
      contact_id: id,
      lifecycle_stage: 'lead',
      email: `${id}@example.com`,
      owner_id: `o${i % 2}`,
      created_at: createdAt(id),
    })),
  },
  {
    kind: 'things',
    table: 'deals',
    rows: ['d0', 'd1', 'd2'].map((id) => ({
      deal_id: id,
      stage: 'Open',
      amount: 100,
      created_at: createdAt(id),
    })),
  },
];

export const stories: fc.Arbitrary<Story> = fc
  .array(telling, { minLength: 6, maxLength: 16 })
  .map((rest) => [...opening, ...rest]);

/**
 * The story as told by day K to somebody who asks of day T: tellings recorded before K; of these only what had happened
 * before T. A thing's first row happened with its creation, an edit when it became valid; of a fact the last version known by
 * then says when it happened.
 */
export function toldBy(story: Story, t: number, k: number): Story {
  const known = story.slice(0, Math.max(0, Math.ceil(k)));
  const lastTime = new Map<string, string>();
  for (const one of known)
    if (one.kind === 'facts')
      for (const row of one.rows) lastTime.set(factKey(one.table, row), timeOf(one.table, row));
  const latest = new Map<string, string>();
  const seen = new Set<string>();
  const happened = (valid: string) => valid < day(t);
  return known.map((one, recorded): Telling => {
    if (one.kind === 'facts')
      return {
        ...one,
        rows: one.rows.filter((row) => happened(lastTime.get(factKey(one.table, row)) ?? '')),
      };
    if (one.kind === 'changes') {
      const key = one.table === 'contact_changes' ? 'contact_id' : 'deal_id';
      for (const row of one.rows) raise(latest, String(row[key]), String(row['valid_from']));
      return { ...one, rows: one.rows.filter((row) => happened(String(row['valid_from']))) };
    }
    if (one.kind !== 'things') return one;
    const rows = one.rows.filter((row) => {
      const id = String(Object.values(row)[0]);
      const isFirst = !seen.has(id);
      seen.add(id);
      const said = row['updated_at'] ?? undefined;
      const valid = said === undefined ? later(day(recorded), latest.get(id)) : String(said);
      raise(latest, id, isFirst && said === undefined ? '' : valid);
      return isFirst || happened(valid);
    });
    return { ...one, rows };
  });
}

function factKey(table: FactTable, row: Record<string, Cell>): string {
  return `${table} ${String(row[keyOf[table][0]])}`;
}

function timeOf(table: FactTable, row: Record<string, Cell>): string {
  return String(row[keyOf[table][1]]);
}

function later(a: string, b: string | undefined): string {
  return b !== undefined && b > a ? b : a;
}

function raise(latest: Map<string, string>, id: string, to: string): void {
  latest.set(id, later(to, latest.get(id)));
}
