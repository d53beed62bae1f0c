import { Readable } from 'node:stream';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { AccountSchema, type Account } from '../../../data/account.ts';
import { addressKey } from '../../../data/address.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import type { Mallard } from '../../../pipelines/context.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import {
  importSuppressions,
  type SuppressionImport,
  type SuppressionImportResult,
} from '../../../pipelines/sources/import-suppressions.ts';
import { openTestWarehouse } from '../../support.ts';
import { counts } from '../load/support.ts';

const topics = [
  { id: 'news', title: 'Weekly News', description: '' },
  { id: 'offers', title: 'Offers', description: '' },
];

async function open(consent: Partial<Account['consent']> = {}) {
  const { project, warehouse } = await openTestWarehouse();
  const defaults = Value.Default(AccountSchema, {}) as Account;
  const account = { ...defaults, consent: { ...defaults.consent, ...consent } };
  const mallard: Mallard = {
    project,
    warehouse,
    engine: new ModelEngine(warehouse),
    clock: warehouse.clock,
    account,
  };
  const load = async (
    name: string,
    content: string,
    options: Partial<SuppressionImport> = {},
  ): Promise<SuppressionImportResult> => {
    const path = await stageFile(project, Readable.from([Buffer.from(content)]), name);
    return importSuppressions(mallard, { file: { path, name }, actor: 'ann', ...options });
  };
  const kept = () =>
    warehouse.read((session) =>
      session.rows<Record<string, string | null>>(
        `select address_key, scope, reason, detail, suppressed_at, source, actor from ops.suppressions order by suppressed_at, rowid`,
      ),
    );
  const rejects = () =>
    warehouse.read((session) =>
      session.rows(`select line::int as line, column_name, value, reason from raw.rejects order by line`),
    );
  return { load, kept, rejects, warehouse };
}

const row = (
  email: string,
  scope: string,
  reason: string,
  at: string,
  detail: string | null,
  source: string,
) => ({
  address_key: addressKey(email),
  scope,
  reason,
  detail,
  suppressed_at: at,
  source,
  actor: 'ann',
});

test('SendGrid bounces: hard ones suppress, soft ones are rejected with a reason, and it adds up', async () => {
  const { load, kept, rejects } = await open();
  const csv = [
    'status,reason,email,created',
    '5.1.1,"550 5.1.1 no such user, ""really""",Gone@Example.com,1443651141',
    '4.2.2,452 mailbox full,full@example.com,1443651142',
    ',no status,old@example.com,1443651143',
    '5.0.0,bad,not an address,1443651144',
    '5.1.1,<gone@example.com> again,gone@example.com,1443651145',
  ].join('\n');
  const first = await load('suppression_bounces.csv', csv);
  expect(first).toMatchObject({ system: 'sendgrid', list: 'bounces' });
  expect(counts(first)).toEqual([5, 2, 0, 1, 2]);
  expect(await kept()).toEqual([
    row('old@example.com', 'global', 'bounced', '2015-09-30T22:12:23Z', 'no status', 'sendgrid'),
    // Of two rows of one address the loader keeps the last.
    row('gone@example.com', 'global', 'bounced', '2015-09-30T22:12:25Z', '<address> again', 'sendgrid'),
  ]);
  expect(await rejects()).toEqual([
    {
      line: 3,
      column_name: 'status',
      value: '4.2.2',
      reason: 'a soft bounce: it passes, and suppresses nobody',
    },
    { line: 5, column_name: 'email', value: 'not an address', reason: 'not an e-mail address' },
  ]);
  expect(counts(await load('suppression_bounces.csv', csv))).toEqual([5, 0, 0, 3, 2]);
});

test('SendGrid blocks suppress nobody, and are never taken for bounces', async () => {
  const { load, kept } = await open();
  const csv = 'status,reason,email,created\n5.7.1,550 5.7.1 blocked by policy,ann@example.com,1443651141\n';
  expect(counts(await load('suppression_blocks.csv', csv))).toEqual([1, 0, 0, 0, 1]);
  expect(counts(await load('export.csv', csv, { list: 'blocks' }))).toEqual([1, 0, 0, 0, 1]);
  await expect(load('export.csv', csv)).rejects.toMatchObject({
    code: 'contract_violated',
    message: expect.stringMatching(/may be bounces or blocks.*--list/),
  });
  expect(await kept()).toEqual([]);
});

