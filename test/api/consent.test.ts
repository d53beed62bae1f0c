import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Value } from 'typebox/value';
import { describe, expect, onTestFinished, test } from 'vitest';
import { buildApp } from '../../api/app.ts';
import { httpClient } from '../../api/client.ts';
import { AccountSchema, readAccount, type Account, type ConsentSettings } from '../../data/account.ts';
import { addressKey } from '../../data/address.ts';
import { fixedClock } from '../../data/clock.ts';
import { confirmLink, preferencesLink, unsubscribeLink } from '../../pipelines/consent/links.ts';
import { projectSecret } from '../../pipelines/consent/secret.ts';
import { openTestMallard } from './support.ts';

const topics = [
  { id: 'news', title: 'News', description: 'Once a month' },
  { id: 'offers', title: 'Offers', description: '' },
];

/** A server whose clock can be moved, on an account with settings of its own. */
async function open(consent: Partial<ConsentSettings> = {}, env: Record<string, string> = {}) {
  let now = fixedClock('2026-11-02T06:00:00Z');
  const mallard = await openTestMallard({ now: () => now.now() });
  const account: Account = { ...mallard.account, consent: { ...mallard.account.consent, ...consent } };
  const context = { ...mallard, account };
  const app = buildApp({ mallard: context, checkAnswers: true, env });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  account.public_url = url;
  const rows = (sql: string) => mallard.warehouse.read((session) => session.rows(sql));
  return {
    client: httpClient({ url }),
    mallard: context,
    url,
    rows,
    secret: projectSecret(mallard.project),
    setTime: (iso: string) => (now = fixedClock(iso)),
    events: () =>
      rows(
        'select email, topic, status, method, wording, place, actor, occurred_at from core.consent_events order by recorded_at, topic',
      ),
    post: (link: string, form: Record<string, string> | string[][] = {}) =>
      fetch(link, { method: 'POST', body: new URLSearchParams(form as Record<string, string>) }),
    mails: () => {
      const { outbox } = mallard.project;
      return readdirSync(outbox).map((file) => readFileSync(join(outbox, file), 'utf8'));
    },
    addContact: (id: string, email: string, language: string | null = null) =>
      mallard.warehouse.loads.transaction((tx) =>
        tx.run(
          `insert into core.contacts (contact_id, email, email_key, language, source, recorded_at) values ($1, $2, $2, $3, 't', '2026-01-01')`,
          [id, email, language],
        ),
      ),
  };
}

type Server = Awaited<ReturnType<typeof open>>;

/** The link of the last mail that asks to confirm. */
function confirmationLink(server: Server, number = -1): string {
  const mail = server.mails().at(number) ?? '';
  const text = mail.replaceAll('=\r\n', '').replaceAll('=3D', '=');
  return new RegExp(`${server.url}/c/[\\w.-]+`).exec(text)?.[0] ?? 'no link';
}

const person = (server: Server, changes: object = {}) => ({
  delivery_id: 'd1',
  contact_id: 'c1',
  campaign_id: 'spring',
  campaign_run_id: 'r1',
  address_key: addressKey('ann@example.com'),
  topic: null,
  ...changes,
  url: server.url,
});

