import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../data/clock.ts';
import { openTestWarehouse } from '../../support.ts';
import { counts, loadText, rowsOf } from './support.ts';

/** A clock that a test can move. */
function movable(iso: string): Clock & { at: Date } {
  return {
    at: new Date(iso),
    now() {
      return this.at;
    },
  };
}

const fromStart = '0001-01-01T00:00:00Z';

describe('history', () => {
  test('a changed contact appends what was and what is; the same again appends nothing', async () => {
    const clock = movable('2026-03-01T00:00:00Z');
    const { warehouse } = await openTestWarehouse({ clock });
    const changes = () =>
      rowsOf(
        warehouse,
        `select contact_id || '.' || field as field, value, valid_from, recorded_at from core.contact_changes
         order by contact_id, field, valid_from`,
      );
    const header = 'contact_id,lifecycle_stage,country,city,created_at,updated_at\n';
    await loadText(
      warehouse,
      'contacts',
      `${header}c1,Lead,DE,Bonn,2026-01-01,2026-01-01\nc2,lead,,Köln,,\n`,
    );
    expect(await changes()).toEqual([]);

    clock.at = new Date('2026-04-01T00:00:00Z');
    // c2 has no times of its own.
    const second = `${header}c1,MarketingQualifiedLead,DE,Berlin,2026-01-01,2026-03-15\nc2,lead,FR,Köln,,\n`;
    expect(counts(await loadText(warehouse, 'contacts', second))).toEqual([2, 0, 2, 0, 0]);
    const [loaded, recorded] = ['2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'];
    const mid = '2026-03-15T00:00:00Z';
    const afterSecond = [
      { field: 'c1.city', value: 'Bonn', valid_from: fromStart, recorded_at: loaded },
      { field: 'c1.city', value: 'Berlin', valid_from: mid, recorded_at: recorded },
      { field: 'c1.lifecycle_stage', value: 'lead', valid_from: fromStart, recorded_at: loaded },
      { field: 'c1.lifecycle_stage', value: 'mql', valid_from: mid, recorded_at: recorded },
      { field: 'c1.updated_at', value: '2026-01-01 00:00:00', valid_from: fromStart, recorded_at: loaded },
      { field: 'c1.updated_at', value: '2026-03-15 00:00:00', valid_from: mid, recorded_at: recorded },
      { field: 'c2.country', value: null, valid_from: fromStart, recorded_at: loaded },
      { field: 'c2.country', value: 'FR', valid_from: recorded, recorded_at: recorded },
    ];
    expect(await changes()).toEqual(afterSecond);
    expect(counts(await loadText(warehouse, 'contacts', second))).toEqual([2, 0, 0, 2, 0]);
    expect(await changes()).toEqual(afterSecond);
  });

  test('an edit that arrives late goes into the past, and sets nothing back', async () => {
    const clock = movable('2026-03-01T00:00:00Z');
    const { warehouse } = await openTestWarehouse({ clock });
    const stages = () =>
      rowsOf(
        warehouse,
        `select value, valid_from from core.contact_changes where field = 'lifecycle_stage' order by valid_from`,
      );
    const load = (line: string) =>
      loadText(warehouse, 'contacts', `contact_id,lifecycle_stage,country,updated_at\n${line}\n`);
    await load('c1,lead,DE,2026-01-01');
    // Seen unchanged in March, which ends what is told of February later.
    clock.at = new Date('2026-03-10T00:00:00Z');
    await load('c1,lead,DE,2026-03-05');
    clock.at = new Date('2026-04-01T00:00:00Z');
    await load('c1,customer,DE,2026-03-20');
    clock.at = new Date('2026-05-01T00:00:00Z');
    const late = 'c1,mql,DE,2026-02-01';
    expect(counts(await load(late))).toEqual([1, 0, 1, 0, 0]);
    const told = [
      { value: 'lead', valid_from: fromStart },
      { value: 'mql', valid_from: '2026-02-01T00:00:00Z' },
      { value: 'lead', valid_from: '2026-03-05T00:00:00Z' },
      { value: 'customer', valid_from: '2026-03-20T00:00:00Z' },
    ];
    expect(await stages()).toEqual(told);
    expect(await rowsOf(warehouse, 'select lifecycle_stage, updated_at from core.contacts')).toEqual([
      { lifecycle_stage: 'customer', updated_at: '2026-03-20T00:00:00Z' },
    ]);
    expect(counts(await load(late))).toEqual([1, 0, 0, 1, 0]);
    expect(await stages()).toEqual(told);
  });

  test('another value for the same moment corrects it; what was known before is kept', async () => {
    const clock = movable('2026-03-01T00:00:00Z');
    const { warehouse } = await openTestWarehouse({ clock });
    const load = (line: string) =>
      loadText(warehouse, 'contacts', `contact_id,country,created_at,updated_at\n${line}\n`);
    await load('c1,DE,2026-01-01,2026-01-01');
    clock.at = new Date('2026-04-01T00:00:00Z');
    await load('c1,FR,2026-01-01,2026-03-15');
    clock.at = new Date('2026-05-01T00:00:00Z');
    await load('c1,ES,2025-12-01,2026-03-15');
    expect(
      await rowsOf(
        warehouse,
        `select field, value, valid_from, recorded_at, superseded_at from versions.contact_changes
         where field in ('country', 'created_at') order by field, valid_from, recorded_at`,
      ),
    ).toEqual(
      [
        ['country', 'DE', fromStart, '2026-03-01', null],
        ['country', 'FR', '2026-03-15T00:00:00Z', '2026-04-01', '2026-05-01'],
        ['country', 'ES', '2026-03-15T00:00:00Z', '2026-05-01', null],
        ['created_at', '2026-01-01 00:00:00', fromStart, '2026-03-01', '2026-05-01'],
        ['created_at', '2025-12-01 00:00:00', fromStart, '2026-05-01', null],
      ].map(([field, value, valid_from, recorded, superseded]) => ({
        field,
        value,
        valid_from,
        recorded_at: `${recorded}T00:00:00Z`,
        superseded_at: superseded === null ? null : `${superseded}T00:00:00Z`,
      })),
    );
  });

  test('deals and companies keep theirs', async () => {
    const { warehouse } = await openTestWarehouse();
    const header = 'deal_id,name,stage,amount,expected_close_date,owner_id,created_at,updated_at\n';
    await loadText(warehouse, 'deals', `${header}d1,Big,Open,1000,2026-06-30,o1,2026-01-01,2026-01-01\n`);
    await loadText(
      warehouse,
      'deals',
      `${header}d1,Bigger,Won,"1,200.5",2026-05-31,o1,2026-01-01,2026-05-30 10:00\n`,
    );
    const told = '2026-05-30T10:00:00Z';
    expect(
      await rowsOf(
        warehouse,
        `select field, value, valid_from from core.deal_changes where field <> 'updated_at' order by field, valid_from`,
      ),
    ).toEqual([
      { field: 'amount', value: '1000.00', valid_from: fromStart },
      { field: 'amount', value: '1200.50', valid_from: told },
      { field: 'expected_close_date', value: '2026-06-30', valid_from: fromStart },
      { field: 'expected_close_date', value: '2026-05-31', valid_from: told },
      { field: 'name', value: 'Big', valid_from: fromStart },
      { field: 'name', value: 'Bigger', valid_from: told },
      { field: 'stage', value: 'Open', valid_from: fromStart },
      { field: 'stage', value: 'Won', valid_from: told },
    ]);
    expect(await rowsOf(warehouse, `select name, stage, amount from core.deals`)).toEqual([
      { name: 'Bigger', stage: 'Won', amount: '1200.50' },
    ]);
    await loadText(warehouse, 'companies', 'company_id,name,employee_count\nAcme,Acme,10\n');
    await loadText(warehouse, 'companies', 'company_id,employee_count,updated_at\nAcme,12,2026-10-01\n');
    expect(
      await rowsOf(
        warehouse,
        `select field, value, valid_from from core.company_changes where field <> 'updated_at' order by valid_from`,
      ),
    ).toEqual([
      { field: 'employee_count', value: '10', valid_from: fromStart },
      { field: 'employee_count', value: '12', valid_from: '2026-10-01T00:00:00Z' },
    ]);
  });

  test('changes that are loaded as such: the newest becomes the present, the row’s own value what was before', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'contacts', 'contact_id,lifecycle_stage,created_at\nc1,lead,2026-01-01\n');
    const file =
      'contact_id,field,value,valid_from\nc1,lifecycle_stage,MQL,2026-02-01\nc1,lifecycle_stage,Customer,2026-03-01\n' +
      'c2,country,FR,2026-02-01\nc1,lifecycle_stage,king,2026-04-01\nc1,created_at,yesterday,2026-04-01\n';
    const result = await loadText(warehouse, 'contact_changes', file);
    expect(counts(result)).toEqual([5, 3, 0, 0, 2]);
    expect(result.rejects.map(({ value, reason }) => [value, reason])).toEqual([
      ['king', 'not one of subscriber, lead, mql, sql, opportunity, customer'],
      ['yesterday', 'not an ISO time (name its form with --date-format)'],
    ]);
    expect(
      await rowsOf(warehouse, `select contact_id, value, valid_from from core.contact_changes order by 1, 3`),
    ).toEqual([
      { contact_id: 'c1', value: 'lead', valid_from: fromStart },
      { contact_id: 'c1', value: 'mql', valid_from: '2026-02-01T00:00:00Z' },
      { contact_id: 'c1', value: 'customer', valid_from: '2026-03-01T00:00:00Z' },
      { contact_id: 'c2', value: 'FR', valid_from: '2026-02-01T00:00:00Z' },
    ]);
    expect(
      await rowsOf(
        warehouse,
        `select contact_id, lifecycle_stage, country, is_stub from core.contacts order by 1`,
      ),
    ).toEqual([
      { contact_id: 'c1', lifecycle_stage: 'customer', country: null, is_stub: false },
      { contact_id: 'c2', lifecycle_stage: null, country: 'FR', is_stub: true },
    ]);
    // The row that comes after its history: its values are what was before.
    await loadText(
      warehouse,
      'contacts',
      'contact_id,country,city,created_at,updated_at\nc2,DE,Bonn,2026-01-01,2026-01-15\n',
    );
    expect(
      await rowsOf(
        warehouse,
        `select field, value, valid_from from core.contact_changes where contact_id = 'c2' order by 3`,
      ),
    ).toEqual([
      { field: 'country', value: 'DE', valid_from: fromStart },
      { field: 'country', value: 'FR', valid_from: '2026-02-01T00:00:00Z' },
    ]);
    expect(
      await rowsOf(warehouse, `select country, city, is_stub from core.contacts where contact_id = 'c2'`),
    ).toEqual([{ country: 'FR', city: 'Bonn', is_stub: false }]);
    expect(counts(await loadText(warehouse, 'contact_changes', file))).toEqual([5, 0, 0, 3, 2]);
  });

  test('of other tables the whole row is kept, when it is corrected and when it is deleted', async () => {
    const clock = movable('2026-03-01T00:00:00Z');
    const { warehouse } = await openTestWarehouse({ clock });
    const orders = (lines: string, options = {}) =>
      loadText(warehouse, 'orders', `order_id,ordered_at,amount\n${lines}\n`, options);
    await orders('o1,2026-02-01,10\no2,2026-02-02,20');
    clock.at = new Date('2026-04-01T00:00:00Z');
    await orders('o1,2026-02-01,11\no2,2026-02-02,20');
    clock.at = new Date('2026-05-01T00:00:00Z');
    await orders('o1,2026-02-01,11', { replaceSource: true });
    expect(
      await rowsOf(
        warehouse,
        `select order_id, amount, recorded_at::date::varchar as recorded, superseded_at::date::varchar as superseded
         from versions.orders order by 1, 3`,
      ),
    ).toEqual([
      { order_id: 'o1', amount: '10.00', recorded: '2026-03-01', superseded: '2026-04-01' },
      { order_id: 'o1', amount: '11.00', recorded: '2026-04-01', superseded: null },
      { order_id: 'o2', amount: '20.00', recorded: '2026-03-01', superseded: '2026-05-01' },
    ]);
  });

  test('a failing load appends no history and changes nothing', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'contacts', 'contact_id,country\nc1,DE\n');
    await warehouse.loads.exclusive((s) => s.run(`alter table raw.loads rename to loads_away`));
    await expect(loadText(warehouse, 'contacts', 'contact_id,country\nc1,FR\nc2,FR\n')).rejects.toThrow(
      /loads/,
    );
    await warehouse.loads.exclusive((s) => s.run(`alter table raw.loads_away rename to loads`));
    expect(await rowsOf(warehouse, `select contact_id, country from core.contacts`)).toEqual([
      { contact_id: 'c1', country: 'DE' },
    ]);
    expect(await rowsOf(warehouse, `select * from core.contact_changes`)).toEqual([]);
    expect(counts(await loadText(warehouse, 'contacts', 'contact_id,country\nc1,FR\nc2,FR\n'))).toEqual([
      2, 1, 1, 0, 0,
    ]);
  });
});

