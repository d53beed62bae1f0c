import { describe, expect, test } from 'vitest';
import { salesforce } from '../../../pipelines/sources/salesforce/mapping.ts';
import { openTestWarehouse } from '../../support.ts';
import { rowsOf } from '../load/support.ts';
import { accountsOf, fileOf, folderOf, importFolder, intoCounts } from './import-support.ts';

/** What is asserted from before all time is what the loader knew of a thing before its history came. */
const known = `valid_from >= timestamp '1000-01-01'`;

async function imported(files: Record<string, string>) {
  const { warehouse } = await openTestWarehouse();
  const result = await importFolder(warehouse, salesforce, folderOf(files));
  return {
    warehouse,
    result,
    look: <T = Record<string, unknown>>(sql: string) => rowsOf<T>(warehouse, sql),
    again: (next: Record<string, string>) => importFolder(warehouse, salesforce, folderOf(next)),
  };
}

const people = {
  'sf_user_data.csv':
    'id,name,first_name,last_name,email,is_active,manager_id,user_role_id,_fivetran_deleted,_fivetran_active\n005A,Jo March,,,jo@x.test,true,005B,r1,false,true\n005B,,Amy,March,amy@x.test,true,,,true,true\n005A,Old Name,,,jo@x.test,true,,,false,false\n',
  'user_role.csv': 'id,name\nr1,Sales\nr2,Nobody\n',
  'account.csv':
    'id,name,website,industry,number_of_employees,annual_revenue,billing_country,shipping_country,owner_id,is_deleted,created_date,last_modified_date\n001A,Acme,https://www.Acme.test/about,Food,12,1000000,,FR,005A,false,2024-01-01 00:00:00,2025-01-01 00:00:00\n001B,Gone,,,,,,,,true,2024-01-01 00:00:00,\n',
  'contact.csv':
    'id,email,first_name,last_name,phone,mobile_phone,account_id,owner_id,title,lead_source,mailing_country,mailing_city,has_opted_out_of_email,is_deleted,master_record_id,created_date,last_modified_date,favourite_c,nothing_c\n003A,ada@x.test,Ada,Byron,,+49 30 1,001A,005A,CTO,Web,DE,Bonn,false,false,,2024-02-01T10:00:00.000+0000,2025-02-01 00:00:00,tea,\n003B,bob@x.test,Bob,Hope,,,,,,,,,true,false,,2024-02-01 00:00:00,2025-02-01 00:00:00,,\n003C,ada2@x.test,Ada,Byron,,,,,,,,,true,true,003A,2024-02-01 00:00:00,2025-02-01 00:00:00,,\n',
  'lead.csv':
    'id,email,first_name,last_name,company,owner_id,title,status,lead_source,country,city,is_converted,converted_contact_id,converted_account_id,converted_date,is_deleted,created_date,last_modified_date\n00QA,ada@x.test,Ada,Byron,Acme,005A,CTO,Converted,Web,DE,Bonn,true,003A,001A,2024-02-01,false,2024-01-15 00:00:00,2024-02-01 00:00:00\n00QB,cy@x.test,Cy,Twombly,,,,Open,,,,false,,,,false,2024-03-01 00:00:00,2024-03-01 00:00:00\n',
};