describe('recording', () => {
  test('a grant and a withdrawal, with purpose, channel, topic, wording, place, time and who; shown as state and log', async () => {
    const { client, addContact } = await open({ topics });
    await addContact('c1', 'ann@example.com');
    const granted = {
      email: 'Ann@Example.com ',
      purpose: 'Marketing',
      topic: 'news',
      status: 'granted',
      wording: 'I want news.',
      method: 'paper',
      place: 'fair, Oslo',
      occurred_at: '2026-10-01T10:00:00+02:00',
    };
    expect(await client.request('POST', '/v1/consent', { body: granted })).toMatchObject({
      recorded: true,
      marketing_refusal: null,
    });
    await client.request('POST', '/v1/consent', {
      body: { contact_id: 'c1', purpose: 'marketing', status: 'withdrawn', actor: 'bob' },
    });
    await client.request('POST', '/v1/consent', {
      body: { contact_id: 'c1', purpose: 'analytics', channel: 'web', status: 'granted' },
    });
    const shown = await client.request<Record<string, unknown>>('GET', '/v1/consent', {
      query: { contact_id: 'c1' },
    });
    expect(shown).toMatchObject({
      contact_ids: ['c1'],
      current: [
        { channel: 'email', purpose: 'marketing', topic: null, status: 'withdrawn' },
        // Withdrawn for everything, later than the topic was granted.
        { channel: 'email', purpose: 'marketing', topic: 'news', status: 'withdrawn' },
        { channel: 'web', purpose: 'analytics', topic: null, status: 'granted' },
      ],
      marketing: [
        { topic: null, allowed: false, refusal: 'consent_withdrawn' },
        { topic: 'news', allowed: false, refusal: 'consent_withdrawn' },
        { topic: 'offers', allowed: false, refusal: 'consent_withdrawn' },
      ],
    });
    expect(shown['log']).toMatchObject([
      { contact_id: 'c1', status: 'withdrawn', actor: 'bob', occurred_at: '2026-11-02T06:00:00Z' },
      { contact_id: 'c1', purpose: 'analytics', channel: 'web', actor: 'local' },
      {
        contact_id: null,
        email: 'Ann@Example.com',
        purpose: 'marketing',
        topic: 'news',
        wording: 'I want news.',
        method: 'paper',
        place: 'fair, Oslo',
        actor: 'local',
        occurred_at: '2026-10-01T08:00:00Z',
      },
    ]);
    expect(await client.request('GET', '/v1/consent', { query: { email: 'ann@example.com' } })).toEqual(
      shown,
    );
  });

  test('the token’s name is who recorded it; who only brings data in may not read; the same id is recorded once', async () => {
    const { client, url, events } = await open();
    const { token } = await client.request<{ token: string }>('POST', '/v1/tokens', {
      body: { name: 'sign-up form', role: 'ingest' },
    });
    const form = httpClient({ url, token });
    const body = {
      consent_event_id: 'e1',
      email: 'ann@example.com',
      purpose: 'marketing',
      status: 'granted',
    };
    expect(await form.request('POST', '/v1/consent', { body })).toMatchObject({ recorded: true });
    expect(await form.request('POST', '/v1/consent', { body })).toMatchObject({ recorded: false });
    expect(await events()).toMatchObject([{ actor: 'sign-up form' }]);
    await expect(
      form.request('GET', '/v1/consent', { query: { email: 'ann@example.com' } }),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  test.each([
    [
      'no purpose',
      { email: 'ann@example.com', status: 'granted' },
      'purpose_missing',
      /names no purpose.*marketing or analytics/,
    ],
    [
      'an empty purpose',
      { email: 'ann@example.com', status: 'granted', purpose: ' ' },
      'purpose_missing',
      /names no purpose/,
    ],
    ['nobody', { status: 'granted', purpose: 'marketing' }, 'bad_request', /Nobody is named/],
    [
      'an unknown contact',
      { contact_id: 'x', status: 'granted', purpose: 'marketing' },
      'not_found',
      /no contact x/,
    ],
    [
      'no address',
      { email: 'ann', status: 'granted', purpose: 'marketing' },
      'bad_request',
      /not an e-mail address/,
    ],
    [
      'an unknown topic',
      { email: 'a@b.example', status: 'granted', purpose: 'marketing', topic: 'x' },
      'bad_request',
      /no topic x.*news, offers/,
    ],
    [
      'a time to come',
      { email: 'a@b.example', status: 'granted', purpose: 'marketing', occurred_at: '2027-01-01' },
      'bad_request',
      /has not come yet/,
    ],
    [
      'a click that nobody made',
      { email: 'a@b.example', status: 'granted', purpose: 'marketing', method: 'double_opt_in' },
      'bad_request',
      /own click/,
    ],
  ])('consent with %s is refused, and nothing is recorded', async (_what, body, code, message) => {
    const { client, events } = await open({ topics });
    await expect(client.request('POST', '/v1/consent', { body })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await events()).toEqual([]);
  });
});

describe('double opt-in', () => {
  const request = {
    email: 'Ann@example.com',
    purpose: 'marketing',
    topics: ['news'],
    wording: 'Yes, news please.',
    place: 'https://example.com/form',
    language: 'de',
  };

  test('a request is pending until the button of the page is pressed; then the grant says what, where and when', async () => {
    const server = await open({ topics, double_opt_in: true });
    const { client, rows, events, post } = server;
    const state = async () =>
      (
        await client.request<{ marketing: unknown }>('GET', '/v1/consent', {
          query: { email: 'ann@example.com' },
        })
      ).marketing;
    expect(await client.request('POST', '/v1/consent/requests', { body: request })).toEqual({
      status: 'accepted',
    });
    expect(await state()).toContainEqual({ topic: 'news', allowed: false, refusal: 'consent_pending' });
    expect(await state()).toContainEqual({ topic: 'offers', allowed: false, refusal: 'no_consent' });
    const [mail = ''] = server.mails();
    expect(mail).toMatch(/^To: Ann@example.com/m);
    expect(mail).toMatch(/^Subject: =\?UTF-8\?Q\?Bitte_best=C3=A4tigen/m);
    const link = confirmationLink(server);
    expect(link).not.toContain('ann');

    server.setTime('2026-11-03T06:00:00Z');
    const page = await fetch(link);
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('<html lang="de">');
    expect(html).toContain('Ja, ich bestätige');
    await fetch(link, { method: 'HEAD' });
    expect(await events(), 'a scanner follows the link').toEqual([]);

    for (let time = 0; time < 2; time += 1) {
      const done = await post(link);
      expect(done.status).toBe(200);
      expect(await done.text()).toContain('Vielen Dank');
    }
    expect(await events()).toEqual([
      {
        email: 'Ann@example.com',
        topic: 'news',
        status: 'granted',
        method: 'double_opt_in',
        wording: 'Yes, news please.',
        place: 'https://example.com/form',
        actor: 'local',
        occurred_at: '2026-11-03T06:00:00Z',
      },
    ]);
    expect(await state()).toContainEqual({ topic: 'news', allowed: true, refusal: null });
    expect(await client.request('GET', '/v1/consent', { query: { email: 'ann@example.com' } })).toMatchObject(
      { log: [{ requested_at: '2026-11-02T06:00:00Z', occurred_at: '2026-11-03T06:00:00Z' }], pending: [] },
    );
    // The address is in the ledger now, and nowhere else.
    expect(
      await rows('select email, confirmed_at, mail_outcome, provider from ops.consent_requests'),
    ).toEqual([
      { email: null, confirmed_at: '2026-11-03T06:00:00Z', mail_outcome: 'accepted', provider: 'file' },
    ]);
  });

  test('a link that has expired says so with 410 and what to do; one that is forged is 404; neither records anything', async () => {
    const server = await open({ topics, link_valid_days: 2 });
    const { client, post, events, rows } = server;
    await client.request('POST', '/v1/consent/requests', { body: request });
    const link = confirmationLink(server);
    for (const forged of [
      link.slice(0, -2),
      `${server.url}/c/x.y`,
      confirmLink(server.url, { request_id: 'x', expires_at: '2027-01-01T00:00:00Z' }, server.secret),
    ]) {
      const answers = [await fetch(forged), await post(forged)];
      for (const answer of answers) {
        expect(answer.status).toBe(404);
        expect(await answer.text()).toContain('Copy the whole link');
      }
    }
    server.setTime('2026-11-04T06:00:00Z');
    for (const answer of [await fetch(link), await post(link)]) {
      expect(answer.status).toBe(410);
      expect(await answer.text()).toContain('Er galt 2 Tage. Melden Sie sich dort noch einmal an');
    }
    expect(await events()).toEqual([]);
    // The next request clears addresses that were never confirmed.
    await client.request('POST', '/v1/consent/requests', { body: { ...request, email: 'bob@example.com' } });
    expect(await rows('select email from ops.consent_requests order by requested_at')).toEqual([
      { email: null },
      { email: 'bob@example.com' },
    ]);
  });

  test('an unsubscribe link is no link to confirm or to choose with', async () => {
    const server = await open();
    const token = unsubscribeLink('', person(server), server.secret).slice('/u/'.length);
    for (const path of ['c', 'p']) expect((await fetch(`${server.url}/${path}/${token}`)).status).toBe(404);
  });

  test('the answer is the same for a known, an unknown, a bounced and a limited address', async () => {
    const server = await open({ topics, requests_per_day: 2 });
    const { client, addContact, rows } = server;
    await addContact('c1', 'known@example.com');
    await client.request('POST', '/v1/suppressions', {
      body: { email: 'gone@example.com', reason: 'bounced', detail: '550' },
    });
    const ask = (email: string) =>
      fetch(`${server.url}/v1/consent/requests`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email, purpose: 'marketing' }),
      });
    const emails = [
      'known@example.com',
      'new@example.com',
      'gone@example.com',
      'new@example.com',
      'NEW@example.com',
      'new@example.com',
    ];
    for (const email of emails) {
      const answer = await ask(email);
      expect([answer.status, await answer.text()]).toEqual([202, '{"status":"accepted"}']);
    }
    expect(server.mails()).toHaveLength(3);
    expect(
      await rows('select mail_outcome, count(*)::int as n from ops.consent_requests group by all order by 1'),
    ).toEqual([
      { mail_outcome: 'accepted', n: 3 },
      { mail_outcome: 'limited', n: 2 },
      { mail_outcome: 'withheld', n: 1 },
    ]);
    // A day later one may ask again.
    server.setTime('2026-11-03T06:00:01Z');
    await ask('new@example.com');
    expect(server.mails()).toHaveLength(4);
  });

  test('while all sending is stopped no mail goes out, and it says why; a provider without its secret too', async () => {
    const server = await open();
    await server.client.request('POST', '/v1/sending/stop', { body: { reason: 'a leak' } });
    await expect(
      server.client.request('POST', '/v1/consent/requests', { body: request }),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('a leak'),
    });
    const smtp = await open({ provider: 'smtp' });
    await expect(
      smtp.client.request('POST', '/v1/consent/requests', { body: request }),
    ).rejects.toMatchObject({
      code: 'configuration_missing',
      message: expect.stringContaining('MALLARD_SMTP_URL'),
    });
    for (const each of [server, smtp]) expect(await each.rows('from ops.consent_requests')).toEqual([]);
  });
});

