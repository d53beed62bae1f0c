import type { Routes } from '../context.ts';
import { landingFigures } from '../pages/figures.ts';
import { landingPage } from '../pages/landing.ts';
import { strangeness } from '../plugins/auth.ts';
import { version } from '../version.ts';

/** What is here, with live figures; behind tokens, a page without figures that says how to ask for them. */
export const landingRoutes: Routes = (app, { mallard, tokens }) => {
  app.get('/', { schema: { hide: true }, config: { access: 'public' } }, async (request, reply) => {
    const figures =
      tokens.any || strangeness(request) !== undefined ? undefined : await landingFigures(mallard);
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
      .send(
        landingPage({
          version,
          account: mallard.account.name,
          project: mallard.project.dir,
          outbox: mallard.project.outbox,
          figures,
        }),
      );
  });
};
