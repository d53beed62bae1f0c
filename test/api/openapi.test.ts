import { expect, test } from 'vitest';
import { openTestApp } from './support.ts';

interface Operation {
  summary?: string;
  tags?: string[];
  security?: object[];
  description?: string;
  responses?: Record<string, { content?: object; description?: string }>;
  requestBody?: object;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

async function document(): Promise<Document> {
  const { client } = await openTestApp();
  return client.request<Document>('GET', '/openapi.json');
}

test('the document is OpenAPI 3.1, and every operation says what it is, what it answers, and who may call it', async () => {
  const { openapi, paths, components } = await document();
  expect(openapi).toBe('3.1.0');
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  expect(operations.length).toBeGreaterThan(40);
  const lacking = operations.filter(
    ({ operation }) =>
      !operation.summary ||
      !operation.tags?.length ||
      !operation.description?.match(/Roles: |Open to everybody/) ||
      !Object.keys(operation.responses ?? {}).some((status) => status.startsWith('2')) ||
      !operation.responses?.['4XX']?.content ||
      operation.security === undefined,
  );
  expect(lacking.map(({ name }) => name)).toEqual([]);
  expect(Object.keys(components.schemas)).toContain('Problem');
});

test('only these are open to everybody', async () => {
  const { paths } = await document();
  const open = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.security?.length === 0)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  expect(open.toSorted()).toEqual([
    'GET /c/{token}',
    'GET /health',
    'GET /p/{token}',
    'GET /ready',
    'GET /u/{token}',
    'POST /c/{token}',
    'POST /p/{token}',
    'POST /u/{token}',
    'POST /v1/webhooks/sendgrid',
  ]);
});

test('a write is a POST, PUT or DELETE with a documented body, and every $ref resolves', async () => {
  const text = JSON.stringify(await document());
  const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(refs.length).toBeGreaterThan(0);
  const parsed = JSON.parse(text) as Record<string, unknown>;
  for (const ref of new Set(refs)) {
    const found = ref
      .replace('#/', '')
      .split('/')
      .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], parsed);
    expect(found, ref).toBeDefined();
  }
});

test('the docs are browsable, with every asset of their own', async () => {
  const { url } = await openTestApp();
  const page = await fetch(`${url}/docs`, { redirect: 'follow' });
  const html = await page.text();
  // Over plain HTTP, a policy that upgrades requests would leave the page empty.
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/upgrade-insecure-requests|https?:|swagger\.io/);
  expect(page.status).toBe(200);
  expect(html).toContain('Mallard API');
  const assets = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map((match) => match[1] ?? '');
  expect(assets.length).toBeGreaterThan(2);
  for (const asset of assets) {
    const from = new URL(asset, page.url);
    expect(from.host).toBe(new URL(url).host);
    const answer = await fetch(from);
    expect(answer.status, asset).toBe(200);
    // An answer that nobody reads keeps its connection, and closing the server waits for it.
    await answer.arrayBuffer();
  }
});

test('the landing page shows figures, and none behind tokens', async () => {
  const { url, client } = await openTestApp();
  const open = await (await fetch(url)).text();
  expect(open).toContain('No models are built yet');
  await client.request('POST', '/v1/tokens', { body: { name: 'root', role: 'admin' } });
  const guarded = await fetch(url);
  expect(guarded.status).toBe(200);
  const text = await guarded.text();
  expect(text).not.toContain('No models are built yet');
  expect(text).toContain('asks for a token');
});
