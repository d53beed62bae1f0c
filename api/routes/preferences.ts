import type { FastifyReply, FastifyRequest } from 'fastify';
import { MallardError } from '../../data/errors.ts';
import { confirmRequest, openRequest } from '../../pipelines/consent/confirm.ts';
import { confirmPage, invalidPage, preferencesPage } from '../../pipelines/consent/page.ts';
import { readPreferences, savePreferences } from '../../pipelines/consent/preferences.ts';
import { titles } from '../../pipelines/consent/requests.ts';
import { projectSecret } from '../../pipelines/consent/secret.ts';
import { topicTitle } from '../../pipelines/consent/service.ts';
import { say } from '../../pipelines/consent/texts.ts';
import { readPreferencesToken } from '../../pipelines/consent/token.ts';
import type { Routes } from '../context.ts';
import { acceptForms, formOf, Html, pageOptions, sendPage, TokenParams } from '../pages/recipient.ts';

const config = { access: 'public' } as const;
const consumes = ['application/x-www-form-urlencoded'];
const tags = ['delivery'];

/** The page of topics and the link that confirms. Like unsubscribing: a GET shows a page, a POST does it. */
export const preferenceRoutes: Routes = (app, { mallard }) => {
  const { account, project } = mallard;
  const secret = projectSecret(project);
  acceptForms(app);

  app.get(
    '/p/:token',
    {
      schema: {
        tags,
        summary: 'The page of topics',
        params: TokenParams,
        response: { 200: Html, 404: Html },
      },
      config,
    },
    async (request, reply) => {
      const claims = readPreferencesToken(request.params.token, secret);
      if (!claims) return sendPage(reply, 404, invalidPage(pageOptions(mallard, request)));
      const preferences = await readPreferences(mallard, claims);
      return sendPage(
        reply,
        200,
        preferencesPage(preferences, pageOptions(mallard, request, preferences.language)),
      );
    },
  );

  app.post(
    '/p/:token',
    {
      schema: {
        tags,
        summary: 'Save the choice of topics',
        description:
          '`topic` for each that is wanted, or `action=none` to stop everything. Answers after the commit; the same again changes nothing.',
        consumes,
        params: TokenParams,
        response: { 200: Html, 400: Html, 404: Html },
      },
      config,
    },
    async (request, reply) => {
      const claims = readPreferencesToken(request.params.token, secret);
      if (!claims) return sendPage(reply, 404, invalidPage(pageOptions(mallard, request)));
      const form = new URLSearchParams(formOf(request));
      const action = form.get('action');
      const { language } = await readPreferences(mallard, claims);
      const options = pageOptions(mallard, request, language);
      // A POST that says nothing, by a scanner or a broken form, must not switch everything off.
      if (action !== 'save' && action !== 'none')
        return sendPage(reply, 400, preferencesPage(await readPreferences(mallard, claims), options));
      await savePreferences(mallard, claims, {
        wanted: action === 'none' ? 'none' : form.getAll('topic'),
        wording: (topic) =>
          topic === null
            ? say(options.language, 'preferences_wording_all', options)
            : say(options.language, 'preferences_wording', { ...options, topic: topicTitle(account, topic) }),
        place: `${account.public_url}/p/`,
      });
      const page = preferencesPage(
        await readPreferences(mallard, claims),
        options,
        action === 'none' ? 'all_stopped' : 'saved',
      );
      return sendPage(reply, 200, page);
    },
  );

  /** What became of a link that cannot confirm: forged or forgotten 404, expired 410, each with a page that says what to do. */
  function explain(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
    if (!(error instanceof MallardError) || !['not_found', 'link_expired'].includes(error.code)) throw error;
    const known = error.fields['language'];
    const options = pageOptions(mallard, request, typeof known === 'string' ? known : null);
    return error.code === 'not_found'
      ? sendPage(reply, 404, invalidPage(options))
      : sendPage(reply, 410, confirmPage('expired', { ...options, days: account.consent.link_valid_days }));
  }

  app.get(
    '/c/:token',
    {
      schema: {
        tags,
        summary: 'The page behind a link that confirms',
        params: TokenParams,
        response: { 200: Html, 404: Html, 410: Html },
      },
      config,
    },
    async (request, reply) => {
      try {
        const open = await openRequest(mallard, request.params.token, secret);
        const options = pageOptions(mallard, request, open.language);
        const state = open.confirmed_at === null ? 'ask' : 'done';
        return sendPage(reply, 200, confirmPage(state, { ...options, topics: titles(mallard, open.topics) }));
      } catch (error) {
        return explain(request, reply, error);
      }
    },
  );

  app.post(
    '/c/:token',
    {
      schema: {
        tags,
        summary: 'Confirm consent',
        description: 'Answers after the commit; confirming twice changes nothing.',
        consumes,
        params: TokenParams,
        response: { 200: Html, 404: Html, 410: Html },
      },
      config,
    },
    async (request, reply) => {
      try {
        const { language } = await confirmRequest(mallard, request.params.token, secret);
        return sendPage(reply, 200, confirmPage('done', pageOptions(mallard, request, language)));
      } catch (error) {
        return explain(request, reply, error);
      }
    },
  );
};