describe('attributes', () => {
  test('columns the contract does not name are kept; other columns of another file stay beside them', async () => {
    const { warehouse } = await openTestWarehouse();
    const attributes = async () =>
      (
        await rowsOf<{ attributes: unknown }>(
          warehouse,
          `select attributes from core.contacts order by contact_id`,
        )
      ).map((row) => row.attributes);
    const first = await loadText(warehouse, 'contacts', 'contact_id,Plan Name,seats\nc1,gold,5\nc2,,\n');
    expect(first.columns_kept).toEqual(['Plan Name', 'seats']);
    expect(await attributes()).toEqual([{ 'Plan Name': 'gold', seats: '5' }, null]);
    await loadText(warehouse, 'contacts', 'contact_id,region\nc1,north\n');
    expect(await attributes()).toEqual([{ 'Plan Name': 'gold', seats: '5', region: 'north' }, null]);
    // The first file again: the order of keys has moved, their values have not.
    expect(
      counts(await loadText(warehouse, 'contacts', 'contact_id,Plan Name,seats\nc1,gold,5\nc2,,\n')),
    ).toEqual([2, 0, 0, 2, 0]);
    expect(counts(await loadText(warehouse, 'contacts', 'contact_id,Plan Name,seats\nc1,,6\n'))).toEqual([
      1, 0, 1, 0, 0,
    ]);
    expect((await attributes())[0]).toEqual({ seats: '6', region: 'north' });
  });

  test('NDJSON keeps their types', async () => {
    const { warehouse } = await openTestWarehouse();
    const lines =
      '{"contact_id":"c1","seats":5,"tags":["a","b"],"plan":{"name":"gold"},"attributes":{"x":1}}\n';
    await loadText(warehouse, 'contacts', lines, { name: 'contacts.jsonl' });
    expect(await rowsOf(warehouse, `select attributes from core.contacts`)).toEqual([
      { attributes: { x: 1, seats: 5, tags: ['a', 'b'], plan: { name: 'gold' } } },
    ]);
    expect(counts(await loadText(warehouse, 'contacts', lines, { name: 'contacts.jsonl' }))).toEqual([
      1, 0, 0, 1, 0,
    ]);
  });
});

