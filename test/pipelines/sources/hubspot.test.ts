import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../data/clock.ts';
import { hubspot } from '../../../pipelines/sources/hubspot/mapping.ts';
import { openTestWarehouse } from '../../support.ts';
import { rowsOf } from '../load/support.ts';
import { accountsOf, fileOf, folderOf, importFolder, intoCounts } from './import-support.ts';

/** What is asserted from before all time is what the loader knew of a thing before its history came. */
const known = `valid_from >= timestamp '1000-01-01'`;

const contactHead =
  'id,_fivetran_deleted,_fivetran_synced,property_email,property_firstname,property_lastname,property_phone,property_mobilephone,property_associatedcompanyid,property_hubspot_owner_id,property_lifecyclestage,property_hs_lead_status,property_hs_analytics_source,property_country,property_city,property_hs_language,property_hs_timezone,property_createdate,property_lastmodifieddate,property_shoe_size';
const ada =
  '1,false,2026-01-05 00:00:00,Ada@x.test,Ada,Byron,,+49 30 1,7,3,customer,OPEN,ORGANIC_SEARCH,DE,Bonn,de,europe_slash_berlin,2025-01-01 10:00:00+02:00,2026-01-02 00:00:00,38';
const bob =
  '2,false,2026-01-05 00:00:00,bob@x.test,Bob,Hope,,,,,evangelist,,,,,,,2025-02-01T00:00:00Z,2025-03-01 00:00:00,';
const cy =
  '3,false,2026-01-05 00:00:00,cy@x.test,Cy,Twombly,,,,,other,,,,,,,2025-02-01 00:00:00,2025-03-01 00:00:00,';
const contactCsv = [contactHead, ada, bob, cy, ''].join('\n');

function movable(iso: string): Clock & { at: Date } {
  return {
    at: new Date(iso),
    now() {
      return this.at;
    },
  };
}

/** Imports what files there are, and answers the result and a way to look. */
async function imported(files: Record<string, string | Buffer>, clock?: Clock) {
  const { warehouse, project } = await openTestWarehouse(clock ? { clock } : {});
  const result = await importFolder(warehouse, hubspot, folderOf(files));
  return {
    warehouse,
    project,
    result,
    look: <T = Record<string, unknown>>(sql: string) => rowsOf<T>(warehouse, sql),
    again: (next: Record<string, string | Buffer>) => importFolder(warehouse, hubspot, folderOf(next)),
  };
}