describe('people', () => {
  test('users, accounts, contacts and leads; what is deleted or an older version stays in raw', async () => {
    const { look, result, again } = await imported(people);
    expect(accountsOf(result)).toEqual([]);
    expect(
      await look(
        `select owner_id, name, team, manager_id, is_active from core.owners where name <> owner_id order by owner_id`,
      ),
    ).toEqual([
      { owner_id: '005A', name: 'Jo March', team: 'Sales', manager_id: '005B', is_active: true },
      { owner_id: '005B', name: 'Amy March', team: null, manager_id: null, is_active: false },
    ]);
    expect(
      await look(
        `select company_id, name, domain, industry, employee_count, annual_revenue, country, owner_id from core.companies`,
      ),
    ).toEqual([
      {
        ...{ company_id: '001A', name: 'Acme', domain: 'acme.test', industry: 'Food', employee_count: 12 },
        ...{ annual_revenue: '1000000.00', country: 'FR', owner_id: '005A' },
      },
    ]);
    const contacts = await look(
      `select contact_id, email, phone, company_id, job_title, lifecycle_stage, lead_status, lead_source, country, city, attributes, created_at
       from core.contacts where not is_stub order by contact_id`,
    );
    expect(contacts[0]).toEqual({
      ...{ contact_id: '003A', email: 'ada@x.test', phone: '+49 30 1', company_id: '001A', job_title: 'CTO' },
      ...{ lifecycle_stage: null, lead_status: null, lead_source: 'Web', country: 'DE', city: 'Bonn' },
      attributes: { favourite_c: 'tea', has_opted_out_of_email: 'false' },
      created_at: '2024-02-01T10:00:00Z',
    });
    expect(contacts.map((one) => [one['contact_id'], one['lifecycle_stage'], one['lead_status']])).toEqual([
      ['003A', null, null],
      ['003B', null, null],
      ['00QA', 'lead', 'Converted'],
      ['00QB', 'lead', 'Open'],
    ]);
    expect(fileOf(result, 'sf_user_data.csv').reasons).toEqual({ 'not the active version of its record': 1 });
    expect(fileOf(result, 'account.csv').reasons).toEqual({ 'deleted in Salesforce': 1 });
    // Its merge is recorded, and still all that it said is kept.
    expect(await look(`select id, email, _reason from raw.salesforce_contact`)).toEqual([
      { id: '003C', email: 'ada2@x.test', _reason: 'deleted in Salesforce' },
    ]);
    const second = await again(people);
    expect(second.deleted).toEqual({});
    for (const file of second.files)
      for (const into of file.into)
        expect([file.file, into.table, into.rows_unchanged]).toEqual([file.file, into.table, into.rows_read]);
    expect(second.merges.map(({ recorded }) => recorded)).toEqual([0, 0]);
  });

  test('a converted lead is its contact, a merged record its master; every id is somebody’s', async () => {
    const { look, result } = await imported(people);
    expect(result.merges).toEqual([
      { rule: 'salesforce_lead_conversion', pairs: 1, recorded: 1 },
      { rule: 'salesforce_master_record', pairs: 1, recorded: 1 },
    ]);
    expect(
      await look(
        `select contact_id, other_contact_id, rule, evidence from core.contact_merges order by other_contact_id`,
      ),
    ).toEqual([
      {
        contact_id: '003A',
        other_contact_id: '003C',
        rule: 'salesforce_master_record',
        evidence: 'master_record_id',
      },
      {
        contact_id: '003A',
        other_contact_id: '00QA',
        rule: 'salesforce_lead_conversion',
        evidence: 'converted 2024-02-01',
      },
    ]);
    expect(
      (await look(`select value from core.contact_identities where kind = 'salesforce' order by 1`)).map(
        (one) => one['value'],
      ),
    ).toEqual(['003A', '003B', '003C', '00QA', '00QB']);
  });

  test('who has opted out has withdrawn', async () => {
    const { look } = await imported(people);
    expect(
      await look(`select contact_id, status, purpose, method, occurred_at from core.consent_events`),
    ).toEqual([
      {
        ...{ contact_id: '003B', status: 'withdrawn', purpose: 'marketing', method: 'salesforce_opt_out' },
        occurred_at: '2025-02-01T00:00:00Z',
      },
    ]);
  });

  test('one that is deleted later is emptied', async () => {
    const { look, again } = await imported(people);
    const next = {
      ...people,
      'contact.csv': people['contact.csv'].replace('Bonn,false,false', 'Bonn,false,true'),
    };
    expect((await again(next)).deleted).toEqual({ contacts: 1 });
    expect(
      await look(`select email, last_name, attributes from core.contacts where contact_id = '003A'`),
    ).toEqual([{ email: null, last_name: null, attributes: { deleted_in: 'salesforce' } }]);
    expect((await again(next)).deleted).toEqual({});
    // Undeleted: as it was.
    await again(people);
    expect(await look(`select email, attributes from core.contacts where contact_id = '003A'`)).toEqual([
      { email: 'ada@x.test', attributes: { favourite_c: 'tea', has_opted_out_of_email: 'false' } },
    ]);
  });
});

