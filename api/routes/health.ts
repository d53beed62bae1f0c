import { Type } from 'typebox';
import type { Routes } from '../context.ts';
import { version } from '../version.ts';

const Health = Type.Object({ status: Type.Literal('ok'), version: Type.String() });

/** Live: the process answers. Ready: the warehouse does. */
export const healthRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/health',
    {
      schema: { tags: ['operation'], summary: 'Whether the process lives', response: { 200: Health } },
      config: { access: 'public' },
    },
    () => ({ status: 'ok' as const, version }),
  );

  app.get(
    '/ready',
    {
      schema: { tags: ['operation'], summary: 'Whether the warehouse answers', response: { 200: Health } },
      config: { access: 'public' },
    },
    async () => {
      await mallard.warehouse.read((session) => session.one('select 1'), { timeoutMs: 5_000 });
      return { status: 'ok' as const, version };
    },
  );
};
