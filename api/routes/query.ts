import { Type } from 'typebox';
import type { Routes } from '../context.ts';
import { readers } from '../access/roles.ts';
import { rowsMax, sendResult, streamedContent, timeoutMsMax } from '../results/answer.ts';
import { formatOf, mediaTypes } from '../results/formats.ts';
import { AsOf, asOfOrNow, parseOptionalTime, Time } from '../schemas.ts';

const jsonRowsDefault = 10_000;
const timeoutMsDefault = 60_000;

const Query = Type.Object(
  {
    query: Type.String({
      minLength: 1,
      maxLength: 200_000,
      description:
        'Malloy over the sources of the models; restricted: it may not name tables, SQL or files of its own',
      examples: ['run: deals -> { aggregate: deal_count, win_rate }'],
    }),
    as_of: AsOf,
    known_at: Type.Optional(Time('only what had been recorded by then; default all')),
    row_limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: rowsMax,
        description: `default ${jsonRowsDefault} for JSON, which may have 64 MB; for the streamed formats ${rowsMax}`,
      }),
    ),
    timeout_ms: Type.Optional(
      Type.Integer({ minimum: 1, maximum: timeoutMsMax, description: `default ${timeoutMsDefault}` }),
    ),
  },
  { additionalProperties: false },
);

const Row = Type.Record(Type.String(), Type.Unknown());

export const queryRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/query',
    {
      schema: {
        tags: ['models'],
        summary: 'Run a Malloy query',
        description:
          'The `Accept` header says how the rows travel. Decimals and 64-bit integers are JSON numbers with all their digits, times ISO 8601 UTC. An answer that was cut at `row_limit` says so in the header `x-truncated-at`.',
        body: Query,
        response: {
          200: {
            description: 'the rows',
            content: {
              [mediaTypes.json]: { schema: Type.Array(Row) },
              ...streamedContent,
            },
          },
        },
      },
      config: { access: readers, audit: false },
    },
    async (request, reply) => {
      const { query, as_of, known_at, row_limit, timeout_ms } = request.body;
      const format = formatOf(request.headers.accept);
      const rowLimit = row_limit ?? (format === 'json' ? jsonRowsDefault : rowsMax);
      const { sql } = await mallard.engine.compileSql(query, {
        asOf: asOfOrNow(mallard.clock, as_of),
        knownAt: parseOptionalTime('known_at', known_at),
        // One more than is answered tells whether there would be more.
        rowLimit: rowLimit + 1,
        restricted: true,
      });
      return sendResult(mallard.warehouse, request, reply, {
        sql,
        format,
        rowLimit,
        timeoutMs: timeout_ms ?? timeoutMsDefault,
      });
    },
  );
};
