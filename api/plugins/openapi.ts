import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { RouteOptions } from 'fastify';
import type { App } from '../context.ts';
import { version } from '../version.ts';

const description = `An analytics-first CRM warehouse: load data, query models, build segments, launch campaigns, send reports.

Errors are RFC 9457 \`application/problem+json\`. Times are UTC. Money is exact: decimals keep every digit.`;

/**
 * Swagger UI's own policy asks for `upgrade-insecure-requests`, with which the page stays empty wherever we are reached over
 * plain HTTP by another name than localhost (and in Safari even there), and allows other hosts, which nothing here needs.
 */
const contentSecurityPolicy = {
  'default-src': ["'self'"],
  'base-uri': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** OpenAPI 3.1 at /openapi.json, browsable at /docs; its assets are served from here, none from elsewhere. */
export function documentRoutes(app: App): void {
  app.addHook('onRoute', documentProblems);
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Mallard', version, description, license: { name: 'MIT', identifier: 'MIT' } },
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'Not needed on the own machine while no token exists.',
          },
        },
      },
      tags: [
        { name: 'data', description: 'bring data in' },
        { name: 'models', description: 'build, test and query what the data means' },
        { name: 'scores', description: 'why a score is what it is, and how groups move' },
        { name: 'segments' },
        { name: 'campaigns' },
        { name: 'consent', description: 'who may be written to' },
        { name: 'delivery', description: 'for senders' },
        { name: 'reports' },
        { name: 'operation', description: 'jobs, tokens, health' },
      ],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema${i}`,
    },
  });
  app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 0 },
    theme: { title: 'Mallard API' },
  });
  app.get('/openapi.json', { schema: { hide: true }, config: { access: 'public' } }, () => app.swagger());
}

/** Says of every documented route how it fails, and who may call it. */
function documentProblems(route: RouteOptions): void {
  const { schema } = route;
  // The pages of the documentation hold no data, and a browser sends no token for them.
  if (route.url === '/docs' || route.url.startsWith('/docs/'))
    route.config = { ...route.config, access: 'public' };
  // A GET's schema comes by a second time with the HEAD that Fastify adds: once is enough.
  if (!schema || schema.hide || route.method === 'HEAD') return;
  const access = route.config?.access ?? [];
  const problem = {
    description: 'problem+json',
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  };
  schema.response = { ...(schema.response as object | undefined), '4xx': problem, '5xx': problem };
  schema.security ??= access === 'public' ? [] : [{ bearer: [] }];
  const roles = access === 'public' ? 'Open to everybody.' : `Roles: ${['admin', ...access].join(', ')}.`;
  schema.description = schema.description ? `${schema.description}\n\n${roles}` : roles;
}
