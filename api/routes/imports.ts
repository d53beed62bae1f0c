import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { importSystem } from '../../pipelines/sources/import/import.ts';
import { systems, type SystemName } from '../../pipelines/sources/import/systems.ts';
import { loaders } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Count, Nullable } from '../schemas.ts';

const names = Object.keys(systems) as SystemName[];

const ImportBody = Type.Object(
  {
    files: Type.Array(
      Type.Object(
        {
          name: Type.String({
            minLength: 1,
            maxLength: 500,
            description: 'the file’s name, which says which table it is',
            examples: ['contact_data.csv'],
          }),
          staged: Type.String({
            pattern: '^[0-9a-f]{64}-[0-9a-f-]{36}\\.(text|parquet)$',
            description: 'in the staging folder, put there by a client on this machine',
          }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 1000 },
    ),
  },
  { additionalProperties: false },
);

const Into = Type.Object({
  table: Type.String({ description: 'ours' }),
  rows_read: Count('inserted + updated + unchanged + rejected'),
  rows_inserted: Count('new'),
  rows_updated: Count('known, and changed'),
  rows_unchanged: Count('known, and the same'),
  rows_rejected: Count('in raw.rejects'),
  rejects: Type.Array(Type.Object({}, { additionalProperties: true }), { description: 'the first five' }),
});

const ImportedFile = Type.Object({
  file: Type.String(),
  table: Type.String({ description: 'as its system calls it' }),
  status: Type.Union([Type.Literal('mapped'), Type.Literal('raw'), Type.Literal('empty')]),
  rows: Count('rows_used + rows_raw + rows_unreadable'),
  rows_used: Count('made something of ours, or completed it'),
  rows_raw: Count('kept as they are in raw_table'),
  rows_unreadable: Count('no records: in raw.rejects'),
  raw_table: Nullable(Type.String()),
  reasons: Type.Record(Type.String(), Type.Integer(), { description: 'why rows are kept raw -> how many' }),
  into: Type.Array(Into),
  columns_unused: Type.Array(Type.String(), { description: 'with values that nothing is made of' }),
});

const ImportAnswer = Type.Object({
  system: Type.String(),
  files: Type.Array(ImportedFile),
  merges: Type.Array(
    Type.Object({
      rule: Type.String(),
      pairs: Count('of contacts that are one person'),
      recorded: Count('that were not known before'),
    }),
  ),
  deleted: Type.Record(Type.String(), Type.Integer(), {
    description: 'rows of ours that the system has deleted: table -> rows',
  }),
});

/** The files of an export, which a client on this machine has staged, become rows of ours together. */
export const importRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/imports/:system',
    {
      schema: {
        tags: ['data'],
        summary: 'Import a whole export of another system',
        description:
          'What is understood becomes rows of core tables; the rest is kept in `raw.<system>_<table>` and listed. Importing the same files again changes nothing.',
        params: Type.Object({ system: Type.Union(names.map((name) => Type.Literal(name))) }),
        body: ImportBody,
        response: { 200: ImportAnswer },
      },
      config: { access: loaders },
    },
    (request) => {
      const files = request.body.files.map(({ name, staged }) => {
        const path = join(mallard.project.staging, staged);
        if (!existsSync(path)) throw new MallardError('not_found', `There is no staged file ${staged}.`);
        return { name, path };
      });
      const asked = { files, actor: request.actor?.name };
      return importSystem(mallard.warehouse, systems[request.params.system], asked, (progress) =>
        request.log.debug(progress, 'import'),
      );
    },
  );
};
