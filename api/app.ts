import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyServerOptions } from 'fastify';
import type { Mallard } from '../pipelines/context.ts';
import { TokenStore } from './access/tokens.ts';
import type { App, RequestCompaction, RouteContext, TriggerJob } from './context.ts';
import { auditWrites } from './plugins/audit.ts';
import { guardRoutes } from './plugins/auth.ts';
import { documentRoutes } from './plugins/openapi.ts';
import { answerProblems } from './plugins/problems.ts';
import { serializeAnswers } from './plugins/serializer.ts';
import { resources } from './routes/index.ts';

export interface AppOptions {
  mallard: Mallard;
  /** The secret of this boot, for jobs and commands of the same user; role admin. Default none. */
  internalToken?: string;
  /** Where to find out who may call; default a new store over `ops.api_tokens`. */
  tokens?: TokenStore;
  /** Fastify's logger option; default none. */
  logger?: FastifyServerOptions['logger'];
  /** For secrets; default `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Default: no scheduler here. */
  triggerJob?: TriggerJob;
  /** Default: nobody here can. */
  requestCompaction?: RequestCompaction;
  /** Fails an answer that does not keep to its schema. For tests; default false. */
  checkAnswers?: boolean;
}

/** The largest JSON body. Uploads are streamed and have no limit but the disk's. */
const bodyLimitBytes = 4 * 1024 * 1024;

/** The whole API on what it is given. It listens nowhere: serve.ts does, and `inject` needs no socket. */
export function buildApp(options: AppOptions): App {
  const { mallard } = options;
  const tokens = options.tokens ?? new TokenStore(mallard.warehouse);
  const context: RouteContext = {
    mallard,
    tokens,
    env: options.env ?? process.env,
    triggerJob: options.triggerJob,
    requestCompaction: options.requestCompaction,
  };

  const app: App = Fastify({
    logger: options.logger ?? false,
    bodyLimit: bodyLimitBytes,
    // Only our own id: one from outside could be used to forge lines of the log.
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2048 },
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  serializeAnswers(app, options.checkAnswers ?? false);
  // Nothing here is read as text/plain; a form of another site could send it without asking first.
  app.removeContentTypeParser('text/plain');
  app.addHook('onSend', async (request, reply) => {
    void reply
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer');
  });
  // A command without arguments may be sent without a body.
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined && request.routeOptions.schema?.body) request.body = {};
  });
  answerProblems(app);
  guardRoutes(app, context, options.internalToken);
  auditWrites(app, context);
  documentRoutes(app);
  app.register(async (scope) => {
    for (const resource of resources)
      scope.register(async (own) => resource(own.withTypeProvider<TypeBoxTypeProvider>(), context));
  });
  app.addHook('onReady', () => tokens.load());
  return app;
}
