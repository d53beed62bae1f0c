import { preferencesLink } from '../../pipelines/consent/links.ts';
import { invalidPage, unsubscribePage } from '../../pipelines/consent/page.ts';
import { linkHolder } from '../../pipelines/consent/recipient.ts';
import { projectSecret } from '../../pipelines/consent/secret.ts';
import { topicTitle } from '../../pipelines/consent/service.ts';
import { say } from '../../pipelines/consent/texts.ts';
import { readUnsubscribeToken, type UnsubscribeClaims } from '../../pipelines/consent/token.ts';
import { recordUnsubscribe } from '../../pipelines/consent/unsubscribe.ts';
import type { Routes } from '../context.ts';
import { acceptForms, formOf, Html, pageOptions, sendPage, TokenParams } from '../pages/recipient.ts';

/** A GET shows a page and changes nothing: scanners follow links. The POST of the page, or of RFC 8058, unsubscribes. */
export const unsubscribeRoutes: Routes = (app, { mallard }) => {
  const { warehouse, account } = mallard;
  const secret = projectSecret(mallard.project);
  acceptForms(app);

  const describe = async (claims: UnsubscribeClaims) => ({
    language: (await warehouse.read((session) => linkHolder(session, claims))).language,
    about: {
      topic: claims.topic === null ? null : topicTitle(account, claims.topic),
      preferencesUrl: preferencesLink(account.public_url, claims, secret),
    },
  });

  app.get(
    '/u/:token',
    {
      schema: {
        tags: ['delivery'],
        summary: 'The page behind an unsubscribe link',
        params: TokenParams,
        response: { 200: Html, 404: Html },
      },
      config: { access: 'public' },
    },
    async (request, reply) => {
      const claims = readUnsubscribeToken(request.params.token, secret);
      if (!claims) return sendPage(reply, 404, invalidPage(pageOptions(mallard, request)));
      const { language, about } = await describe(claims);
      return sendPage(
        reply,
        200,
        unsubscribePage('ask', { ...pageOptions(mallard, request, language), ...about }),
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
        params: TokenParams,
        response: { 200: Html, 404: Html },
      },
      config: { access: 'public' },
    },
    async (request, reply) => {
      const claims = readUnsubscribeToken(request.params.token, secret);
      if (!claims) return sendPage(reply, 404, invalidPage(pageOptions(mallard, request)));
      const form = formOf(request);
      const isOneClick = /List-Unsubscribe/i.test(form);
      const { language, about } = await describe(claims);
      const options = { ...pageOptions(mallard, request, language), ...about };
      const read = isOneClick
        ? {}
        : {
            wording: say(options.language, 'unsubscribe_question', { account: account.name }),
            place: `${account.public_url}/u/`,
          };
      await recordUnsubscribe(warehouse, claims, {
        scope: /\bscope=topic\b/.test(form) ? 'topic' : 'global',
        method: isOneClick ? 'one_click' : 'page',
        ...read,
      });
      return sendPage(reply, 200, unsubscribePage('done', options));
    },
  );
};
