import type { FastifyRequest } from 'fastify';
import type { App, RouteContext } from '../context.ts';
import { stringify } from './serializer.ts';

/**
 * `ops.audit_log`: who changed what, for every request that writes and succeeds. Written before the answer leaves, since
 * a command's process ends right after it. A body is not kept: it may hold personal data; the path and the query say what.
 */
export function auditWrites(app: App, { mallard }: Pick<RouteContext, 'mallard'>): void {
  app.addHook('onSend', async (request, reply) => {
    if (!isWrite(request) || reply.statusCode >= 400) return;
    const { actor, params } = request;
    const detail = { request_id: request.id, status: reply.statusCode, params, query: request.query };
    try {
      await mallard.warehouse.ledger.transaction((tx) =>
        tx.run(
          `insert into ops.audit_log (actor, action, subject, detail, occurred_at) values ($1, $2, $3, $4::json, $5)`,
          [
            actor?.name ?? null,
            `${request.method} ${request.routeOptions.url ?? ''}`,
            subjectOf(params),
            stringify(detail),
            mallard.clock.now(),
          ],
        ),
      );
    } catch (error) {
      // The write itself is done and acknowledged by its own commit: saying it failed would be the worse lie.
      request.log.error({ err: error }, 'the audit log was not written');
    }
  });
}

function isWrite(request: FastifyRequest): boolean {
  const { config } = request.routeOptions;
  return (
    !['GET', 'HEAD', 'OPTIONS'].includes(request.method) &&
    config.access !== 'public' &&
    config.audit !== false
  );
}

function subjectOf(params: unknown): string | null {
  const [first] = Object.values((params ?? {}) as Record<string, unknown>);
  return typeof first === 'string' ? first : null;
}