test.each([
  [
    'spam reports',
    'suppression_spam_reports.csv',
    'email,ip,created',
    '{},10.0.0.1,1443651141',
    'complaints',
    'complained',
    null,
  ],
  [
    'invalid addresses',
    'suppression_invalid_emails.csv',
    'reason,email,created',
    'Mail domain unknown,{},1443651141',
    'invalid',
    'bounced',
    'Mail domain unknown',
  ],
  [
    'unsubscribes',
    'suppression_unsubscribes.csv',
    'email,created',
    '{},1443651141',
    'unsubscribes',
    'unsubscribed',
    null,
  ],
])('SendGrid %s', async (_name, file, header, line, list, reason, detail) => {
  const { load, kept } = await open();
  const csv = `${header}\n${line.replace('{}', 'ann@example.com')}\n`;
  const result = await load(file, csv);
  expect(result).toMatchObject({ system: 'sendgrid', list });
  expect(counts(result)).toEqual([1, 1, 0, 0, 0]);
  expect(await kept()).toEqual([
    row('ann@example.com', 'global', reason, '2015-09-30T22:12:21Z', detail, 'sendgrid'),
  ]);
  expect(counts(await load(file, csv))).toEqual([1, 0, 0, 1, 0]);
});

test('SendGrid group unsubscribes become topic suppressions, by name, by mapping or by id; other groups are rejected', async () => {
  const { load, kept, rejects } = await open({ topics });
  const csv = [
    'email,group_id,group_name,created_at',
    'ann@example.com,1,weekly news,1443651141',
    'bob@example.com,2,Spring Sale,1443651142',
    'eve@example.com,3,Surveys,1443651143',
  ].join('\n');
  const result = await load('groups.csv', csv, { topics: 'Spring Sale=offers' });
  expect(result).toMatchObject({ list: 'group_unsubscribes' });
  expect(counts(result)).toEqual([3, 2, 0, 0, 1]);
  expect((await kept()).map(({ scope, address_key }) => [scope, address_key])).toEqual([
    ['news', addressKey('ann@example.com')],
    ['offers', addressKey('bob@example.com')],
  ]);
  expect(await rejects()).toMatchObject([{ column_name: 'group_name', value: 'Surveys' }]);
  // By id, as the API gives them.
  const json = JSON.stringify([
    { email: 'eve@example.com', group_id: 3, group_name: 'Surveys', created_at: 1443651143 },
  ]);
  expect(counts(await load('groups.json', json, { topics: '3=news' }))).toEqual([1, 1, 0, 0, 0]);
  await expect(load('groups.csv', csv, { topics: 'Surveys=nonsense' })).rejects.toMatchObject({
    code: 'bad_request',
  });
});

test('one group’s own export has no group: its topic must be named', async () => {
  const { load, kept } = await open({ topics });
  const csv = 'email,created\nann@example.com,1443651141\n';
  await expect(load('group_unsubscribes.csv', csv)).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('--topic'),
  });
  await load('group_unsubscribes.csv', csv, { topic: 'news' });
  expect(await kept()).toMatchObject([{ scope: 'news', reason: 'unsubscribed' }]);
});

test('Mailgun bounces, complaints and unsubscribes, as CSV and as the API’s JSON', async () => {
  const { load, kept, rejects } = await open({ topics });
  const at = 'Fri, 21 Oct 2011 11:02:55 GMT';
  const bounces = `address,code,error,created_at\ngone@example.com,550,No such mailbox,"${at}"\nfull@example.com,452,Full,"${at}"\n`;
  expect(counts(await load('bounces.csv', bounces))).toEqual([2, 1, 0, 0, 1]);
  expect(
    counts(
      await load(
        'complaints.csv',
        `address,created_at\nangry@example.com,"Fri, 21 Oct 2011 13:02:56 +0200"\n`,
      ),
    ),
  ).toEqual([1, 1, 0, 0, 0]);
  const unsubscribes = `address,tags,created_at\nann@example.com,*,"Fri, 21 Oct 2011 11:02:57 UTC"\nbob@example.com,offers,"Fri, 21 Oct 2011 11:02:58 GMT"\neve@example.com,other,"${at}"\n`;
  expect(counts(await load('unsubscribes.csv', unsubscribes))).toEqual([3, 2, 0, 0, 1]);
  expect(await kept()).toEqual([
    row('gone@example.com', 'global', 'bounced', '2011-10-21T11:02:55Z', 'No such mailbox', 'mailgun'),
    row('angry@example.com', 'global', 'complained', '2011-10-21T11:02:56Z', null, 'mailgun'),
    row('ann@example.com', 'global', 'unsubscribed', '2011-10-21T11:02:57Z', null, 'mailgun'),
    row('bob@example.com', 'offers', 'unsubscribed', '2011-10-21T11:02:58Z', null, 'mailgun'),
  ]);
  expect((await rejects()).map((reject) => reject['value'])).toEqual(['452', 'other']);

  const page = JSON.stringify({
    items: [
      { address: 'ann@example.com', tags: ['*'], created_at: 'Fri, 21 Oct 2011 11:02:57 UTC' },
      { address: 'zoe@example.com', tags: ['news', 'offers'], created_at: at },
    ],
    paging: { next: 'https://example.com/' },
  });
  const json = await load('unsubscribes.json', page);
  expect(json).toMatchObject({ system: 'mailgun', list: 'unsubscribes' });
  // The one with two tags is two.
  expect(counts(json)).toEqual([3, 2, 0, 1, 0]);
});

