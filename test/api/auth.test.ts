import { request } from 'node:http';
import { expect, test } from 'vitest';
import { httpClient } from '../../api/client.ts';
import type { Role } from '../../api/access/roles.ts';
import { MallardError } from '../../data/errors.ts';
import { internalToken, openTestApp } from './support.ts';

/** A raw request, since fetch forbids setting Host and Origin. */
function raw(url: string, options: { method?: string; headers?: Record<string, string>; body?: string }) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const call = request(
      url,
      { method: options.method ?? 'GET', headers: options.headers ?? {} },
      (answer) => {
        let body = '';
        answer.on('data', (part: Buffer) => (body += part.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    call.on('error', reject);
    call.end(options.body);
  });
}

const json = { 'content-type': 'application/json' };

test('without tokens this machine is admin, and a web page on it is not', async () => {
  const { url, client } = await openTestApp();
  await expect(client.request('GET', '/v1/tokens')).resolves.toEqual({ tokens: [] });
  const { host } = new URL(url);
  const refused: Record<string, Record<string, string>> = {
    'a rebound name': { host: 'evil.example' },
    'a page of another origin': { host, origin: 'https://evil.example' },
    'a sandboxed page': { host, origin: 'null' },
    'a cross-site request without Origin': { host, 'sec-fetch-site': 'cross-site' },
    'something behind a proxy': { host, 'x-forwarded-for': '203.0.113.9' },
  };
  for (const [who, headers] of Object.entries(refused)) {
    const read = await raw(`${url}/v1/tokens`, { headers });
    const write = await raw(`${url}/v1/jobs/boot`, {
      method: 'POST',
      headers: { ...headers, ...json },
      body: '{}',
    });
    expect([who, read.status, write.status]).toEqual([who, 401, 401]);
  }
  const landing = await raw(url, { headers: { host: 'evil.example' } });
  expect(landing.body).not.toContain('No models are built yet');
  const link = {
    host,
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };
  expect((await raw(`${url}/v1/tokens`, { headers: link })).status, 'a link clicked in a mail').toBe(200);
  const form = await raw(`${url}/v1/jobs/boot`, {
    method: 'POST',
    headers: { ...link, ...json },
    body: '{}',
  });
  expect(form.status, 'a form sent by another site').toBe(401);
  const own = await raw(`${url}/v1/tokens`, { headers: { host, origin: url } });
  expect(own.status).toBe(200);
});

test('a form of another site cannot post, whatever it says of itself', async () => {
  const { url } = await openTestApp();
  const answer = await raw(`${url}/v1/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: '{"name":"x","role":"admin"}',
  });
  expect(answer.status).toBe(415);
});

/** What each role may call; everything else is 403 for it. */
const mayCall: Record<string, Role[]> = {
  'GET /v1/tokens': ['admin'],
  'GET /v1/jobs/runs': ['admin', 'operator', 'analyst'],
  'POST /v1/jobs/send/run': ['admin', 'operator'],
  'POST /v1/jobs/send/start': ['admin'],
  'POST /v1/query': ['admin', 'operator', 'analyst'],
  'POST /v1/build': ['admin', 'operator'],
  'POST /v1/load/contacts': ['admin', 'operator', 'ingest'],
  'POST /v1/delivery/claim': ['admin', 'operator', 'sender'],
  'GET /v1/segments': ['admin', 'operator', 'analyst'],
  'PUT /v1/segments/x': ['admin', 'operator'],
  'POST /v1/segments/x/actions': ['admin', 'operator'],
  'GET /v1/campaigns': ['admin', 'operator', 'analyst'],
  'POST /v1/campaigns/x/launch': ['admin', 'operator'],
  'GET /v1/reports': ['admin', 'operator', 'analyst'],
  'POST /v1/reports/weekly/runs': ['admin', 'operator'],
};

test('each role may call what is its own, and nothing else', async () => {
  const { url, client } = await openTestApp();
  const roles: Role[] = ['admin', 'operator', 'analyst', 'ingest', 'sender'];
  const secrets = new Map<Role, string>();
  let token: string | undefined;
  for (const role of roles) {
    const made = await httpClient({ url, token }).request<{ token: string }>('POST', '/v1/tokens', {
      body: { name: `the ${role}`, role },
    });
    secrets.set(role, made.token);
    token ??= made.token;
  }
  const refusals: [string, Role, number][] = [];
  for (const [route, allowed] of Object.entries(mayCall)) {
    const [method = '', path = ''] = route.split(' ');
    for (const role of roles) {
      const { status } = await raw(url + path, {
        method,
        headers: { authorization: `Bearer ${secrets.get(role)}` },
      });
      if ((status === 403) === allowed.includes(role)) refusals.push([route, role, status]);
    }
    expect((await raw(url + path, { method })).status, `${route} without a token`).toBe(401);
    expect((await raw(url + path, { method, headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  }
  expect(refusals).toEqual([]);
  await expect(client.request('GET', '/v1/tokens')).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(httpClient({ url, token: internalToken }).request('GET', '/v1/tokens')).resolves.toBeDefined();
});

test('a token is kept as a hash, expires, and can be taken back', async () => {
  const { client, url, mallard } = await openTestApp();
  const made = await client.request<{ token: string; token_id: string }>('POST', '/v1/tokens', {
    body: { name: 'root', role: 'admin' },
  });
  const admin = httpClient({ url, token: made.token });
  const kept = await mallard.warehouse.read((session) => session.rows('select * from ops.api_tokens'));
  expect(JSON.stringify(kept)).not.toContain(made.token);

  const past = await admin.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'old', role: 'admin', expires_at: '2026-11-02T06:00:00Z' },
  });
  await expect(httpClient({ url, token: past.token }).request('GET', '/v1/tokens')).rejects.toMatchObject({
    code: 'unauthorized',
  });

  await admin.request('DELETE', `/v1/tokens/${made.token_id}`);
  await expect(admin.request('GET', '/v1/tokens')).rejects.toMatchObject({ code: 'unauthorized' });
  // One token is left, expired: that must not open the door to this machine again.
  await expect(client.request('GET', '/v1/tokens')).rejects.toMatchObject({ code: 'unauthorized' });
});

test('the audit log says who changed what, and holds no secret', async () => {
  const { client, mallard } = await openTestApp();
  const made = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'root', role: 'admin' },
  });
  const log = await mallard.warehouse.read((session) =>
    session.rows('select actor, action from ops.audit_log'),
  );
  expect(log).toEqual([{ actor: 'local', action: 'POST /v1/tokens' }]);
  expect(JSON.stringify(log)).not.toContain(made.token);
});

test('a client gets back the error that the server threw', async () => {
  const { client } = await openTestApp();
  const error: unknown = await client.request('DELETE', '/v1/tokens/none').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MallardError);
  expect(error).toMatchObject({
    code: 'not_found',
    fields: { token_id: 'none' },
    message: 'There is no token none. List what exists, and check the id.',
  });
});
