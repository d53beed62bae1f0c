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

describe('history', () => {
  test('a changed contact appends what was and what is; the same again appends nothing', async () => {
    const clock = movable('2026-03-01T00:00:00Z');
    const { warehouse } = await openTestWarehouse({ clock });
    const changes = () =>
      rowsOf(
        warehouse,
        `select contact_id, field, value, valid_from, recorded_at from core.contact_changes order by contact_id, field, valid_from`,
      );
    const header = 'contact_id,lifecycle_stage,country,city,created_at,updated_at\n';
    await loadText(
      warehouse,
      'contacts',
      `${header}c1,Lead,DE,Bonn,2026-01-01,2026-01-01\nc2,lead,,Köln,,\n`,
    );
    expect(await changes()).toEqual([]);

    clock.at = new Date('2026-04-01T00:00:00Z');
    // City is not tracked; c2 has no times of its own.
    const second = `${header}c1,MarketingQualifiedLead,DE,Berlin,2026-01-01,2026-03-15\nc2,lead,FR,Köln,,\n`;
    expect(counts(await loadText(warehouse, 'contacts', second))).toEqual([2, 0, 2, 0, 0]);
    const afterSecond = [
      {
        contact_id: 'c1',
        field: 'lifecycle_stage',
        value: 'lead',
        valid_from: '2026-01-01T00:00:00Z',
        recorded_at: '2026-04-01T00:00:00Z',
      },
      {
        contact_id: 'c1',
        field: 'lifecycle_stage',
        value: 'mql',
        valid_from: '2026-03-15T00:00:00Z',
        recorded_at: '2026-04-01T00:00:00Z',
      },
      {
        contact_id: 'c2',
        field: 'country',
        value: null,
        valid_from: '2026-03-01T00:00:00Z',
        recorded_at: '2026-04-01T00:00:00Z',
      },
      {
        contact_id: 'c2',
        field: 'country',
        value: 'FR',
        valid_from: '2026-04-01T00:00:00Z',
        recorded_at: '2026-04-01T00:00:00Z',
      },
    ];
    expect(await changes()).toEqual(afterSecond);
    expect(counts(await loadText(warehouse, 'contacts', second))).toEqual([2, 0, 0, 2, 0]);
    expect(await changes()).toEqual(afterSecond);

    clock.at = new Date('2026-05-01T00:00:00Z');
    // An updated_at before the last change cannot be when this one happened.
    await loadText(warehouse, 'contacts', 'contact_id,lifecycle_stage,updated_at\nc1,sql,2026-02-01\n');
    const later = await changes();
    expect(later).toHaveLength(5);
    expect(later[2]).toMatchObject({
      field: 'lifecycle_stage',
      value: 'sql',
      valid_from: '2026-05-01T00:00:00Z',
    });
  });

  test('deals: amount, owner, stage and expected close', async () => {
    const { warehouse } = await openTestWarehouse();
    const header = 'deal_id,name,stage,amount,expected_close_date,owner_id,created_at,updated_at\n';
    await loadText(warehouse, 'deals', `${header}d1,Big,Open,1000,2026-06-30,o1,2026-01-01,2026-01-01\n`);
    await loadText(
      warehouse,
      'deals',
      `${header}d1,Bigger,Won,"1,200.5",2026-05-31,o1,2026-01-01,2026-05-30 10:00\n`,
    );
    expect(
      await rowsOf(
        warehouse,
        `select field, value, valid_from from core.deal_changes order by field, valid_from`,
      ),
    ).toEqual([
      { field: 'amount', value: '1000.00', valid_from: '2026-01-01T00:00:00Z' },
      { field: 'amount', value: '1200.50', valid_from: '2026-05-30T10:00:00Z' },
      { field: 'expected_close_date', value: '2026-06-30', valid_from: '2026-01-01T00:00:00Z' },
      { field: 'expected_close_date', value: '2026-05-31', valid_from: '2026-05-30T10:00:00Z' },
      { field: 'stage', value: 'Open', valid_from: '2026-01-01T00:00:00Z' },
      { field: 'stage', value: 'Won', valid_from: '2026-05-30T10:00:00Z' },
    ]);
    expect(await rowsOf(warehouse, `select name, stage, amount from core.deals`)).toEqual([
      { name: 'Bigger', stage: 'Won', amount: '1200.50' },
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
