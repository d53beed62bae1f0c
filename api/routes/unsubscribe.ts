import { Type } from 'typebox';
import { unsubscribePage } from '../../pipelines/consent/page.ts';
import { projectSecret } from '../../pipelines/consent/secret.ts';
import { readUnsubscribeToken } from '../../pipelines/consent/token.ts';
import { recordUnsubscribe } from '../../pipelines/consent/unsubscribe.ts';
import type { App, Routes } from '../context.ts';

const Params = Type.Object({ token: Type.String() });
const Html = { description: 'a page', content: { 'text/html': { schema: Type.String() } } };

/** A GET shows a page and changes nothing: scanners follow links. The POST of the page, or of RFC 8058, unsubscribes. */
export const unsubscribeRoutes: Routes = (app, { mallard }) => {
  const { warehouse, account } = mallard;
  const secret = projectSecret(mallard.project);
  acceptForms(app);

  app.get(
    '/u/:token',
    {
      schema: {
        tags: ['delivery'],
        summary: 'The page behind an unsubscribe link',
        params: Params,
        response: { 200: Html, 404: Html },
      },
      config: { access: 'public' },
    },
    async (request, reply) => {
      const claims = readUnsubscribeToken(request.params.token, secret);
      return reply
        .code(claims ? 200 : 404)
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(
          claims
            ? unsubscribePage('ask', { account: account.name, topic: claims.topic })
            : unsubscribePage('invalid', { account: account.name }),
        );
    },
  );

  app.post(
    '/u/:token',
    {
      schema: {
        tags: ['delivery'],
        summary: 'Unsubscribe',
        description:
          'One click (RFC 8058), or the button of the page. Answers after the commit; doing it again changes nothing.',
        consumes: ['application/x-www-form-urlencoded', 'multipart/form-data'],
        params: Params,
        response: { 200: Html, 404: Html },
      },
      config: { access: 'public' },
    },
    async (request, reply) => {
      const claims = readUnsubscribeToken(request.params.token, secret);
      void reply.type('text/html; charset=utf-8');
      if (!claims) return reply.code(404).send(unsubscribePage('invalid', { account: account.name }));
      const form = typeof request.body === 'string' ? request.body : '';
      await recordUnsubscribe(warehouse, claims, {
        scope: /\bscope=topic\b/.test(form) ? 'topic' : 'global',
        method: /List-Unsubscribe/i.test(form) ? 'one_click' : 'page',
      });
      return reply.send(unsubscribePage('done', { account: account.name }));
    },
  );
};

/** Any body unsubscribes, or none: a mailbox that says it in another way means it all the same. */
function acceptForms(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 16 * 1024 }, (_request, body, done) =>
    done(null, body),
  );
}
