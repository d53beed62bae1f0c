import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBDataChunk } from '@duckdb/node-api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import type { ResultStream, Warehouse } from '../../data/owner/warehouse.ts';
import { arrowStream } from '../arrow.ts';
import { csvHeader, csvRows } from './csv.ts';
import { deadline } from './deadline.ts';
import { mediaTypes, type Format } from './formats.ts';
import { jsonRows, type Column } from './json.ts';
import { Slots } from '../../data/slots.ts';

/** Queries from outside that run at once; those beyond it wait, on their own time. */
const slots = new Slots(8);

/** The most that a request may ask for. */
export const rowsMax = 50_000_000;
export const timeoutMsMax = 600_000;

const bytes = (description: string) => ({ schema: Type.String({ description }) });

/** The streamed formats, for the description of an answer. */
export const streamedContent = {
  [mediaTypes.ndjson]: bytes('one JSON object a line'),
  [mediaTypes.csv]: bytes('RFC 4180 with a header'),
  [mediaTypes.arrow]: bytes('Arrow IPC stream'),
  [mediaTypes.parquet]: bytes('a Parquet file'),
};

/** Compiled SQL, how it travels and what it may cost. */
export interface ResultRequest {
  /** One SELECT. */
  sql: string;
  /** Of more rows the first are answered, and the header `x-truncated-at` says so (a stream is cut without it). */
  rowLimit: number;
  format: Format;
  /** From the start to the last byte. */
  timeoutMs: number;
}

/**
 * Answers the rows of one SELECT, read as text from outside: read-only, one statement, interrupted when the time is over
 * or the caller has gone. JSON is read whole before it is sent (up to 64 MB), so that it is right or an error;
 * the streamed formats begin with the first chunk, and one that fails later breaks off.
 */
export async function sendResult(
  warehouse: Warehouse,
  request: FastifyRequest,
  reply: FastifyReply,
  { sql, format, rowLimit, timeoutMs }: ResultRequest,
): Promise<FastifyReply> {
  const { signal, release } = deadline(request, timeoutMs);
  let giveBack: (() => void) | undefined;
  try {
    giveBack = await slots.take(signal);
    void reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : mediaTypes[format])
      .header('vary', 'accept');
    if (format === 'parquet') {
      const path = await writeParquet(warehouse, `select * from (\n${sql}\n) limit ${rowLimit}`, signal);
      return await reply.send(createReadStream(path).once('close', () => void rm(path, { force: true })));
    }
    const result = limited(await warehouse.streamUntrusted(sql, { signal }), rowLimit);
    if (format === 'json') {
      const text = await jsonText(result);
      if (result.cut) void reply.header('x-truncated-at', rowLimit);
      return await reply.send(text);
    }
    // Awaiting a reply waits for its last byte: only then are the deadline and the slot given back.
    return await reply.send(Readable.from(await started(encode(format, result)), { objectMode: false }));
  } finally {
    giveBack?.();
    release();
  }
}

/** The same result, ended after `rowLimit` rows; `cut` tells that there were more. */
function limited(result: ResultStream, rowLimit: number): ResultStream & { cut: boolean } {
  const answer = {
    columns: result.columns,
    close: () => result.close(),
    cut: false,
    async *[Symbol.asyncIterator]() {
      let left = rowLimit;
      for await (const chunk of result) {
        if (chunk.rowCount > left) {
          answer.cut = true;
          if (left > 0) yield firstRows(chunk, left);
          return;
        }
        left -= chunk.rowCount;
        yield chunk;
      }
    },
  };
  return answer;
}

function firstRows(chunk: DuckDBDataChunk, rowCount: number): DuckDBDataChunk {
  const columns = Array.from({ length: chunk.columnCount }, (_, index) => chunk.getColumnVector(index));
  const first = DuckDBDataChunk.create(
    columns.map((column) => column.type),
    rowCount,
  );
  first.setColumns(columns.map((_, index) => chunk.getColumnValues(index).slice(0, rowCount)));
  return first;
}

function encode(
  format: Exclude<Format, 'json' | 'parquet'>,
  result: ResultStream,
): AsyncGenerator<Uint8Array | string> {
  switch (format) {
    case 'arrow':
      return arrowStream(result.columns, result);
    case 'csv':
      return textStream(csvHeader(result.columns), result, csvRows);
    default:
      return textStream('', result, (columns, chunk) => jsonRows(columns, chunk).map((row) => `${row}\n`));
  }
}

async function* textStream(
  header: string,
  result: ResultStream,
  lines: (columns: readonly Column[], chunk: DuckDBDataChunk) => string[],
): AsyncGenerator<string> {
  if (header !== '') yield header;
  for await (const chunk of result) yield lines(result.columns, chunk).join('');
}

/** JSON is held whole: a few such answers must fit beside what DuckDB needs, and V8 holds no text beyond 512 MB at all. */
const jsonLengthMax = 64 * 1024 * 1024;

/** Throws `payload_too_large`: what is larger travels in a format that is streamed. */
async function jsonText(result: ResultStream): Promise<string> {
  const rows: string[] = [];
  let length = 0;
  for await (const chunk of result) {
    for (const row of jsonRows(result.columns, chunk)) {
      length += row.length + 2;
      rows.push(row);
    }
    if (length > jsonLengthMax) {
      throw new MallardError('payload_too_large', 'The answer is larger than 64 MB of JSON.', {
        fields: { length_max: jsonLengthMax },
        remedy: 'Lower row_limit, or ask for NDJSON, CSV, Arrow or Parquet (--format): those are streamed.',
      });
    }
  }
  return `[${rows.join(',\n')}]\n`;
}

/**
 * Waits for the first two pieces (a header, and the first chunk that the query must run for), so that what fails at once
 * fails as a problem with its status.
 */
async function started<T>(source: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = [await source.next(), await source.next()];
  return (async function* () {
    try {
      for (const piece of first) {
        if (piece.done) return;
        yield piece.value;
      }
      yield* source;
    } finally {
      await source.return(undefined);
    }
  })();
}

/** DuckDB writes Parquet to files only: one in the staging folder, sent and removed. */
async function writeParquet(warehouse: Warehouse, sql: string, signal: AbortSignal): Promise<string> {
  const path = join(warehouse.project.staging, `${randomUUID()}.parquet`);
  // Proves that it is one SELECT before it is put inside a COPY.
  (await warehouse.streamUntrusted(`select * from (\n${sql}\n) limit 0`, { signal })).close();
  await warehouse.read(
    async (session) => {
      await session.run('begin transaction read only');
      try {
        await session.run(
          `copy (\n${sql}\n) to '${path.replaceAll("'", "''")}' (format parquet, compression zstd)`,
        );
      } finally {
        await session.run('rollback');
      }
    },
    { signal },
  );
  return path;
}