describe('contacts', () => {
  test('a folder with nothing but contact.csv: every field, the rest as attributes, ids of its own', async () => {
    const { look, result } = await imported({ 'contact.csv': contactCsv });
    expect(accountsOf(result)).toEqual([]);
    expect(intoCounts(result, 'contact.csv', 'contacts')).toEqual([3, 3, 0, 0, 0]);
    const contacts = await look(
      `select contact_id, email, email_key, first_name, last_name, phone, company_id, owner_id, lifecycle_stage, lead_status, lead_source,
         country, city, language, time_zone, created_at, updated_at, attributes, source from core.contacts where not is_stub order by contact_id`,
    );
    expect(contacts[0]).toEqual({
      contact_id: 'hubspot-1',
      email: 'Ada@x.test',
      email_key: 'ada@x.test',
      first_name: 'Ada',
      last_name: 'Byron',
      phone: '+49 30 1',
      company_id: 'hubspot-7',
      owner_id: 'hubspot-3',
      lifecycle_stage: 'customer',
      lead_status: 'OPEN',
      lead_source: 'ORGANIC_SEARCH',
      country: 'DE',
      city: 'Bonn',
      language: 'de',
      time_zone: 'Europe/Berlin',
      created_at: '2025-01-01T08:00:00Z',
      updated_at: '2026-01-02T00:00:00Z',
      attributes: { lifecyclestage: 'customer', shoe_size: '38' },
      source: 'hubspot',
    });
    // A stage that is none of ours costs nobody the contact.
    expect(contacts.map((one) => [one['lifecycle_stage'], one['attributes']])).toEqual([
      ['customer', { lifecyclestage: 'customer', shoe_size: '38' }],
      ['customer', { lifecyclestage: 'evangelist' }],
      [null, { lifecyclestage: 'other' }],
    ]);
    expect(
      await look(`select contact_id, kind, value from core.contact_identities order by contact_id`),
    ).toEqual(['1', '2', '3'].map((id) => ({ contact_id: `hubspot-${id}`, kind: 'hubspot', value: id })));
  });

  test('the same folder again changes nothing; a newer one updates; an export without a column leaves it alone', async () => {
    const { look, again } = await imported({ 'contact.csv': contactCsv });
    const all = () => look(`select * from core.contacts order by contact_id`);
    const before = await all();
    const second = await again({ 'contact.csv': contactCsv });
    expect(intoCounts(second, 'contact.csv', 'contacts')).toEqual([3, 0, 0, 3, 0]);
    expect(await all()).toEqual(before);
    const newer = await again({
      'contact.csv':
        'id,property_city,property_lastmodifieddate\n1,Berlin,2026-01-04 00:00:00\n9,Rom,2026-01-04 00:00:00\n',
    });
    expect(intoCounts(newer, 'contact.csv', 'contacts')).toEqual([2, 1, 1, 0, 0]);
    expect(
      await look(`select city, country, email, attributes from core.contacts where contact_id = 'hubspot-1'`),
    ).toEqual([
      {
        city: 'Berlin',
        country: 'DE',
        email: 'Ada@x.test',
        attributes: { lifecyclestage: 'customer', shoe_size: '38' },
      },
    ]);
    expect(
      await look(
        `select value from core.contact_changes where field = 'city' order by valid_from desc limit 1`,
      ),
    ).toEqual([{ value: 'Berlin' }]);
  });

  test('deleted: not taken; taken out of ours where it was imported before, and what it was is kept', async () => {
    const gone = (line: string) => line.replace(',false,', ',true,');
    const { look, result, again } = await imported({
      'contact.csv': [contactHead, ada, gone(bob), ''].join('\n'),
    });
    expect(fileOf(result, 'contact.csv')).toMatchObject({
      rows: 2,
      rows_used: 1,
      rows_raw: 1,
      raw_table: 'raw.hubspot_contact',
      reasons: { 'deleted in HubSpot': 1 },
    });
    expect(await look(`select property_email, _reason from raw.hubspot_contact`)).toEqual([
      { property_email: 'bob@x.test', _reason: 'deleted in HubSpot' },
    ]);
    const files = { 'contact.csv': [contactHead, gone(ada), bob, ''].join('\n') };
    const second = await again(files);
    expect(second.deleted).toEqual({ contacts: 1 });
    expect(
      await look(
        `select contact_id, email, email_key, first_name, phone, lifecycle_stage, city, attributes, created_at from core.contacts
         where contact_id = 'hubspot-1'`,
      ),
    ).toEqual([
      {
        contact_id: 'hubspot-1',
        ...{ email: null, email_key: null, first_name: null, phone: null, lifecycle_stage: null, city: null },
        attributes: { deleted_in: 'hubspot' },
        created_at: '2025-01-01T08:00:00Z',
      },
    ]);
    expect(
      await look(
        `select value from core.contact_changes where contact_id = 'hubspot-1' and field = 'email' order by valid_from`,
      ),
    ).toEqual([{ value: 'Ada@x.test' }, { value: null }]);
    expect((await again(files)).deleted).toEqual({});
    expect(accountsOf(second)).toEqual([]);
  });

  test('an opt-out withdraws once: a later change of the contact does not move it', async () => {
    const head = 'id,property_email,property_hs_email_optout,property_lastmodifieddate\n';
    const { look, again } = await imported({
      'contact.csv': `${head}1,a@x.test,true,2026-01-02 00:00:00\n2,b@x.test,false,2026-01-02 00:00:00\n3,c@x.test,,2026-01-02 00:00:00\n`,
    });
    const events = () =>
      look(
        `select contact_id, channel, purpose, topic, status, method, occurred_at from core.consent_events order by 1`,
      );
    const withdrawn = [
      {
        contact_id: 'hubspot-1',
        ...{
          channel: 'email',
          purpose: 'marketing',
          topic: null,
          status: 'withdrawn',
          method: 'hubspot_opt_out',
        },
        occurred_at: '2026-01-02T00:00:00Z',
      },
    ];
    expect(await events()).toEqual(withdrawn);
    await again({ 'contact.csv': `${head}1,a@x.test,true,2026-06-02 00:00:00\n` });
    expect(await events()).toEqual(withdrawn);
  });

  test('merges of the audit and of the ids that a contact has swallowed, once each', async () => {
    const files = {
      'contact.csv':
        'id,property_email,property_hs_merged_object_ids,property_hs_calculated_merged_vids\n1,a@x.test,11;12,\n2,b@x.test,,21:1580000000000;2:1580000000001\n',
      'contact_merge_audit.csv':
        'canonical_vid,contact_id,vid_to_merge,timestamp\n1,1,13,2019-10-08 15:50:57\n,2,22,2019-10-08 15:50:57\n1,1,1,2019-10-08 15:50:57\n',
    };
    const { look, result, again } = await imported(files);
    expect(result.merges).toEqual([
      { rule: 'hubspot_merge_audit', pairs: 2, recorded: 2 },
      { rule: 'hubspot_merged_object_ids', pairs: 2, recorded: 2 },
      { rule: 'hubspot_calculated_merged_vids', pairs: 1, recorded: 1 },
    ]);
    expect(
      await look(
        `select contact_id, other_contact_id, decision, rule, source, recorded_by from core.contact_merges order by contact_id, other_contact_id`,
      ),
    ).toEqual(
      [
        ['1', '11', 'hubspot_merged_object_ids'],
        ['1', '12', 'hubspot_merged_object_ids'],
        ['1', '13', 'hubspot_merge_audit'],
        ['2', '21', 'hubspot_calculated_merged_vids'],
        ['2', '22', 'hubspot_merge_audit'],
      ].map(([stays, goes, rule]) => ({
        contact_id: `hubspot-${stays}`,
        other_contact_id: `hubspot-${goes}`,
        ...{ decision: 'same', rule, source: 'hubspot', recorded_by: 'a test' },
      })),
    );
    expect((await again(files)).merges.map(({ recorded }) => recorded)).toEqual([0, 0, 0]);
  });
});

