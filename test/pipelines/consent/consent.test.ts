import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { AccountSchema, type Account, type ConsentSettings } from '../../../data/account.ts';
import { addressKey } from '../../../data/address.ts';
import { Project } from '../../../data/project.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { unsubscribeHeaders, unsubscribeLink, unsubscribePath } from '../../../pipelines/consent/links.ts';
import { unsubscribePage } from '../../../pipelines/consent/page.ts';
import { permissionParams, permissionsSql, refusalSql } from '../../../pipelines/consent/permissions.ts';
import { projectSecret } from '../../../pipelines/consent/secret.ts';
import { addSuppressions } from '../../../pipelines/consent/suppressions.ts';
import {
  readUnsubscribeToken,
  unsubscribeToken,
  type UnsubscribeClaims,
} from '../../../pipelines/consent/token.ts';
import { pickLanguage, say, texts, type TextKey } from '../../../pipelines/consent/texts.ts';
import { recordUnsubscribe } from '../../../pipelines/consent/unsubscribe.ts';
import { openTestWarehouse, tempFolder } from '../../support.ts';

const secret = 'a secret of the tests';
const defaultAccount = Value.Default(AccountSchema, {}) as Account;
const claims: UnsubscribeClaims = {
  delivery_id: 'd1',
  contact_id: 'c1',
  campaign_id: 'spring',
  campaign_run_id: 'r1',
  address_key: addressKey('ann@example.com'),
  topic: 'news',
};