describe('who is who', () => {
  test('an event of an unknown contact makes a stub; the contact fills it, without a history', async () => {
    const { warehouse } = await openTestWarehouse();
    const web = await loadText(
      warehouse,
      'web_events',
      'event_type,contact_id,occurred_at\npage_view,c1,2026-01-01\npage_view,,2026-01-02\n',
    );
    expect(web.stubs).toEqual({ contacts: 1 });
    expect(await rowsOf(warehouse, `select contact_id, is_stub, source from core.contacts`)).toEqual([
      { contact_id: 'c1', is_stub: true, source: 'web_events' },
    ]);
    const filled = await loadText(
      warehouse,
      'contacts',
      'contact_id,email,country\nc1, Ann@Example.com,DE\n',
    );
    expect(counts(filled)).toEqual([1, 0, 1, 0, 0]);
    expect(await rowsOf(warehouse, `select email, email_key, is_stub, source from core.contacts`)).toEqual([
      { email: 'Ann@Example.com', email_key: 'ann@example.com', is_stub: false, source: 'contacts' },
    ]);
    expect(await rowsOf(warehouse, `select * from core.contact_changes`)).toEqual([]);
  });

  test('a deal makes its contact, owner and company', async () => {
    const { warehouse } = await openTestWarehouse();
    const result = await loadText(
      warehouse,
      'deals',
      'deal_id,contact_id,owner_id,company_id\nd1,c1,Ann A,Acme\nd2,c1,Ann A,\n',
    );
    expect(result.stubs).toEqual({ contacts: 1, owners: 1, companies: 1 });
    expect(await rowsOf(warehouse, `select owner_id, name, is_active from core.owners`)).toEqual([
      { owner_id: 'Ann A', name: 'Ann A', is_active: true },
    ]);
    expect(await rowsOf(warehouse, `select company_id, name from core.companies`)).toEqual([
      { company_id: 'Acme', name: 'Acme' },
    ]);
  });

  test('an event with an address only belongs to the contact with it, whichever comes first', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'contacts', 'contact_id,email\nc2,ann@example.com\nc1,ANN@example.com\n');
    const events =
      'event_id,event_type,email,occurred_at\ne1,opened,Ann@example.com ,2026-01-01\ne2,opened,bea@example.com,2026-01-01\n';
    await loadText(warehouse, 'email_events', events);
    const owners = () => rowsOf(warehouse, `select event_id, contact_id from core.email_events order by 1`);
    expect(await owners()).toEqual([
      { event_id: 'e1', contact_id: 'c1' },
      { event_id: 'e2', contact_id: null },
    ]);
    await loadText(warehouse, 'contacts', 'contact_id,email\nc3,Bea@Example.com\n');
    expect(await owners()).toEqual([
      { event_id: 'e1', contact_id: 'c1' },
      { event_id: 'e2', contact_id: 'c3' },
    ]);
    expect(counts(await loadText(warehouse, 'email_events', events))).toEqual([2, 0, 0, 2, 0]);
  });

  test('contacts without ids: the one with that address, else an id made of it', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'contacts', 'contact_id,email\nc1,ann@example.com\n');
    const list = 'Email,First Name\nANN@example.com,Ann\nbea@example.com,Bea\n,Nobody\n';
    expect(counts(await loadText(warehouse, 'contacts', list, { name: 'list.csv' }))).toEqual([
      3, 1, 1, 0, 1,
    ]);
    expect(counts(await loadText(warehouse, 'contacts', list, { name: 'list.csv' }))).toEqual([
      3, 0, 0, 2, 1,
    ]);
    const rows = await rowsOf<{ contact_id: string; first_name: string }>(
      warehouse,
      `select contact_id, first_name from core.contacts order by 1`,
    );
    expect(rows.map((row) => row.first_name)).toEqual(['Ann', 'Bea']);
    expect(rows[1]?.contact_id).toMatch(/^email-[0-9a-f]{24}$/);
  });
});