describe('the preference page', () => {
  test('shows the topics that are on, changes nothing by GET, and saves what is chosen', async () => {
    const server = await open({ topics });
    const { client, addContact, events, post } = server;
    await addContact('c1', 'ann@example.com', 'fr-CA');
    await client.request('POST', '/v1/consent', {
      body: { contact_id: 'c1', purpose: 'marketing', topic: 'news', status: 'granted' },
    });
    const link = preferencesLink(server.url, person(server), server.secret);
    const page = await (await fetch(link, { headers: { 'accept-language': 'de' } })).text();
    // The person's own language before the browser's.
    expect(page).toContain('<html lang="fr">');
    expect(page).not.toContain('ann@example.com');
    expect(page).toMatch(
      /<input type="checkbox" id="topic-0" name="topic" value="news" checked aria-describedby="about-0">/,
    );
    expect(page).toMatch(/<input type="checkbox" id="topic-1" name="topic" value="offers">/);
    expect(page).toContain('<label for="topic-0">News</label>');
    expect(page).toMatch(/<fieldset>\s*<legend>/);
    expect(page).not.toContain('<script');
    expect(await events()).toHaveLength(1);

    server.setTime('2026-11-02T07:00:00Z');
    const saved = await post(link, { action: 'save', topic: 'offers' });
    const html = await saved.text();
    expect(html).toContain('role="status"');
    expect(html).toMatch(/value="news"(?! checked)/);
    expect(html).toMatch(/value="offers" checked/);
    expect((await events()).slice(1)).toMatchObject([
      {
        topic: 'news',
        status: 'withdrawn',
        method: 'preferences',
        actor: 'recipient',
        wording: 'Je souhaite recevoir des e-mails de Example Company sur : News.',
      },
      { topic: 'offers', status: 'granted', method: 'preferences', place: `${server.url}/p/` },
    ]);
    await post(link, { action: 'save', topic: 'offers' });
    expect(await events(), 'the same again changes nothing').toHaveLength(3);
  });

  test('a POST that says nothing switches nothing off', async () => {
    const server = await open({ topics });
    const link = preferencesLink(server.url, person(server), server.secret);
    await server.addContact('c1', 'ann@example.com');
    await server.post(link, [
      ['action', 'save'],
      ['topic', 'news'],
    ]);
    expect((await server.post(link)).status).toBe(400);
    expect(await server.events()).toMatchObject([{ status: 'granted' }]);
  });

  test('unsubscribe from everything, a topic again later, and everything once more: each is heard', async () => {
    const server = await open({ topics });
    const { client, addContact, post, rows } = server;
    await addContact('c1', 'ann@example.com');
    const link = preferencesLink(server.url, person(server), server.secret);
    const refusals = async () => {
      const { marketing } = await client.request<{
        marketing: { topic: string | null; refusal: string | null }[];
      }>('GET', '/v1/consent', { query: { contact_id: 'c1' } });
      return marketing.map(({ refusal }) => refusal);
    };
    await post(link, [
      ['action', 'save'],
      ['topic', 'news'],
      ['topic', 'offers'],
    ]);
    expect(await refusals()).toEqual(['no_consent', null, null]);

    server.setTime('2026-11-02T07:00:00Z');
    expect(await (await post(link, { action: 'none' })).text()).toContain(
      'You are unsubscribed from everything.',
    );
    expect(await refusals()).toEqual(['consent_withdrawn', 'consent_withdrawn', 'consent_withdrawn']);
    await post(link, { action: 'none' });

    server.setTime('2026-11-02T08:00:00Z');
    await post(link, { action: 'save', topic: 'news' });
    // The topic is lifted from the global suppression; the suppression itself stays, for everything else.
    expect(await refusals()).toEqual(['consent_withdrawn', null, 'consent_withdrawn']);

    server.setTime('2026-11-02T09:00:00Z');
    const oneClick = unsubscribeLink(server.url, person(server), server.secret);
    await fetch(oneClick, { method: 'POST', body: new URLSearchParams('List-Unsubscribe=One-Click') });
    expect(await refusals()).toEqual(['consent_withdrawn', 'consent_withdrawn', 'consent_withdrawn']);
    expect(
      await rows(`select scope, reason, suppressed_at from ops.suppressions order by suppressed_at`),
    ).toEqual([
      { scope: 'global', reason: 'unsubscribed', suppressed_at: '2026-11-02T07:00:00Z' },
      { scope: 'global', reason: 'unsubscribed', suppressed_at: '2026-11-02T09:00:00Z' },
    ]);
    expect(await rows(`select scope, lifted_at from ops.suppression_lifts`)).toEqual([
      { scope: 'news', lifted_at: '2026-11-02T08:00:00Z' },
    ]);
  });

  test('an operator’s grant does not lift an unsubscribe; the person’s own does, but never a bounce or a complaint', async () => {
    const server = await open({ topics: [] });
    const { client, mallard, addContact, post } = server;
    await addContact('c1', 'ann@example.com');
    const link = preferencesLink(server.url, person(server), server.secret);
    await post(link, { action: 'none' });
    server.setTime('2026-11-02T07:00:00Z');
    const grant = { contact_id: 'c1', purpose: 'marketing', status: 'granted', method: 'phone' };
    expect(await client.request('POST', '/v1/consent', { body: grant })).toMatchObject({
      marketing_refusal: 'suppressed_unsubscribed',
    });
    server.setTime('2026-11-02T08:00:00Z');
    await client.request('POST', '/v1/consent/requests', {
      body: { email: 'ann@example.com', purpose: 'marketing' },
    });
    await post(confirmationLink(server));
    expect(await client.request('GET', '/v1/consent', { query: { contact_id: 'c1' } })).toMatchObject({
      marketing: [{ topic: null, allowed: true }],
      suppressions: [{ reason: 'unsubscribed', lifted_at: '2026-11-02T08:00:00Z' }],
    });
    // The models know it too, as of any time.
    const isLifted = async (asOf: string) =>
      (await mallard.engine.query('run: suppressions -> { group_by: is_lifted }', { asOf: new Date(asOf) }))
        .rows;
    expect(await isLifted('2026-11-02T09:00:00Z')).toEqual([{ is_lifted: true }]);
    expect(await isLifted('2026-11-02T07:30:00Z')).toEqual([{ is_lifted: false }]);
    for (const reason of ['bounced', 'complained', 'manual', 'imported']) {
      await client.request('POST', '/v1/suppressions', {
        body: { email: 'ann@example.com', reason, detail: 'x' },
      });
      server.setTime(`2026-11-02T09:0${reason.length % 10}:00Z`);
      await post(link, [
        ['action', 'save'],
        ['topic', ''],
      ]);
      expect(
        (
          await client.request<{ marketing: { refusal: string }[] }>('GET', '/v1/consent', {
            query: { contact_id: 'c1' },
          })
        ).marketing[0]?.refusal,
      ).toMatch(/^suppressed_/);
    }
    expect(await (await fetch(link)).text()).toContain('We cannot send to your mailbox');
  });

  test('a link whose person was forgotten still stops everything', async () => {
    const server = await open({ topics });
    const link = preferencesLink(server.url, person(server), server.secret);
    expect((await server.post(link, { action: 'none' })).status).toBe(200);
    expect(await server.rows('select address_key, scope, reason from ops.suppressions')).toEqual([
      { address_key: addressKey('ann@example.com'), scope: 'global', reason: 'unsubscribed' },
    ]);
    expect(await server.events()).toMatchObject([{ email: null, status: 'withdrawn' }]);
  });
});