describe('tokens and links', () => {
  test('a token reads back, and only with its secret and every character', () => {
    const text = fc.string();
    fc.assert(
      fc.property(text, text, fc.nat(), (contact_id, campaign_id, place) => {
        const made = { ...claims, contact_id, campaign_id, topic: null };
        const token = unsubscribeToken(made, secret);
        expect(readUnsubscribeToken(token, secret)).toEqual(made);
        expect(readUnsubscribeToken(token, 'another secret, long enough')).toBeUndefined();
        const at = place % token.length;
        const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
        expect(readUnsubscribeToken(changed, secret)).toBeUndefined();
      }),
    );
    expect(readUnsubscribeToken('', secret)).toBeUndefined();
    expect(readUnsubscribeToken('a.b.c', secret)).toBeUndefined();
  });

  test('link and headers', () => {
    const link = unsubscribeLink('https://mail.example.com/', claims, secret);
    expect(link.startsWith('https://mail.example.com/u/')).toBe(true);
    expect(readUnsubscribeToken(link.split(unsubscribePath)[1] ?? '', secret)).toEqual(claims);
    expect(link).not.toContain('ann');
    expect(unsubscribeHeaders(link, 'stop@example.com')).toEqual({
      'List-Unsubscribe': `<${link}>, <mailto:stop@example.com?subject=unsubscribe>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    });
  });

  test('the secret is made once, for its owner alone; the environment comes first', () => {
    const project = new Project(tempFolder());
    const made = projectSecret(project, {});
    expect(projectSecret(project, {})).toBe(made);
    const file = join(project.dir, 'secret.key');
    expect(existsSync(file) && readFileSync(file, 'utf8')).toBe(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(projectSecret(project, { MALLARD_SECRET: 'x'.repeat(16) })).toBe('x'.repeat(16));
    expect(() => projectSecret(project, { MALLARD_SECRET: 'short' })).toThrowError(
      expect.objectContaining({ code: 'configuration_missing' }),
    );
  });

  test('the page asks by a form and escapes what it shows', () => {
    const page = unsubscribePage('ask', { account: '<b>Example', topic: 'a"b' });
    expect(page).toContain('<form method="post">');
    expect(page).toContain('&#60;b&#62;Example');
    expect(page).toContain('a&#34;b');
    expect(unsubscribePage('done', { account: 'x' })).not.toContain('<form');
  });
});

type Consent = [
  id: string,
  contact: string | null,
  email: string | null,
  topic: string | null,
  status: string,
  at: string,
];

async function permissions(
  warehouse: Warehouse,
  consents: Consent[],
  params: {
    topic?: string;
    message_class?: 'marketing' | 'transactional';
    permitted_at?: string;
    consent?: Partial<ConsentSettings>;
  } = {},
): Promise<Record<string, string | null>> {
  await warehouse.loads.transaction(async (tx) => {
    for (const [id, contact, email, topic, status, at] of consents) {
      await tx.run(
        `insert into core.consent_events (consent_event_id, contact_id, email, email_key, topic, status, occurred_at, source, recorded_at)
         values ($1, $2, $3, $3, $4, $5, $6::timestamp, 't', $6::timestamp)`,
        [id, contact, email, topic, status, at],
      );
    }
  });
  const rows = await warehouse.read((s) =>
    s.rows<{ contact_id: string; refusal: string | null }>(
      `with recipients as (select contact_id, email_key, sha256(email_key) as address_key from core.contacts), ${permissionsSql('recipients')}
       select contact_id, ${refusalSql('p')} as refusal from permissions p order by contact_id`,
      permissionParams(
        { consent: { ...defaultAccount.consent, ...params.consent } },
        {
          messageClass: params.message_class ?? 'marketing',
          topic: params.topic,
          askedAt: '2026-11-02T06:00:00',
          permittedAt: params.permitted_at ?? null,
        },
      ),
    ),
  );
  return Object.fromEntries(rows.map((row) => [row.contact_id, row.refusal]));
}

async function withContacts(): Promise<Warehouse> {
  const { warehouse } = await openTestWarehouse();
  await warehouse.loads.transaction((tx) =>
    tx.run(
      `insert into core.contacts (contact_id, email, email_key, source, recorded_at)
       select id, email, email, 't', '2026-01-01' from (values ('c1', 'ann@example.com'), ('c2', 'ann@example.com'), ('c3', 'bob@example.com'), ('c4', null)) v(id, email)`,
    ),
  );
  return warehouse;
}

describe('permissions', () => {
  test('none recorded is a refusal; the latest decides; a tie is a withdrawal', async () => {
    const warehouse = await withContacts();
    expect(await permissions(warehouse, [])).toEqual({
      c1: 'no_consent',
      c2: 'no_consent',
      c3: 'no_consent',
      c4: 'no_consent',
    });
    const consents: Consent[] = [
      ['1', 'c3', null, null, 'granted', '2026-01-01'],
      ['2', 'c3', null, null, 'withdrawn', '2026-02-01'],
      ['3', 'c4', null, null, 'granted', '2026-02-01'],
      ['4', 'c1', null, null, 'granted', '2026-02-01'],
    ];
    // c2 is another record of c1's address: what one of them says holds for both.
    expect(await permissions(warehouse, consents)).toEqual({
      c1: null,
      c2: null,
      c3: 'consent_withdrawn',
      c4: null,
    });
    expect(await permissions(warehouse, [], { permitted_at: '2026-01-15' })).toMatchObject({
      c3: null,
      c4: 'no_consent',
    });
    expect(
      await permissions(warehouse, [['5', null, 'bob@example.com', null, 'granted', '2026-02-01']]),
    ).toMatchObject({ c3: 'consent_withdrawn' });
    expect(
      await permissions(warehouse, [['6', null, 'ann@example.com', null, 'withdrawn', '2026-03-01']]),
    ).toMatchObject({ c1: 'consent_withdrawn', c2: 'consent_withdrawn' });
  });

  test('topics: one does not speak for another, none speaks for all', async () => {
    const warehouse = await withContacts();
    await permissions(warehouse, [
      ['1', 'c1', null, 'news', 'granted', '2026-01-01'],
      ['2', 'c3', null, null, 'granted', '2026-01-01'],
      ['3', 'c3', null, 'news', 'withdrawn', '2026-02-01'],
    ]);
    expect(await permissions(warehouse, [], { topic: 'news' })).toMatchObject({
      c1: null,
      c3: 'consent_withdrawn',
    });
    expect(await permissions(warehouse, [], { topic: 'offers' })).toMatchObject({
      c1: 'no_consent',
      c3: null,
    });
    expect(await permissions(warehouse, [])).toMatchObject({ c1: 'no_consent', c3: null });
  });

  test('suppressions by address and scope; a transactional mail ignores unsubscribes alone', async () => {
    const warehouse = await withContacts();
    const suppress = (email: string, reason: 'unsubscribed' | 'bounced', scope = 'global') =>
      warehouse.ledger.transaction((tx) =>
        addSuppressions(
          tx,
          [
            {
              address_key: addressKey(email),
              scope,
              reason,
              detail: null,
              suppressed_at: '2026-02-01',
              source: 't',
            },
          ],
          '2026-02-01',
        ),
      );
    expect(await suppress('ann@example.com', 'unsubscribed', 'news')).toBe(1);
    expect(await suppress('ann@example.com', 'unsubscribed', 'news')).toBe(0);
    await permissions(warehouse, [
      ['1', 'c1', null, null, 'granted', '2026-01-01'],
      ['2', 'c3', null, null, 'granted', '2026-01-01'],
    ]);
    expect(await permissions(warehouse, [])).toMatchObject({ c1: null, c3: null });
    expect(await permissions(warehouse, [], { topic: 'news' })).toMatchObject({
      c1: 'suppressed_unsubscribed',
      c2: 'suppressed_unsubscribed',
    });
    await suppress('bob@example.com', 'bounced');
    expect(await permissions(warehouse, [], { topic: 'news', message_class: 'transactional' })).toEqual({
      c1: null,
      c2: null,
      c3: 'suppressed_bounced',
      c4: null,
    });
  });
});

describe('what the account has decided', () => {
  test('assumed: none recorded may be written to, a withdrawal still stops', async () => {
    const warehouse = await withContacts();
    await permissions(warehouse, [['1', 'c3', null, null, 'withdrawn', '2026-01-01']]);
    expect(await permissions(warehouse, [], { consent: { marketing: 'assumed' } })).toEqual({
      c1: null,
      c2: null,
      c3: 'consent_withdrawn',
      c4: null,
    });
  });

  test('transactional mails ask for their own purpose, if at all', async () => {
    const warehouse = await withContacts();
    await permissions(warehouse, [['1', 'c1', null, null, 'granted', '2026-01-01']]);
    const asked = (transactional: ConsentSettings['transactional']) =>
      permissions(warehouse, [], { message_class: 'transactional', consent: { transactional } });
    expect(await asked('ignored')).toMatchObject({ c1: null, c3: null });
    expect(await asked('assumed')).toMatchObject({ c1: null, c3: null });
    // Consent to marketing is none to anything else.
    expect(await asked('needed')).toMatchObject({ c1: 'no_consent', c3: 'no_consent' });
  });

  test('double opt-in: a form alone is pending, takes nothing away, and a request waits until its link expires', async () => {
    const warehouse = await withContacts();
    const consent = { double_opt_in: true };
    await permissions(warehouse, [
      ['1', 'c1', null, null, 'granted', '2026-01-01'],
      ['2', 'c1', null, null, 'granted', '2026-02-01'],
      ['3', 'c3', null, null, 'granted', '2026-02-01'],
    ]);
    await warehouse.loads.transaction((tx) =>
      tx.run(`update core.consent_events set method = 'single_opt_in' where consent_event_id in ('2', '3')`),
    );
    expect(await permissions(warehouse, [], { consent })).toMatchObject({ c1: null, c3: 'consent_pending' });
    expect(await permissions(warehouse, [])).toMatchObject({ c1: null, c3: null });

    await warehouse.ledger.transaction((tx) =>
      tx.run(
        `insert into ops.consent_requests (request_id, address_key, channel, purpose, topics, language, requested_at, expires_at, updated_at)
         values ('r1', $1, 'email', 'marketing', '["news"]', 'en', '2026-10-30', '2026-11-06', '2026-10-30'),
                ('r2', $2, 'email', 'marketing', '[]', 'en', '2026-10-01', '2026-10-08', '2026-10-01')`,
        [addressKey('cleo@example.com'), addressKey('dan@example.com')],
      ),
    );
    await warehouse.loads.transaction((tx) =>
      tx.run(
        `insert into core.contacts (contact_id, email, email_key, source, recorded_at)
         select id, email, email, 't', '2026-01-01' from (values ('c5', 'cleo@example.com'), ('c6', 'dan@example.com')) v(id, email)`,
      ),
    );
    expect(await permissions(warehouse, [], { topic: 'news' })).toMatchObject({
      c5: 'consent_pending',
      c6: 'no_consent',
    });
    expect(await permissions(warehouse, [], { topic: 'offers' })).toMatchObject({ c5: 'no_consent' });
    expect(await permissions(warehouse, [], { permitted_at: '2026-10-05' })).toMatchObject({
      c5: 'no_consent',
      c6: 'consent_pending',
    });
  });
});

describe('permissions follow merges', () => {
  /** b1 and b2 are one person (b1), with two addresses; b3 shares b2's address and is somebody else's record. */
  async function merged() {
    const { warehouse } = await openTestWarehouse();
    await warehouse.loads.transaction(async (tx) => {
      await tx.run(
        `insert into core.contacts (contact_id, email, email_key, source, recorded_at)
         select id, email, email, 't', '2026-01-01'
         from (values ('b1', 'one@example.com'), ('b2', 'two@example.com'), ('b3', 'two@example.com'), ('b4', 'four@example.com')) v(id, email)`,
      );
      await tx.run(
        `insert into core.contact_canonicals (contact_id, canonical_contact_id, recorded_at, superseded_at)
         values ('b2', 'b1', '2026-01-01', null), ('b4', 'b1', '2026-01-01', '2026-01-02')`,
      );
    });
    return warehouse;
  }
  const suppress = (warehouse: Warehouse, email: string, reason: 'unsubscribed' | 'bounced' | 'complained') =>
    warehouse.ledger.transaction((tx) =>
      addSuppressions(
        tx,
        [
          {
            address_key: addressKey(email),
            scope: 'global',
            reason,
            detail: null,
            suppressed_at: '2026-02-01',
            source: 't',
          },
        ],
        '2026-02-01',
      ),
    );

  test.each([
    ['by the canonical contact', 'b1', null],
    ['by the merged contact', 'b2', null],
    ['by the canonical’s address', null, 'one@example.com'],
    ['by the merged one’s address', null, 'two@example.com'],
  ])('consent given %s counts for both, and so does its withdrawal', async (_how, contact, email) => {
    const warehouse = await merged();
    expect(
      await permissions(warehouse, [['1', contact, email, null, 'granted', '2026-01-01']]),
    ).toMatchObject({ b1: null, b2: null, b4: 'no_consent' });
    expect(
      await permissions(warehouse, [['2', contact, email, null, 'withdrawn', '2026-02-01']]),
    ).toMatchObject({ b1: 'consent_withdrawn', b2: 'consent_withdrawn', b4: 'no_consent' });
  });

  test('the latest word of the whole group decides, whoever of it said it', async () => {
    const warehouse = await merged();
    await permissions(warehouse, [
      ['1', 'b1', null, null, 'granted', '2026-01-01'],
      ['2', null, 'two@example.com', null, 'withdrawn', '2026-02-01'],
    ]);
    expect(await permissions(warehouse, [])).toMatchObject({
      b1: 'consent_withdrawn',
      b2: 'consent_withdrawn',
    });
    expect(await permissions(warehouse, [['3', 'b2', null, null, 'granted', '2026-03-01']])).toMatchObject({
      b1: null,
      b2: null,
    });
  });

  test('a suppression of one address holds for the person’s other, but for a bounce, which is the mailbox’s', async () => {
    const warehouse = await merged();
    await permissions(warehouse, [['1', 'b1', null, null, 'granted', '2026-01-01']]);
    await suppress(warehouse, 'two@example.com', 'bounced');
    expect(await permissions(warehouse, [])).toMatchObject({ b1: null, b2: 'suppressed_bounced' });
    await suppress(warehouse, 'two@example.com', 'complained');
    expect(await permissions(warehouse, [])).toMatchObject({ b1: 'suppressed_complained' });
  });

  test('a merge that was undone counts no more', async () => {
    const warehouse = await merged();
    await warehouse.loads.transaction((tx) =>
      tx.run(`update core.contact_canonicals set superseded_at = '2026-01-03' where contact_id = 'b2'`),
    );
    expect(await permissions(warehouse, [['1', 'b2', null, null, 'granted', '2026-01-01']])).toMatchObject({
      b1: 'no_consent',
      b2: null,
    });
  });
});

describe('texts', () => {
  const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

  test('every language has every text, with the same placeholders, and all of them are filled in', () => {
    const keys = Object.keys(texts.en) as TextKey[];
    for (const [language, own] of Object.entries(texts)) {
      expect(Object.keys(own), language).toEqual(keys);
      for (const key of keys)
        expect([key, ...placeholders(own[key])]).toEqual([key, ...placeholders(texts.en[key])]);
    }
    const values = { account: 'A', topic: 'T', topics: 'T, U', days: 7 };
    for (const key of keys) expect(say('fr', key, values)).not.toContain('{');
  });

  test.each([
    ['de-AT', 'fr', 'en', 'de'],
    ['DE_at', undefined, 'en', 'de'],
    [null, 'fr-CH, fr;q=0.9, en;q=0.8', 'de', 'fr'],
    [null, 'es, en;q=0.3, de;q=0.7', 'fr', 'de'],
    [null, 'de;q=0, es', 'fr', 'fr'],
    ['xx', undefined, 'xx', 'en'],
    ['constructor', undefined, 'toString', 'en'],
  ])(
    'of a person’s %j, a browser’s %j and an account’s %j it picks %j',
    (known, accept, account, language) => {
      expect(pickLanguage(known, accept, account)).toBe(language);
    },
  );
});

describe('unsubscribing', () => {
  test('is recorded once as suppression, withdrawal and event, and stops all marketing', async () => {
    const warehouse = await withContacts();
    await permissions(warehouse, [['1', 'c1', null, null, 'granted', '2026-01-01']]);
    expect(await recordUnsubscribe(warehouse, claims, { method: 'one_click' })).toEqual({
      recorded: true,
      scope: 'global',
    });
    expect(await recordUnsubscribe(warehouse, claims, { method: 'one_click' })).toEqual({
      recorded: false,
      scope: 'global',
    });
    const counts = await warehouse.read((s) =>
      s.one(`select (select count(*)::int from ops.suppressions) as suppressions,
        (select count(*)::int from core.consent_events where status = 'withdrawn') as withdrawals,
        (select count(*)::int from core.email_events where event_type = 'unsubscribed') as events`),
    );
    expect(counts).toEqual({ suppressions: 1, withdrawals: 1, events: 1 });
    // c2 is another record of the same address: the withdrawal holds for it too.
    expect(await permissions(warehouse, [])).toMatchObject({
      c1: 'consent_withdrawn',
      c2: 'consent_withdrawn',
    });
  });

  test('a topic alone can be stopped', async () => {
    const warehouse = await withContacts();
    await permissions(warehouse, [['1', 'c1', null, null, 'granted', '2026-01-01']]);
    expect(await recordUnsubscribe(warehouse, claims, { scope: 'topic' })).toEqual({
      recorded: true,
      scope: 'news',
    });
    expect(await permissions(warehouse, [], { topic: 'news' })).toMatchObject({ c1: 'consent_withdrawn' });
    expect(await permissions(warehouse, [])).toMatchObject({ c1: null });
  });
});
