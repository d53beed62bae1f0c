import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { pagePolicy, type PageOptions } from '../../pipelines/consent/page-layout.ts';
import { pickLanguage } from '../../pipelines/consent/texts.ts';
import type { App, RouteContext } from '../context.ts';

/** For the pages that recipients see: a link's token in the path, HTML out. */
export const TokenParams = Type.Object({ token: Type.String() });
export const Html = { description: 'a page', content: { 'text/html': { schema: Type.String() } } };

/** Sends a page that no cache keeps, and that can load and call nothing. */
export function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('content-security-policy', pagePolicy)
    .header('vary', 'accept-language')
    .send(page);
}

/** @param known the recipient's own language, where it is known */
export function pageOptions(
  { account }: RouteContext['mallard'],
  request: FastifyRequest,
  known?: string | null,
): Required<PageOptions> {
  return {
    account: account.name,
    language: pickLanguage(known, request.headers['accept-language'], account.language),
  };
}

/** Any body unsubscribes, or none: a mailbox that says it in another way means it all the same. */
export function acceptForms(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 16 * 1024 }, (_request, body, done) =>
    done(null, body),
  );
}

export function formOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}