describe('history', () => {
  const history = [
    ['1', '2025-01-03 00:00:00', 'lifecyclestage', 'subscriber'],
    ['1', '2025-03-01 12:00:00.500', 'lifecyclestage', 'marketingqualifiedlead'],
    ['1', '2025-06-01 00:00:00+02:00', 'lifecyclestage', 'customer'],
    ['1', '2025-01-01 08:00:00', 'city', 'Köln'],
    ['1', '2025-05-01 00:00:00', 'city', 'Bonn'],
    ['1', '2025-05-01 00:00:00', 'hs_time_in_lead', '17'],
    ['8', '2025-05-01 00:00:00', 'lifecyclestage', 'lead'],
  ] as const;
  const historyCsv = [
    'contact_id,timestamp,name,value,source,source_id,_fivetran_synced',
    ...history.map((row) => `${row.join(',')},CRM_UI,,2026-01-05 00:00:00`),
    '',
  ].join('\n');
  const files = { 'contact.csv': contactCsv, 'contact_property_history_data.csv': historyCsv };

  /** A field's value at a time, as the load's semantics has it. */
  const at = (field: string, contact: string, time: string) =>
    `select arg_max(struct_pack(v := value), (valid_from, recorded_at)).v as value from core.contact_changes
     where contact_id = '${contact}' and field = '${field}' and valid_from <= timestamp '${time}' and ${known}`;

  test('a contact’s lifecycle on a past day is what it was that day, and nothing before it had one', async () => {
    const { look } = await imported(files);
    const days = [
      ['2024-12-31', null],
      ['2025-01-02', null],
      ['2025-01-03', 'subscriber'],
      ['2025-02-28', 'subscriber'],
      ['2025-03-01 12:00:00', 'subscriber'],
      ['2025-03-02', 'mql'],
      ['2025-05-31 21:59:59', 'mql'],
      ['2025-05-31 22:00:00', 'customer'],
      ['2026-11-01', 'customer'],
    ] as const;
    for (const [day, stage] of days) {
      const [found] = await look<{ value: string | null }>(at('lifecycle_stage', 'hubspot-1', day));
      expect([day, found?.value ?? null]).toEqual([day, stage]);
    }
    // Created at 08:00 with a city at once: there was no time without one.
    expect(
      await look(
        `select value, valid_from from core.contact_changes where contact_id = 'hubspot-1' and field = 'city' and ${known} order by valid_from`,
      ),
    ).toEqual([
      { value: 'Köln', valid_from: '2025-01-01T08:00:00Z' },
      { value: 'Bonn', valid_from: '2025-05-01T00:00:00Z' },
    ]);
    // Of whom nothing but history is known, it is not known when they were created.
    expect(
      await look(
        `select value, valid_from from core.contact_changes where contact_id = 'hubspot-8' and ${known} order by valid_from`,
      ),
    ).toEqual([
      { value: null, valid_from: '1000-01-01T00:00:00Z' },
      { value: 'lead', valid_from: '2025-05-01T00:00:00Z' },
    ]);
  });

  test('what is no field of ours stays in raw; again nothing; a newer export adds what is new', async () => {
    const { look, result, again } = await imported(files);
    const name = 'contact_property_history_data.csv';
    expect(fileOf(result, name)).toMatchObject({
      rows: 7,
      rows_used: 6,
      rows_raw: 1,
      reasons: { 'the property is no field of ours': 1 },
    });
    expect(await look(`select name, value from raw.hubspot_contact_property_history`)).toEqual([
      { name: 'hs_time_in_lead', value: 17n },
    ]);
    const count = async () =>
      (await look(`select count(*)::int as n from core.contact_changes where ${known}`))[0]?.['n'];
    const before = await count();
    expect(intoCounts(await again(files), name, 'contact_changes').slice(1)).toEqual([0, 0, before, 0]);
    expect(await look(`select count(*)::int as n from raw.hubspot_contact_property_history`)).toEqual([
      { n: 1 },
    ]);
    // Only what is new, as an incremental export has it: its first row is not the first of all.
    const next = 'contact_id,timestamp,name,value\n1,2025-07-01 00:00:00,lifecyclestage,opportunity\n';
    expect(
      intoCounts(
        await again({ 'contact_property_history.csv': next }),
        'contact_property_history.csv',
        'contact_changes',
      ),
    ).toEqual([1, 1, 0, 0, 0]);
    const [old] = await look<{ value: string }>(at('lifecycle_stage', 'hubspot-1', '2025-04-01'));
    const [now] = await look<{ value: string }>(at('lifecycle_stage', 'hubspot-1', '2026-04-01'));
    expect([old?.value, now?.value]).toEqual(['mql', 'opportunity']);
  });

  test('without a history of the stage, HubSpot’s dates of stages are it, unless they end in another stage', async () => {
    const head =
      'id,property_lifecyclestage,property_createdate,property_hs_lifecyclestage_lead_date,property_hs_v2_date_entered_customer\n';
    const contacts = `${head}1,customer,2025-01-01 00:00:00,2025-02-01 00:00:00,1748736000000\n2,customer,2025-01-01 00:00:00,2025-02-01 00:00:00,\n`;
    const stages = (look: (sql: string) => Promise<Record<string, unknown>[]>) =>
      look(
        `select contact_id, value, valid_from from core.contact_changes where ${known} order by contact_id, valid_from`,
      );
    const change = (id: string, value: string | null, valid_from: string) => ({
      ...{ contact_id: `hubspot-${id}`, value, valid_from },
    });
    const ofContacts = await imported({ 'contact.csv': contacts });
    expect(await stages(ofContacts.look)).toEqual([
      change('1', null, '2025-01-01T00:00:00Z'),
      change('1', 'lead', '2025-02-01T00:00:00Z'),
      change('1', 'customer', '2025-06-01T00:00:00Z'),
    ]);
    const hashed = createHash('md5').update('hs_lifecyclestage_lead_date').digest('base64');
    const ofHistory = await imported({
      'contact_property_history.csv': `contact_id,timestamp,name,value\n5,2025-03-01 00:00:00,${hashed},1B2M2Y8AsgTpgAmY7PhCfg==\n6,2025-03-01 00:00:00,${hashed},x\n6,2025-04-01 00:00:00,lifecyclestage,customer\n`,
    });
    expect(await stages(ofHistory.look)).toEqual([
      change('5', null, '1000-01-01T00:00:00Z'),
      change('5', 'lead', '2025-03-01T00:00:00Z'),
      change('6', null, '1000-01-01T00:00:00Z'),
      change('6', 'customer', '2025-04-01T00:00:00Z'),
    ]);
    expect(accountsOf(ofHistory.result)).toEqual([]);
  });

  test('deals: amounts and dates are written as the loader writes them; times in milliseconds', async () => {
    const { look, result } = await imported({
      'deal.csv':
        'deal_id,deal_pipeline_stage_id,deal_pipeline_id,owner_id,property_dealname,property_amount,property_closedate,property_createdate\n5,won,default,3,Big,1200,2025-06-30 00:00:00,2025-01-01 00:00:00\n',
      'deal_property_history.csv':
        'deal_id,timestamp,name,value\n5,2025-01-01 00:00:00,amount,1000\n5,2025-02-01 00:00:00,amount,1200\n5,2025-02-01 00:00:00,closedate,1751241600000\n5,2025-02-01 00:00:00,dealstage,won\n5,2025-01-01 00:00:00,dealstage,open\n',
    });
    expect(
      await look(
        `select field, value, valid_from from core.deal_changes where ${known} order by field, valid_from`,
      ),
    ).toEqual([
      { field: 'amount', value: '1000.00', valid_from: '2025-01-01T00:00:00Z' },
      { field: 'amount', value: '1200.00', valid_from: '2025-02-01T00:00:00Z' },
      { field: 'expected_close_date', value: null, valid_from: '2025-01-01T00:00:00Z' },
      { field: 'expected_close_date', value: '2025-06-30', valid_from: '2025-02-01T00:00:00Z' },
      { field: 'stage', value: 'open', valid_from: '2025-01-01T00:00:00Z' },
      { field: 'stage', value: 'won', valid_from: '2025-02-01T00:00:00Z' },
    ]);
    // Without the table deal_stage the property says how a deal moved.
    expect(
      await look(
        `select deal_id, from_stage, to_stage, occurred_at from core.deal_stage_changes order by occurred_at`,
      ),
    ).toEqual([
      { deal_id: 'hubspot-5', from_stage: null, to_stage: 'open', occurred_at: '2025-01-01T00:00:00Z' },
      { deal_id: 'hubspot-5', from_stage: 'open', to_stage: 'won', occurred_at: '2025-02-01T00:00:00Z' },
    ]);
    expect(accountsOf(result)).toEqual([]);
  });
});

