import { Type } from 'typebox';
import { importSuppressions } from '../../pipelines/sources/import-suppressions.ts';
import { lists, systems } from '../../pipelines/sources/suppression-exports.ts';
import { loaders } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { acceptFiles, LoadAnswer, stagedFile } from './load.ts';

const Query = Type.Object(
  {
    name: Type.Optional(
      Type.String({ maxLength: 500, description: 'the file’s name: it tells bounces from blocks' }),
    ),
    from: Type.Optional(
      Type.Union(
        systems.map((system) => Type.Literal(system)),
        { description: 'default: told from the columns' },
      ),
    ),
    list: Type.Optional(
      Type.Union(
        lists.map((list) => Type.Literal(list)),
        { description: 'default: told from the columns and the name' },
      ),
    ),
    topic: Type.Optional(Type.String({ maxLength: 100, description: 'what the whole file is about' })),
    topics: Type.Optional(
      Type.String({ maxLength: 10_000, description: 'group=topic,… by the group’s name or id' }),
    ),
    actor: Type.Optional(Type.String({ maxLength: 200, description: 'who; default: the token’s name' })),
    staged: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}-[0-9a-f-]{36}\\.(text|parquet)$',
        description: 'instead of a body: a file in the staging folder, put there by a client on this machine',
      }),
    ),
  },
  { additionalProperties: false },
);

export const importSuppressionRoutes: Routes = (app, { mallard }) => {
  acceptFiles(app);

  app.post(
    '/v1/import/suppressions',
    {
      schema: {
        tags: ['consent'],
        summary: 'Import what SendGrid, Mailgun or Mailchimp must not write to',
        description:
          'The body is the exported file, CSV or JSON. Only hashes of the addresses are kept. Blocks and soft bounces suppress nobody: they are counted as rejected. The same file again changes nothing.',
        consumes: ['text/csv', 'application/x-ndjson', 'application/octet-stream'],
        querystring: Query,
        response: {
          200: Type.Object(
            { ...LoadAnswer.properties, system: Type.String(), list: Type.String() },
            { additionalProperties: true },
          ),
        },
      },
      config: { access: loaders },
    },
    async (request) => {
      const { name = 'suppressions', staged, actor, ...options } = request.query;
      const path = await stagedFile(mallard, request.body, name, staged);
      return importSuppressions(mallard, {
        ...options,
        file: { path, name },
        actor: actor ?? request.actor?.name ?? 'unknown',
      });
    },
  );
};