describe('opportunities', () => {
  const opportunities =
    'id,name,account_id,owner_id,stage_name,amount,close_date,is_closed,is_won,probability,lead_source,is_deleted,created_date,last_modified_date,region_c\n' +
    '006A,Big,001A,005A,Won,1200.5,2025-06-30,true,true,100,Web,false,2025-01-01 00:00:00,2025-06-30 00:00:00,EU\n' +
    '006B,Small,001A,005A,Open,,2025-09-30,false,false,20,,false,2025-01-01 00:00:00,2025-02-01 00:00:00,\n' +
    '006C,Gone,001A,005A,Lost,,2025-09-30,true,false,1000,,true,2025-01-01 00:00:00,2025-02-01 00:00:00,\n';

  test('become deals, with their primary contact and their largest product', async () => {
    const { look, result } = await imported({
      'opportunity.csv': opportunities,
      'opportunity_contact_role.csv':
        'id,opportunity_id,contact_id,is_primary,is_deleted\n1,006A,003B,false,false\n2,006A,003A,true,false\n3,006B,003B,true,true\n',
      'opportunity_line_item.csv':
        'id,opportunity_id,product_2_id,name,total_price\n1,006A,01tA,a,9\n2,006A,01tB,b,100\n3,006B,,no product,1\n',
      'product_2.csv': 'id,name\n01tA,Plan A\n01tB,Plan B\n',
    });
    expect(accountsOf(result)).toEqual([]);
    expect(
      await look(
        `select deal_id, name, contact_id, company_id, pipeline, stage, amount, product, closed_at, expected_close_date, attributes from core.deals order by deal_id`,
      ),
    ).toEqual([
      {
        ...{
          deal_id: '006A',
          name: 'Big',
          contact_id: '003A',
          company_id: '001A',
          pipeline: 'salesforce',
          stage: 'Won',
        },
        ...{
          amount: '1200.50',
          product: 'Plan B',
          closed_at: '2025-06-30T00:00:00Z',
          expected_close_date: '2025-06-30',
        },
        attributes: { is_won: 'true', probability: '100', region_c: 'EU' },
      },
      {
        ...{
          deal_id: '006B',
          name: 'Small',
          contact_id: null,
          company_id: '001A',
          pipeline: 'salesforce',
          stage: 'Open',
        },
        ...{ amount: null, product: 'no product', closed_at: null, expected_close_date: '2025-09-30' },
        attributes: { is_won: 'false', probability: '20' },
      },
    ]);
    // What a stage is, deleted opportunities say as well; they are in raw all the same.
    expect(
      await look(`select stage, is_won, is_closed, probability from core.deal_stages order by stage`),
    ).toEqual([
      { stage: 'Lost', is_won: false, is_closed: true, probability: null },
      { stage: 'Open', is_won: false, is_closed: false, probability: 0.2 },
      { stage: 'Won', is_won: true, is_closed: true, probability: 1 },
    ]);
    expect(fileOf(result, 'opportunity.csv')).toMatchObject({ rows: 3, rows_used: 2, rows_raw: 1 });
    expect(fileOf(result, 'opportunity_contact_role.csv')).toMatchObject({
      rows: 3,
      rows_used: 1,
      rows_raw: 2,
    });
  });

  test('the table of stages comes before what can be guessed of them', async () => {
    const { look } = await imported({
      'opportunity.csv': opportunities,
      'opportunity_stage.csv':
        'id,api_name,master_label,is_won,is_closed,default_probability,sort_order\n1,Open,Offen,false,false,30,1\n',
    });
    expect(await look(`select stage, label, position, probability from core.deal_stages`)).toEqual([
      { stage: 'Open', label: 'Offen', position: 1, probability: 0.3 },
    ]);
  });

  test('history mode: every version, a change for each field that differs, and a stage change for each stage', async () => {
    const files = {
      'opportunity.csv': opportunities,
      'opportunity_history.csv':
        'id,stage_name,amount,close_date,owner_id,is_deleted,_fivetran_active,_fivetran_start,_fivetran_end\n' +
        '006A,Won,1200.5,2025-06-30,005A,false,true,2025-06-30 0:00:00,9999-12-31 23:59:59\n' +
        '006A,Open,1000,2025-07-31,005A,false,false,2025-02-01 9:00:00,2025-05-01 00:00:00\n' +
        '006A,Open,1200.50,2025-07-31,005A,false,false,2025-05-01 10:00:00,2025-06-30 00:00:00\n' +
        '006A,Open,1200.50,2025-07-31,005A,false,false,2025-05-02 10:00:00,2025-06-30 00:00:00\n' +
        '006C,Lost,,2025-09-30,005A,true,true,2025-02-01 00:00:00,9999-12-31 23:59:59\n',
    };
    const { look, result, again } = await imported(files);
    expect(accountsOf(result)).toEqual([]);
    expect(
      await look(
        `select field, value, valid_from from core.deal_changes where field <> 'owner_id' and ${known} order by field, valid_from`,
      ),
    ).toEqual([
      { field: 'amount', value: null, valid_from: '2025-01-01T00:00:00Z' },
      { field: 'amount', value: '1000.00', valid_from: '2025-02-01T09:00:00Z' },
      { field: 'amount', value: '1200.50', valid_from: '2025-05-01T10:00:00Z' },
      { field: 'expected_close_date', value: null, valid_from: '2025-01-01T00:00:00Z' },
      { field: 'expected_close_date', value: '2025-07-31', valid_from: '2025-02-01T09:00:00Z' },
      { field: 'expected_close_date', value: '2025-06-30', valid_from: '2025-06-30T00:00:00Z' },
      { field: 'stage', value: null, valid_from: '2025-01-01T00:00:00Z' },
      { field: 'stage', value: 'Open', valid_from: '2025-02-01T09:00:00Z' },
      { field: 'stage', value: 'Won', valid_from: '2025-06-30T00:00:00Z' },
    ]);
    expect(
      await look(
        `select deal_id, from_stage, to_stage, owner_id, occurred_at from core.deal_stage_changes order by occurred_at`,
      ),
    ).toEqual([
      {
        deal_id: '006A',
        from_stage: null,
        to_stage: 'Open',
        owner_id: '005A',
        occurred_at: '2025-02-01T09:00:00Z',
      },
      {
        deal_id: '006A',
        from_stage: 'Open',
        to_stage: 'Won',
        owner_id: '005A',
        occurred_at: '2025-06-30T00:00:00Z',
      },
    ]);
    expect(fileOf(result, 'opportunity_history.csv').reasons).toEqual({
      'deleted in Salesforce': 1,
      'nothing of ours is made of it': 1,
    });
    const second = await again(files);
    for (const into of fileOf(second, 'opportunity_history.csv').into)
      expect([into.table, into.rows_inserted, into.rows_updated]).toEqual([into.table, 0, 0]);
  });

  test('Salesforce’s own histories: the old value is what was before', async () => {
    const { look, result } = await imported({
      'opportunity.csv': opportunities,
      'opportunity_field_history.csv':
        'id,opportunity_id,field,old_value,new_value,created_date\n1,006A,StageName,Open,Won,2025-06-30 00:00:00\n2,006A,Owner,005A,005B,2025-03-01 00:00:00\n',
      'opportunity_history.csv':
        'id,opportunity_id,stage_name,amount,close_date,created_date\nh1,006A,Open,1000,2025-07-31,2025-01-01 00:00:00\nh2,006A,Won,1000,2025-06-30,2025-06-30 00:00:00\n',
    });
    expect(accountsOf(result)).toEqual([]);
    expect(
      await look(
        `select field, value, valid_from from core.deal_changes where ${known} order by field, valid_from`,
      ),
    ).toEqual([
      { field: 'amount', value: '1000.00', valid_from: '2025-01-01T00:00:00Z' },
      { field: 'expected_close_date', value: '2025-07-31', valid_from: '2025-01-01T00:00:00Z' },
      { field: 'expected_close_date', value: '2025-06-30', valid_from: '2025-06-30T00:00:00Z' },
      { field: 'stage', value: 'Open', valid_from: '2025-01-01T00:00:00Z' },
      { field: 'stage', value: 'Won', valid_from: '2025-06-30T00:00:00Z' },
    ]);
    expect(
      await look(`select from_stage, to_stage from core.deal_stage_changes order by occurred_at`),
    ).toEqual([
      { from_stage: null, to_stage: 'Open' },
      { from_stage: 'Open', to_stage: 'Won' },
    ]);
    expect(fileOf(result, 'opportunity_field_history.csv').reasons).toEqual({
      'the property is no field of ours': 1,
    });
  });
});

