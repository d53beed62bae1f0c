import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import { Project } from '../../../data/project.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { unsubscribeHeaders, unsubscribeLink, unsubscribePath } from '../../../pipelines/consent/links.ts';
import { unsubscribePage } from '../../../pipelines/consent/page.ts';
import { permissionsSql, refusalSql } from '../../../pipelines/consent/permissions.ts';
import { projectSecret } from '../../../pipelines/consent/secret.ts';
import { addSuppressions } from '../../../pipelines/consent/suppressions.ts';
import {
  readUnsubscribeToken,
  unsubscribeToken,
  type UnsubscribeClaims,
} from '../../../pipelines/consent/token.ts';
import { recordUnsubscribe } from '../../../pipelines/consent/unsubscribe.ts';
import { openTestWarehouse, tempFolder } from '../../support.ts';

const secret = 'a secret of the tests';
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
  params: { topic?: string; message_class?: 'marketing' | 'transactional'; permitted_at?: string } = {},
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
      {
        topic: params.topic ?? null,
        message_class: params.message_class ?? 'marketing',
        permitted_at: params.permitted_at ?? null,
      },
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