test('suppressions: added with why and who, listed by address, known once', async () => {
  const { client } = await open({ topics });
  const body = { email: ' ANN@example.com', topic: 'news', detail: 'asked on the phone', actor: 'bob' };
  expect(await client.request('POST', '/v1/suppressions', { body })).toMatchObject({
    scope: 'news',
    added: true,
  });
  expect(await client.request('POST', '/v1/suppressions', { body })).toMatchObject({ added: false });
  await client.request('POST', '/v1/suppressions', { body: { email: 'eve@example.com', detail: 'x' } });
  expect(await client.request('GET', '/v1/suppressions', { query: { email: 'ann@example.com' } })).toEqual({
    suppressions: [
      {
        address_key: addressKey('ann@example.com'),
        channel: 'email',
        scope: 'news',
        reason: 'manual',
        detail: 'asked on the phone',
        suppressed_at: '2026-11-02T06:00:00Z',
        source: 'mallard',
        actor: 'bob',
        recorded_at: '2026-11-02T06:00:00Z',
        lifted_at: null,
      },
    ],
  });
  await expect(
    client.request('POST', '/v1/suppressions', { body: { email: 'ann@example.com' } }),
  ).rejects.toMatchObject({
    code: 'bad_request',
  });
});

test('account.yaml: defaults, and a stated error for what is wrong', async () => {
  const { mallard } = await open();
  const defaults = (Value.Default(AccountSchema, {}) as Account).consent;
  expect(defaults).toEqual({
    marketing: 'needed',
    transactional: 'ignored',
    double_opt_in: false,
    link_valid_days: 7,
    requests_per_day: 3,
    provider: 'file',
    topics: [],
  });
  const save = (consent: object) => writeFileSync(mallard.project.accountFile, stringify({ consent }));
  save({ marketing: 'ignored' });
  expect(() => readAccount(mallard.project)).toThrowError(/\/consent\/marketing/);
  save({
    topics: [
      { id: 'news', title: 'A' },
      { id: 'news', title: 'B' },
    ],
  });
  expect(() => readAccount(mallard.project)).toThrowError(/two topics called news/);
  save({ topics: [{ id: 'global', title: 'A' }] });
  expect(() => readAccount(mallard.project)).toThrowError(/called global/);
  save({ topics: [{ id: 'news', title: 'A' }] });
  expect(readAccount(mallard.project).consent).toMatchObject({
    marketing: 'needed',
    topics: [{ description: '' }],
  });
});