test('contacts in versions and in field history', async () => {
  const { look } = await imported({
    'contact.csv': 'id,email,created_date\n003A,new@x.test,2024-01-01 00:00:00\n',
    'contact_history.csv':
      'id,email,_fivetran_start,is_deleted\n003A,old@x.test,2024-01-01 00:00:00,false\n003A,new@x.test,2024-06-01 00:00:00,false\n',
    'lead.csv': 'id,status,created_date\n00QA,Working,2024-01-01 00:00:00\n',
    'lead_history.csv':
      'id,lead_id,field,old_value,new_value,created_date\n1,00QA,Status,Open,Working,2024-03-01 00:00:00\n',
  });
  expect(
    await look(
      `select contact_id, field, value, valid_from from core.contact_changes where ${known} order by contact_id, valid_from`,
    ),
  ).toEqual([
    { contact_id: '003A', field: 'email', value: 'old@x.test', valid_from: '2024-01-01T00:00:00Z' },
    { contact_id: '003A', field: 'email', value: 'new@x.test', valid_from: '2024-06-01T00:00:00Z' },
    { contact_id: '00QA', field: 'lead_status', value: 'Open', valid_from: '2024-01-01T00:00:00Z' },
    { contact_id: '00QA', field: 'lead_status', value: 'Working', valid_from: '2024-03-01T00:00:00Z' },
  ]);
});