describe('deals', () => {
  const files = {
    'deal.csv':
      'deal_id,is_deleted,deal_pipeline_stage_id,deal_pipeline_id,owner_id,property_dealname,property_amount,property_closedate,property_createdate,property_color\n5,false,s3,default,3,Big,1200.5,2025-06-30 00:00:00,2025-01-01 00:00:00,red\n6,false,s1,p2,,Small,,2025-09-30 00:00:00,2025-01-01 00:00:00,\n7,true,s1,p2,,Gone,1,,2025-01-01 00:00:00,\n',
    'deal_contact.csv': 'contact_id,deal_id\n1,5\n2,5\n1,99\n',
    'deal_company_data.csv': 'company_id,deal_id\n7,5\n',
    'deal_pipeline_stage.csv':
      'stage_id,label,pipeline_id,display_order,closed_won,is_closed,probability,_fivetran_deleted\ns1,Open,p2,0,FALSE,FALSE,0.2,TRUE\ns3,Won,default,6,TRUE,TRUE,1.0,FALSE\n',
    'deal_stage.csv':
      'deal_id,value,date_entered,_fivetran_start\n5,s3,2025-06-30 10:00:00,\n5,s1,2025-06-30 9:00:00,\n6,s1,2025-01-01 00:00:00,\n',
  };

  test('with the first of their contacts and companies, closed where the stage is; the other associations stay in raw', async () => {
    const { look, result, again } = await imported(files);
    expect(accountsOf(result)).toEqual([]);
    expect(
      await look(
        `select deal_id, name, contact_id, company_id, owner_id, pipeline, stage, amount, closed_at, expected_close_date, attributes from core.deals order by deal_id`,
      ),
    ).toEqual([
      {
        deal_id: 'hubspot-5',
        name: 'Big',
        contact_id: 'hubspot-1',
        company_id: 'hubspot-7',
        owner_id: 'hubspot-3',
        pipeline: 'hubspot-default',
        stage: 's3',
        amount: '1200.50',
        closed_at: '2025-06-30T00:00:00Z',
        expected_close_date: '2025-06-30',
        attributes: { color: 'red' },
      },
      {
        deal_id: 'hubspot-6',
        name: 'Small',
        ...{
          contact_id: null,
          company_id: null,
          owner_id: null,
          amount: null,
          closed_at: null,
          attributes: null,
        },
        pipeline: 'hubspot-p2',
        stage: 's1',
        expected_close_date: '2025-09-30',
      },
    ]);
    expect(await look(`select contact_id, deal_id from raw.hubspot_deal_contact order by deal_id`)).toEqual([
      { contact_id: 2n, deal_id: 5n },
      { contact_id: 1n, deal_id: 99n },
    ]);
    expect(
      await look(`select stage, label, is_won, is_closed, probability from core.deal_stages order by stage`),
    ).toEqual([
      { stage: 's1', label: 'Open', is_won: false, is_closed: false, probability: 0.2 },
      { stage: 's3', label: 'Won', is_won: true, is_closed: true, probability: 1 },
    ]);
    expect(
      await look(`select deal_id, from_stage, to_stage from core.deal_stage_changes order by occurred_at`),
    ).toEqual([
      { deal_id: 'hubspot-6', from_stage: null, to_stage: 's1' },
      { deal_id: 'hubspot-5', from_stage: null, to_stage: 's1' },
      { deal_id: 'hubspot-5', from_stage: 's1', to_stage: 's3' },
    ]);
    const second = await again(files);
    for (const file of second.files)
      for (const into of file.into)
        expect([into.table, into.rows_unchanged]).toEqual([into.table, into.rows_read]);
  });

  test('a deal that is deleted later goes to history; an export that begins in the middle knows the stage before', async () => {
    const { look, again } = await imported(files);
    const next = await again({
      'deal.csv': files['deal.csv'].replace('6,false', '6,true'),
      'deal_stage.csv': 'deal_id,value,date_entered\n5,s4,2025-08-01 00:00:00\n',
    });
    expect(next.deleted).toEqual({ deals: 1 });
    expect(await look(`select deal_id from core.deals`)).toEqual([{ deal_id: 'hubspot-5' }]);
    expect(await look(`select deal_id, name, superseded_at from history.deals`)).toEqual([
      { deal_id: 'hubspot-6', name: 'Small', superseded_at: '2026-11-02T06:00:00Z' },
    ]);
    expect(await look(`select from_stage from core.deal_stage_changes where to_stage = 's4'`)).toEqual([
      { from_stage: 's3' },
    ]);
  });
});

