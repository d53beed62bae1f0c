import { expect, onTestFinished, test } from 'vitest';
import { Value } from 'typebox/value';
import { buildApp } from '../../api/app.ts';
import { ProblemSchema } from '../../api/plugins/problems.ts';
import { openTestApp, openTestMallard } from './support.ts';

test.each([
  ['an unknown path', 'GET', '/v1/nothing?secret=1', undefined, 404, 'not_found'],
  ['an unknown method', 'DELETE', '/v1/fields', undefined, 404, 'not_found'],
  ['a body that is not JSON', 'POST', '/v1/query', '{', 400, 'bad_request'],
  ['a body of the wrong shape', 'POST', '/v1/query', '{"query": 1}', 400, 'bad_request'],
  [
    'a field that is not known',
    'POST',
    '/v1/query',
    '{"query": "run: deals -> {}", "sql": "select 1"}',
    400,
    'bad_request',
  ],
  ['a time that is none', 'POST', '/v1/build', '{"as_of": "yesterday"}', 400, 'bad_request'],
  [
    'a body that is too large',
    'POST',
    '/v1/query',
    `{"query": "${'x'.repeat(5_000_000)}"}`,
    413,
    'payload_too_large',
  ],
] as const)('%s is a problem', async (_case, method, path, body, status, code) => {
  const { url } = await openTestApp();
  const answer = await fetch(url + path, {
    method,
    ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
  });
  const problem = (await answer.json()) as Record<string, unknown>;
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(Value.Check(ProblemSchema, problem)).toBe(true);
  expect(problem).toMatchObject({
    status,
    code,
    instance: path.split('?')[0],
    type: `urn:mallard:problem:${code}`,
  });
  expect(String(problem['detail']).endsWith(String(problem['remedy']))).toBe(true);
  expect(answer.headers.get('x-request-id')).toBe(problem['request_id']);
});

test('what is wrong in a body is named by its path', async () => {
  const { client } = await openTestApp();
  await expect(
    client.request('POST', '/v1/query', { body: { query: 'run: x', row_limit: 0 } }),
  ).rejects.toMatchObject({
    code: 'bad_request',
    fields: { errors: [expect.objectContaining({ path: 'body/row_limit' })] },
  });
});

test('an error inside tells its id and nothing else', async () => {
  const app = buildApp({ mallard: await openTestMallard() });
  onTestFinished(() => app.close());
  app.get('/fails', { config: { access: 'public' } }, () => {
    throw new Error('the password is hunter2');
  });
  const answer = await app.inject('/fails');
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'internal', request_id: answer.headers['x-request-id'] });
  expect(answer.body).not.toContain('hunter2');
});