test('tasks and events are activities, members who answered are responses, orders are orders', async () => {
  const { look, result } = await imported({
    'task.csv':
      'id,who_id,what_id,account_id,owner_id,subject,task_subtype,type,status,is_closed,activity_date,call_duration_in_seconds,is_deleted\n' +
      '00TA,003A,006A,,005A,Ring,Call,,Completed,true,2025-01-01,90,false\n00TB,00QA,001A,,,Write,Email,,Open,false,2025-01-02,,false\n00TC,,,001B,,Do,Task,,Open,false,2025-01-03,,false\n00TD,,,,,Gone,Task,,,,2025-01-03,,true\n',
    'event.csv':
      'id,who_id,what_id,account_id,owner_id,subject,type,start_date_time,end_date_time,duration_in_minutes,_fivetran_synced\n00UA,003A,,001A,,Demo,Meeting,2025-01-01 09:00:00,2025-01-01 09:30:00,30,2025-02-01 00:00:00\n00UB,,,,,Later,Call,2025-03-01 09:00:00,2025-03-01 09:30:00,30,2025-02-01 00:00:00\n',
    'campaign.csv': 'id,name\n701A,Fair\n',
    'campaign_member.csv':
      'id,campaign_id,contact_id,lead_id,status,has_responded,first_responded_date,created_date\n00vA,701A,003A,,Responded,true,2025-01-05,2025-01-01 00:00:00\n00vB,701A,,00QA,Sent,false,,2025-01-01 00:00:00\n00vC,701A,,00QA,Visited,true,,2025-01-01 00:00:00\n',
    'order.csv':
      'id,account_id,bill_to_contact_id,opportunity_id,status,status_code,effective_date,total_amount,is_reduction_order,is_deleted\n801A,001A,003A,006A,Activated,Activated,2025-01-10,100.5,false,false\n801B,001A,,,Draft,Draft,2025-01-10,5,false,false\n801C,001A,,,Activated,Activated,2025-01-10,-5,true,false\n801D,001A,,,Cancelled,Cancelled,2025-01-10,7,false,false\n',
    'order_item.csv':
      'id,order_id,product_2_id,quantity,unit_price,total_price\n802A,801A,01tA,3,33.5,100.5\n',
    'product_2.csv': 'id,name,family\n01tA,Plan A,Plans\n',
  });
  expect(accountsOf(result)).toEqual([]);
  const activities = await look(
    `select activity_id, activity_type, contact_id, company_id, deal_id, duration_minutes, is_completed from core.activities order by 1`,
  );
  expect(activities.map((one) => Object.values(one))).toEqual([
    ['00TA', 'call', '003A', null, '006A', 2, true],
    ['00TB', 'email', '00QA', '001A', null, null, false],
    ['00TC', 'task', null, '001B', null, null, false],
    ['00UA', 'meeting', '003A', '001A', null, 30, true],
    ['00UB', 'call', null, null, null, 30, false],
  ]);
  expect(
    (
      await look(
        `select response_id, contact_id, campaign_id, response_type, occurred_at from core.campaign_responses order by 1`,
      )
    ).map((one) => Object.values(one)),
  ).toEqual([
    ['00vA', '003A', '701A', 'Responded', '2025-01-05T00:00:00Z'],
    ['00vC', '00QA', '701A', 'Visited', '2025-01-01T00:00:00Z'],
  ]);
  expect(
    (await look(`select order_id, contact_id, deal_id, amount, status from core.orders order by 1`)).map(
      (one) => Object.values(one),
    ),
  ).toEqual([
    ['801A', '003A', '006A', '100.50', 'completed'],
    ['801D', null, null, '7.00', 'cancelled'],
  ]);
  expect(
    (await look(`select * exclude (source, recorded_at) from core.order_lines`)).map((one) =>
      Object.values(one),
    ),
  ).toEqual([['802A', '801A', '01tA', 'Plan A', 'Plans', 3, '33.50', '100.50']]);
  expect(fileOf(result, 'order.csv').reasons).toEqual({ 'a draft': 1, 'a reduction of another order': 1 });
  expect(fileOf(result, 'campaign_member.csv').reasons).toEqual({ 'has not responded': 1 });
  expect(fileOf(result, 'campaign.csv')).toMatchObject({
    status: 'raw',
    raw_table: 'raw.salesforce_campaign',
  });
  expect(intoCounts(result, 'task.csv', 'activities')).toEqual([3, 3, 0, 0, 0]);
});