test('owners: names, the primary team, and who left', async () => {
  const { look, result } = await imported({
    'owner.csv':
      'owner_id,first_name,last_name,email,created_at,is_active,_fivetran_deleted\n3,Jo,March,jo@x.test,2020-01-01 00:00:00,true,false\n4,Amy,,amy@x.test,2020-01-01 00:00:00,false,false\n5,,,beth@x.test,,,true\n',
    'owner_team.csv': 'owner_id,team_id,is_team_primary\n3,t1,false\n3,t2,true\n',
    'team.csv': 'id,name\nt1,North\nt2,South\n',
  });
  expect(
    await look(`select owner_id, name, email, team, is_active from core.owners order by owner_id`),
  ).toEqual([
    { owner_id: 'hubspot-3', name: 'Jo March', email: 'jo@x.test', team: 'South', is_active: true },
    { owner_id: 'hubspot-4', name: 'Amy', email: 'amy@x.test', team: null, is_active: false },
    { owner_id: 'hubspot-5', name: null, email: 'beth@x.test', team: null, is_active: false },
  ]);
  expect(accountsOf(result)).toEqual([]);
  expect(fileOf(result, 'owner_team.csv')).toMatchObject({ rows: 2, rows_used: 1, rows_raw: 1 });
});

test('activities of every kind, with whom and what they were about', async () => {
  const { look, result } = await imported({
    'engagement.csv': 'id,type,owner_id,timestamp\n10,CALL,3,2025-01-01 09:00:00\n11,MEETING,,\n',
    'engagement_call.csv':
      'engagement_id,property_hs_timestamp,property_hs_call_title,property_hs_call_duration,property_hs_call_disposition\n10,,Hello,90000,connected\n',
    'engagement_meeting.csv':
      'engagement_id,start_time,end_time,title,meeting_outcome,_fivetran_synced\n11,2025-02-01 13:00:00,2025-02-01 14:30:00,Demo,,2025-03-01 00:00:00\n12,2025-04-01 13:00:00,2025-04-01 14:00:00,Later,,2025-03-01 00:00:00\n13,2025-02-02 13:00:00,2025-02-02 14:00:00,Off,NO_SHOW,2025-03-01 00:00:00\n',
    'engagement_email.csv':
      'engagement_id,property_hs_timestamp,property_hs_email_subject,property_hubspot_owner_id\n14,2025-03-01 00:00:00,Offer,4\n',
    'engagement_note.csv': `engagement_id,property_hs_timestamp,property_hs_note_body\n15,2025-03-02 00:00:00,${'x'.repeat(300)}\n`,
    'engagement_task.csv':
      'engagement_id,property_hs_timestamp,property_hs_task_subject,property_hs_task_status,_fivetran_deleted\n16,2025-03-03 00:00:00,Ring,COMPLETED,false\n17,2025-03-04 00:00:00,Write,NOT_STARTED,false\n18,,No time,,false\n19,2025-03-04 00:00:00,Gone,,true\n',
    'engagement_contact.csv': 'engagement_id,contact_id\n10,1\n11,2\n11,3\n',
    'engagement_company.csv': 'engagement_id,company_id\n10,7\n',
    'engagement_deal.csv': 'engagement_id,deal_id\n10,5\n',
    'engagement_communication.csv': 'engagement_id,property_hs_timestamp\n20,2025-03-02 00:00:00\n',
  });
  expect(accountsOf(result)).toEqual([]);
  const activities = await look(
    `select activity_id, activity_type, contact_id, company_id, deal_id, owner_id, left(subject, 20) as subject, length(subject)::int as length,
       outcome, duration_minutes, is_completed, occurred_at from core.activities order by activity_id`,
  );
  expect(activities[0]).toEqual({
    ...{ activity_id: 'hubspot-10', activity_type: 'call', contact_id: 'hubspot-1', company_id: 'hubspot-7' },
    ...{ deal_id: 'hubspot-5', owner_id: 'hubspot-3', subject: 'Hello', length: 5, outcome: 'connected' },
    ...{ duration_minutes: 2, is_completed: true, occurred_at: '2025-01-01T09:00:00Z' },
  });
  expect(
    activities.map((one) => [
      one['activity_id'],
      one['activity_type'],
      one['duration_minutes'],
      one['is_completed'],
      one['length'],
    ]),
  ).toEqual([
    ['hubspot-10', 'call', 2, true, 5],
    ['hubspot-11', 'meeting', 90, true, 4],
    ['hubspot-12', 'meeting', 60, false, 5],
    ['hubspot-13', 'meeting', 60, false, 3],
    ['hubspot-14', 'email', null, true, 5],
    ['hubspot-15', 'note', null, true, 200],
    ['hubspot-16', 'task', null, true, 4],
    ['hubspot-17', 'task', null, false, 5],
  ]);
  // Of a task without a time the reject names the file of the export, its line and its columns.
  expect(intoCounts(result, 'engagement_task.csv', 'activities')).toEqual([3, 2, 0, 0, 1]);
  expect(fileOf(result, 'engagement_task.csv').into[0]?.rejects).toEqual([
    {
      file: 'engagement_task.csv',
      line: 4,
      column: 'property_hs_timestamp or engagement.timestamp',
      value: null,
      reason: 'missing',
    },
  ]);
  expect(await look(`select line_text from raw.rejects`)).toEqual([{ line_text: '18,,No time,,false' }]);
  expect(await look(`select engagement_id, contact_id from raw.hubspot_engagement_contact`)).toEqual([
    { engagement_id: 11n, contact_id: 3n },
  ]);
  expect(fileOf(result, 'engagement_communication.csv')).toMatchObject({ status: 'raw', rows_raw: 1 });
});

