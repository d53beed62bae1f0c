import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Type, type Static } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { loadTable, parseColumns } from '../../pipelines/load/load.ts';
import { loadRaw } from '../../pipelines/load/load-raw.ts';
import { stageFile } from '../../pipelines/load/stage.ts';
import { loaders } from '../access/roles.ts';
import type { App, RouteContext, Routes } from '../context.ts';
import { Count } from '../schemas.ts';

const formats = ['csv', 'ndjson', 'parquet'] as const;
type FileFormat = (typeof formats)[number];

/** What a body may be, and how it is read. Gzip is recognised by its bytes, inside any of them. */
const formatOfType: Record<string, FileFormat | undefined> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/vnd.apache.parquet': 'parquet',
  'application/gzip': undefined,
  'application/octet-stream': undefined,
};

const LoadQuery = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        maxLength: 500,
        description: 'the file’s name, for messages and raw.rejects; its ending may tell the format',
      }),
    ),
    format: Type.Optional(
      Type.Union(
        formats.map((format) => Type.Literal(format)),
        { description: 'default: by Content-Type, else by name' },
      ),
    ),
    columns: Type.Optional(
      Type.String({
        description: 'core_name=file_name,…',
        examples: ['deal_id=opportunity_id,amount=close_value'],
      }),
    ),
    date_format: Type.Optional(Type.String({ examples: ['%d-%m-%Y'] })),
    source: Type.Optional(Type.String({ maxLength: 100, description: 'which system the rows come from' })),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 4 })),
    staged: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}-[0-9a-f-]{36}\\.(text|parquet)$',
        description: 'instead of a body: a file in the staging folder, put there by a client on this machine',
      }),
    ),
    replace_source: Type.Optional(
      Type.Boolean({ description: 'first forget what this source brought before; for files without ids' }),
    ),
  },
  { additionalProperties: false },
);

const Reject = Type.Object(
  {},
  { additionalProperties: true, description: 'file, line, column, value and reason' },
);

export const LoadAnswer = Type.Object(
  {
    table: Type.String(),
    batch_id: Type.String(),
    rows_read: Count('inserted + updated + unchanged + rejected'),
    rows_inserted: Count('new'),
    rows_updated: Count('known, and changed'),
    rows_unchanged: Count('known, and the same'),
    rows_rejected: Count('in raw.rejects'),
    rejects: Type.Array(Reject, { description: 'the first five' }),
  },
  { additionalProperties: true },
);

/** A body is streamed into the staging folder, loaded with the contracts of the command line, and answered after the commit. */
export const loadRoutes: Routes = (app, { mallard }) => {
  acceptFiles(app);

  app.post(
    '/v1/load/:table',
    {
      schema: {
        tags: ['data'],
        summary: 'Load a file into a table',
        description:
          'The body is the file: CSV, NDJSON or Parquet, gzipped or not, of any size. `raw.<name>` lands any file as a raw table. Loading the same file again changes nothing.',
        consumes: Object.keys(formatOfType),
        params: Type.Object({
          table: Type.String({ pattern: '^(raw\\.)?[A-Za-z_][A-Za-z0-9_]*$', maxLength: 100 }),
        }),
        querystring: LoadQuery,
        response: { 200: LoadAnswer },
      },
      config: { access: loaders },
    },
    async (request) => {
      const { table } = request.params;
      const { name = table, format, columns, source, date_format, delimiter, replace_source } = request.query;
      const path = await stagedFile(mallard, request.body, name, request.query.staged);
      const mapping = columns === undefined ? undefined : parseColumns(columns);
      const fileFormat = format ?? formatOfType[mediaType(request.headers['content-type'])];
      const common = {
        files: [{ path, name }],
        ...(source === undefined ? {} : { source }),
        ...(fileFormat === undefined ? {} : { format: fileFormat }),
        ...(delimiter === undefined ? {} : { delimiter }),
      };
      if (table.startsWith('raw.'))
        return loadRaw(mallard.warehouse, { name: table.slice('raw.'.length), ...common });
      return loadTable(mallard.warehouse, {
        table,
        ...common,
        ...(mapping === undefined ? {} : { columns: mapping }),
        ...(date_format === undefined ? {} : { dateFormat: date_format }),
        ...(replace_source === undefined ? {} : { replaceSource: replace_source }),
      });
    },
  );
};

export type LoadQuery = Static<typeof LoadQuery>;

export async function stagedFile(
  { project }: RouteContext['mallard'],
  body: unknown,
  name: string,
  staged: string | undefined,
): Promise<string> {
  if (staged !== undefined) {
    const path = join(project.staging, staged);
    if (!existsSync(path)) throw new MallardError('not_found', `There is no staged file ${staged}.`);
    return path;
  }
  if (body instanceof Readable) return stageFile(project, body, name);
  throw new MallardError('bad_request', 'The request has no body: send the file as it is.');
}

/** Hands the body on as a stream: nothing of it is held in memory. */
export function acceptFiles(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(Object.keys(formatOfType), (_request, payload, done) => done(null, payload));
}

function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
