import type { FastifyRequest } from 'fastify';
import { MallardError } from '../../data/errors.ts';
import { isLoopbackAddress, isLoopbackHost } from '../access/loopback.ts';
import { admins, mayCall, type Actor } from '../access/roles.ts';
import { hashToken } from '../access/tokens.ts';
import type { App, RouteContext } from '../context.ts';

/**
 * Who calls, and whether they may. Runs before the body is read.
 *
 * - a bearer token of `ops.api_tokens`, or the internal one of this boot
 * - no token has ever been made (or all were revoked): this machine alone, as admin. A page in the user's browser is on
 *   this machine too, so its requests are told apart by `Host` (DNS rebinding), `Origin` and `Sec-Fetch-Site` (forged
 *   requests), and a proxy by the headers it adds.
 */
export function guardRoutes(
  app: App,
  context: Pick<RouteContext, 'tokens' | 'mallard'>,
  internalToken?: string,
): void {
  const internalHash = internalToken === undefined ? undefined : hashToken(internalToken);

  function identify(request: FastifyRequest): Actor {
    const secret = bearer(request);
    if (secret !== undefined) {
      if (internalHash !== undefined && hashToken(secret) === internalHash)
        return { name: 'internal', role: 'admin' };
      const token = context.tokens.find(secret, context.mallard.clock.now());
      if (token) return { name: token.name, role: token.role };
      throw new MallardError('unauthorized', 'The bearer token is not known, has expired or was revoked.');
    }
    if (context.tokens.any) throw new MallardError('unauthorized', 'This server asks for a bearer token.');
    refuseStrangers(request);
    return { name: 'local', role: 'admin' };
  }

  app.decorateRequest('actor', undefined);
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access ?? admins;
    if (access === 'public' || request.is404) return;
    request.actor = identify(request);
    if (!mayCall(request.actor.role, access)) {
      throw new MallardError(
        'forbidden',
        `The role ${request.actor.role} may not ${request.method} ${request.routeOptions.url ?? request.url}.`,
        {
          fields: { role: request.actor.role, allowed: ['admin', ...access] },
        },
      );
    }
  });
}

function bearer(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const match = /^bearer +(\S+)$/i.exec(header);
  if (!match?.[1])
    throw new MallardError('unauthorized', 'The Authorization header is not `Bearer <token>`.');
  return match[1];
}

/** Without tokens, only programs on this machine may call, and no web page through the user's browser. */
function refuseStrangers(request: FastifyRequest): void {
  const reason = strangeness(request);
  if (reason === undefined) return;
  throw new MallardError(
    'unauthorized',
    `There are no tokens yet, so only this machine may call, and ${reason}.`,
  );
}

/** What tells that a request does not come from this machine's own user; undefined where nothing does. */
export function strangeness(request: FastifyRequest): string | undefined {
  const { headers } = request;
  const { origin, host } = headers;
  if (!isLoopbackAddress(request.raw.socket.remoteAddress)) return 'the caller is not on this machine';
  if (!isLoopbackHost(host)) return `the Host header ${host ?? '(none)'} is not this machine`;
  if ((headers['x-forwarded-for'] ?? headers.forwarded) !== undefined)
    return 'the request came through a proxy';
  if (origin !== undefined && !sameOrigin(origin, host)) return `the page is of ${origin}`;
  if (headers['sec-fetch-site'] === 'cross-site' && !isFollowedLink(request))
    return 'another web site sent it';
  return undefined;
}

/** A link that was clicked elsewhere, in a report's mail say. It shows a page, and the other site cannot read it. */
function isFollowedLink({ method, headers }: FastifyRequest): boolean {
  return (
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  );
}

function sameOrigin(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}