describe('e-mail', () => {
  const event = (id: string, type: string, created: string, more = 'm1,a@x.test,false') =>
    `${id},${type},${created},77,${more}`;
  const eventCsv = [
    'id,type,created,email_campaign_id,sent_by_id,recipient,filtered_event',
    event('m1', 'SENT', '2025-01-01 10:00:00', ',a@x.test,'),
    event('e0', 'PROCESSED', '2025-01-01 10:00:00'),
    event('e1', 'DELIVERED', '2025-01-01 10:00:01'),
    event('e2', 'OPEN', '2025-01-01 11:00:00'),
    event('e3', 'OPEN', '2025-01-01 11:00:01', 'm1,a@x.test,true'),
    event('e4', 'OPEN', '2025-01-01 11:00:02'),
    event('e5', 'CLICK', '2025-01-01 12:00:00'),
    event('e6', 'CLICK', '2025-01-01 10:00:02'),
    ...['e7', 'e8', 'e9'].map((id) => event(id, 'CLICK', '2025-01-01 13:00:00', 'm2,b@x.test,false')),
    event('b1', 'BOUNCE', '2025-01-02 00:00:00'),
    event('b2', 'BOUNCE', '2025-01-02 00:00:00'),
    event('d1', 'DROPPED', '2025-01-02 00:00:00'),
    event('f1', 'DEFERRED', '2025-01-02 00:00:00'),
    event('s1', 'SPAMREPORT', '2025-01-02 00:00:00'),
    event('u1', 'STATUSCHANGE', '2025-01-03 00:00:00'),
    event('u2', 'STATUSCHANGE', '2025-01-04 00:00:00', ',b@x.test,'),
    event('u3', 'STATUSCHANGE', '2025-01-05 00:00:00', ',c@x.test,'),
    event('u4', 'STATUSCHANGE', '2025-01-05 00:00:00', ',d@x.test,'),
    event('p1', 'PRINT', '2025-01-02 00:00:00'),
    event('p2', 'FORWARD', '2025-01-02 00:00:00'),
    '',
  ].join('\n');
  const chrome = '"Mozilla/5.0 (Windows NT 10.0) Chrome/120.0"';
  const files = {
    'contact.csv': 'id,property_email\n1,A@x.test\n',
    'email_event.csv': eventCsv,
    'email_event_open.csv': `id,user_agent,ip_address\ne2,${chrome},1.2.3.4\ne4,Mozilla/5.0 GoogleImageProxy,\nlost,x,\n`,
    'email_event_click.csv': `id,user_agent,url\ne5,${chrome},https://x.test/a\ne6,${chrome},https://x.test/a\ne7,${chrome},https://x.test/1\ne8,${chrome},https://x.test/2\ne9,${chrome},https://x.test/3\n`,
    'email_event_bounce.csv':
      'id,category,status,response\nb1,UNKNOWN_USER,550,no such user\nb2,MAILBOX_FULL,552,full\n',
    'email_event_dropped.csv': 'id,drop_reason,drop_message\nd1,PREVIOUSLY_BOUNCED,\n',
    'email_event_deferred.csv': 'id,attempt,response\nf1,1,later\n',
    'email_event_status_change.csv': `id,portal_subscription_status,subscriptions\nu1,UNSUBSCRIBED,[]\nu2,SUBSCRIBED,[]\nu3,,"[{""id"": 7, ""status"": ""UNSUBSCRIBED""}, {""id"": 8, ""status"": ""SUBSCRIBED""}]"\nu4,,\n`,
  };

  test('every type becomes ours, with its contact, campaign, mail, reason and agent', async () => {
    const { look, result } = await imported(files);
    expect(accountsOf(result)).toEqual([]);
    const events = await look(
      `select event_id, event_type, agent_class, agent_reason, bounce_class, reason from core.email_events order by event_id`,
    );
    expect(events.map((one) => Object.values(one))).toEqual([
      ['b1', 'bounced', null, null, 'hard', 'UNKNOWN_USER: no such user'],
      ['b2', 'bounced', null, null, 'soft', 'MAILBOX_FULL: full'],
      ['d1', 'dropped', null, null, null, 'PREVIOUSLY_BOUNCED'],
      ['e1', 'delivered', null, null, null, null],
      ['e2', 'opened', 'human', 'user_agent', null, null],
      ['e3', 'opened', 'machine', 'provider_machine_open', null, null],
      ['e4', 'opened', 'proxy', 'gmail_image_proxy', null, null],
      ['e5', 'clicked', 'human', 'user_agent', null, null],
      ['e6', 'clicked', 'machine', 'clicked_at_delivery', null, null],
      ['e7', 'clicked', 'machine', 'all_links_within_seconds', null, null],
      ['e8', 'clicked', 'machine', 'all_links_within_seconds', null, null],
      ['e9', 'clicked', 'machine', 'all_links_within_seconds', null, null],
      ['f1', 'deferred', null, null, null, 'later'],
      ['m1', 'sent', null, null, null, null],
      ['s1', 'complained', null, null, null, null],
      ['u1', 'unsubscribed', null, null, null, null],
      ['u3', 'unsubscribed', null, null, null, null],
    ]);
    expect(
      await look(
        `select contact_id, email, campaign_id, message_id, url, user_agent, occurred_at, source from core.email_events where event_id in ('e5', 'm1') order by 1, event_id`,
      ),
    ).toEqual([
      {
        ...{ contact_id: 'hubspot-1', email: 'a@x.test', campaign_id: 'hubspot-77', message_id: 'm1' },
        ...{ url: 'https://x.test/a', user_agent: chrome.replaceAll('"', ''), source: 'hubspot' },
        occurred_at: '2025-01-01T12:00:00Z',
      },
      {
        ...{ contact_id: 'hubspot-1', email: 'a@x.test', campaign_id: 'hubspot-77', message_id: 'm1' },
        ...{ url: null, user_agent: null, source: 'hubspot' },
        occurred_at: '2025-01-01T10:00:00Z',
      },
    ]);
    expect(fileOf(result, 'email_event.csv')).toMatchObject({
      rows: 22,
      rows_used: 18,
      rows_raw: 4,
    });
    expect(await look(`select id, _reason from raw.hubspot_email_event order by id`)).toEqual([
      { id: 'e0', _reason: 'PROCESSED says what SENT says: one mail is sent once' },
      { id: 'p1', _reason: 'no event of ours (FORWARD, PRINT, UNBOUNCE …)' },
      { id: 'p2', _reason: 'no event of ours (FORWARD, PRINT, UNBOUNCE …)' },
      { id: 'u4', _reason: 'a status change that unsubscribes from nothing' },
    ]);
    expect(fileOf(result, 'email_event_open.csv')).toMatchObject({ rows: 3, rows_used: 2, rows_raw: 1 });
  });

  test('status changes are consent: of the account’s e-mail, or of a topic', async () => {
    const { look, again } = await imported(files);
    const consent = () =>
      look(
        `select email, topic, status, method, purpose, channel, occurred_at from core.consent_events order by occurred_at, topic`,
      );
    const expected = [
      ['a@x.test', null, 'withdrawn', '2025-01-03T00:00:00Z'],
      ['b@x.test', null, 'granted', '2025-01-04T00:00:00Z'],
      ['c@x.test', 'hubspot-7', 'withdrawn', '2025-01-05T00:00:00Z'],
      ['c@x.test', 'hubspot-8', 'granted', '2025-01-05T00:00:00Z'],
    ].map(([email, topic, status, occurred_at]) => ({
      ...{ email, topic, status, occurred_at },
      ...{ method: 'hubspot_status_change', purpose: 'marketing', channel: 'email' },
    }));
    expect(await consent()).toEqual(expected);
    await again(files);
    expect(await consent()).toEqual(expected);
  });
});

