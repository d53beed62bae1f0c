import { Type } from 'typebox';
import { publish } from '../../pipelines/publish/publish.ts';
import type { Routes } from '../context.ts';
import { operators } from '../access/roles.ts';
import { Count } from '../schemas.ts';

export const publishRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/publish',
    {
      schema: {
        tags: ['operation'],
        summary: 'Write a read-only snapshot for other tools',
        description:
          'core, history, marts and memberships into published/mallard.duckdb, replaced as a whole; never tokens, logs or settings. `publish:` in account.yaml schedules it and adds raw tables.',
        body: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object({
            file: Type.String(),
            as_of: Type.String({ description: 'what givens.json beside it tells models' }),
            tables: Count('tables of the snapshot'),
            rows: Count('rows of them all'),
            bytes: Count('size of the file'),
            duration_ms: Type.Number(),
          }),
        },
      },
      config: { access: operators },
    },
    () => publish(mallard),
  );
};