const mailchimpHead =
  '"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION';
const blanks = ',,,,,,,,,,,,,,';

test('Mailchimp: unsubscribed and cleaned members; the subscribed are refused', async () => {
  const { load, kept } = await open();
  const unsubscribed = [
    `${mailchimpHead},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS`,
    `ann@example.com${blanks},"2024-02-03 10:00:00",Spring,c1,normal,,1,a,,`,
    `eve@example.com${blanks},"2024-02-03 10:00:01",Spring,c1,spam,,2,b,,`,
  ].join('\n');
  const cleaned = [
    `${mailchimpHead},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS`,
    `gone@example.com${blanks},"2024-03-04 10:00:00",Easter,c2,3,c,,`,
  ].join('\n');
  expect(counts(await load('unsubscribed_email_audience_export_1.csv', unsubscribed))).toEqual([
    2, 2, 0, 0, 0,
  ]);
  expect(await load('cleaned_email_audience_export_1.csv', cleaned)).toMatchObject({
    system: 'mailchimp',
    list: 'cleaned',
  });
  expect(await kept()).toEqual([
    row('ann@example.com', 'global', 'unsubscribed', '2024-02-03T10:00:00Z', 'Spring', 'mailchimp'),
    row('eve@example.com', 'global', 'complained', '2024-02-03T10:00:01Z', 'Spring', 'mailchimp'),
    row('gone@example.com', 'global', 'bounced', '2024-03-04T10:00:00Z', 'Easter', 'mailchimp'),
  ]);
  expect(counts(await load('unsubscribed.csv', unsubscribed))).toEqual([2, 0, 0, 2, 0]);
  const subscribed = `${mailchimpHead},LAST_CHANGED,LEID,EUID,NOTES,TAGS\nann@example.com${blanks},"2024-02-03 10:00:00",1,a,,\n`;
  await expect(load('subscribed_email_audience_export_1.csv', subscribed)).rejects.toMatchObject({
    code: 'contract_violated',
    message: expect.stringContaining('these members are subscribed'),
  });
});

test('what is none of them is refused with its columns; a time that cannot be read is the time of the import', async () => {
  const { load, kept } = await open();
  await expect(load('x.csv', 'name,phone\na,b\n')).rejects.toMatchObject({
    code: 'contract_violated',
    message: expect.stringContaining('it has name, phone'),
  });
  await expect(
    load('x.csv', 'address,code\na@example.com,550\n', { from: 'sendgrid' }),
  ).rejects.toMatchObject({
    code: 'contract_violated',
  });
  await load('unsubscribes.csv', 'email,created\nann@example.com,soon\nbob@example.com,9999999999\n');
  expect((await kept()).map((one) => one['suppressed_at'])).toEqual([
    '2026-11-02T06:00:00Z',
    '2026-11-02T06:00:00Z',
  ]);
});

test('an unsubscribe that was taken back is imported anew if it came after that, and not from an old file', async () => {
  const { load, kept, warehouse } = await open();
  const csv = (at: number) => `email,created\nann@example.com,${at}\n`;
  await load('unsubscribes.csv', csv(1443651141));
  await warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.suppression_lifts (address_key, channel, scope, lifted_at, consent_event_id, source, recorded_at)
       values ($1, 'email', 'global', '2020-01-01', 'e1', 't', '2020-01-01')`,
      [addressKey('ann@example.com')],
    ),
  );
  expect(counts(await load('unsubscribes.csv', csv(1443651141)))).toEqual([1, 0, 0, 1, 0]);
  const later = csv(Date.parse('2024-01-01T00:00:00Z') / 1000);
  expect(counts(await load('unsubscribes.csv', later))).toEqual([1, 1, 0, 0, 0]);
  expect(counts(await load('unsubscribes.csv', later))).toEqual([1, 0, 0, 1, 0]);
  expect((await kept()).map((one) => one['suppressed_at'])).toEqual([
    '2015-09-30T22:12:21Z',
    '2024-01-01T00:00:00Z',
  ]);
});