test('form submissions are events of the web', async () => {
  const { look } = await imported({
    'contact_form_submission.csv':
      'timestamp,form_id,contact_id,conversion_id,page_url\n2023-11-01 10:20:00,123,001,101,https://x.test/n\n2023-11-01 10:20:00,123,2,,\n',
  });
  expect(
    await look(`select event_type, contact_id, url, occurred_at from core.web_events order by contact_id`),
  ).toEqual([
    {
      event_type: 'form_submit',
      contact_id: 'hubspot-001',
      url: 'https://x.test/n',
      occurred_at: '2023-11-01T10:20:00Z',
    },
    { event_type: 'form_submit', contact_id: 'hubspot-2', url: null, occurred_at: '2023-11-01T10:20:00Z' },
  ]);
});

describe('bad input', () => {
  test('a folder without a known table, and two files of one: refused, with what is expected', async () => {
    await expect(imported({ 'zork.csv': 'a\n1\n' })).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringMatching(/zork\.csv.*contact, .*deal/s),
    });
    await expect(imported({ 'contact.csv': contactCsv, 'contact_data.csv': contactCsv })).rejects.toThrow(
      'contact.csv and contact_data.csv are both the table contact.',
    );
  });

  test('a broken line and a value that does not fit: in raw.rejects, with file and line; the rest is loaded', async () => {
    const { look, result } = await imported({
      'contact.csv':
        'id,property_email,property_createdate,property_note\n1,a@x.test,2025-01-01,"two\nlines"\n2,b@x.test,yesterday,\n3,c@x.test\n4,d@x.test,2025-01-01,\n,e@x.test,2025-01-01,\n',
    });
    expect(accountsOf(result)).toEqual([]);
    expect(fileOf(result, 'contact.csv')).toMatchObject({ rows: 5, rows_used: 4, rows_unreadable: 1 });
    expect(
      await look(`select file, line, column_name, value, reason, line_text from raw.rejects order by line`),
    ).toEqual([
      {
        ...{ file: 'contact.csv', line: 4n, column_name: 'property_createdate', value: 'yesterday' },
        reason: 'not an ISO time (name its form with --date-format)',
        line_text: '2,b@x.test,yesterday,',
      },
      {
        ...{ file: 'contact.csv', line: 5n, column_name: null, value: null },
        reason: expect.any(String),
        line_text: '3,c@x.test',
      },
    ]);
    // A contact without an id has an address.
    expect(
      (await look(`select email from core.contacts where not is_stub order by email`)).map(
        (one) => one['email'],
      ),
    ).toEqual(['a@x.test', 'd@x.test', 'e@x.test']);
  });

  test('an empty file and one without rows are said to be empty; hidden files and what is no table are left alone', async () => {
    const { result } = await imported({
      'contact.csv': contactCsv,
      'deal.csv': '',
      'owner.csv': 'owner_id,email\n',
      'form.csv': 'guid\n',
      '.contact.csv.swp': 'x',
      'notes.md': '# x',
    });
    expect(result.files.map(({ file, status, rows }) => [file, status, rows])).toEqual([
      ['contact.csv', 'mapped', 3],
      ['deal.csv', 'empty', 0],
      ['form.csv', 'empty', 0],
      ['owner.csv', 'empty', 0],
    ]);
  });

  test('gzip, NDJSON and Parquet as well; columns of any case, BOM, CRLF', async () => {
    const { look, warehouse, project, result } = await imported({
      'contact_data.csv.gz': gzipSync('\ufeffID,Property_Email\r\n1,a@x.test\r\n'),
      'company.ndjson':
        '{"id": 7, "property_name": "Acme", "property_extra": {"a": 1}}\n{"id": "8", "property_name": "Beta"}\n',
    });
    expect(accountsOf(result)).toEqual([]);
    const path = join(project.staging, 'deal.parquet');
    await warehouse.read((session) =>
      session.run(
        `copy (select 5 as deal_id, 12.5::double as property_amount, timestamp '2025-01-01 10:00:00' as property_createdate) to '${path}' (format parquet)`,
      ),
    );
    await importFolder(warehouse, hubspot, folderOf({ 'deal.parquet': readFileSync(path) }));
    expect(await look(`select contact_id, email from core.contacts where not is_stub`)).toEqual([
      { contact_id: 'hubspot-1', email: 'a@x.test' },
    ]);
    expect(await look(`select company_id, name from core.companies order by 1`)).toEqual([
      { company_id: 'hubspot-7', name: 'Acme' },
      { company_id: 'hubspot-8', name: 'Beta' },
    ]);
    expect(await look(`select deal_id, amount, created_at from core.deals`)).toEqual([
      { deal_id: 'hubspot-5', amount: '12.50', created_at: '2025-01-01T10:00:00Z' },
    ]);
  });

  test('an import that fails leaves no staged file', async () => {
    const { warehouse, project } = await openTestWarehouse({ clock: movable('2026-01-01T00:00:00Z') });
    await expect(importFolder(warehouse, hubspot, folderOf({ 'zork.csv': 'a\n1\n' }))).rejects.toThrow(
      'No file of the folder',
    );
    expect(readdirSync(project.staging)).toEqual([]);
  });
});
