import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { scanRecords, type RecordShape } from './records.ts';
import type { Scratch } from './scratch.ts';

const LF = 10;
const NEWLINE = Buffer.from('\n');
const BLOCK_BYTES = 1 << 20;

/** Lines that were cut out of a file: a CSV of line, reason, text, without a header. */
export interface CutOut {
  path: string;
  count: number;
}

/** A record that DuckDB would not read: the byte at which it, or a blank line before it, begins, from 0. */
export interface RejectedRecord {
  at: number;
  reason: string;
}

/**
 * Writes a file anew without the records that DuckDB cannot read: each becomes as many blank lines, which DuckDB skips, so
 * that every other record keeps its line. After a broken quote reading goes on with the next line, so that it costs
 * one line, not all those up to the next quote.
 * @param alsoCut records to cut besides, in the file's order
 */
export async function sieveFile(
  path: string,
  shape: RecordShape,
  alsoCut: readonly RejectedRecord[],
  scratch: Scratch,
): Promise<{ path: string; cutOut: CutOut }> {
  const kept = lineWriter(scratch.file('.text'));
  const cutOut = lineWriter(scratch.file('.csv'));
  let isHeader = shape.delimiter !== undefined;
  let count = 0;
  let next = 0;
  const besides = (end: number): string | undefined => {
    let reason: string | undefined;
    for (; (alsoCut[next]?.at ?? Infinity) < end; next += 1) reason ??= alsoCut[next]?.reason;
    return reason;
  };
  try {
    await scanRecords(path, shape, (record) => {
      const reason =
        record.fault ?? (record.isBlank ? undefined : besides(record.offset + record.bytes.length));
      if (record.isBlank || isHeader || reason === undefined) {
        if (!record.isBlank) isHeader = false;
        return kept.write(record.bytes);
      }
      count += 1;
      // As latin1 every byte survives, whatever the encoding was meant to be.
      const text = record.bytes.toString(reason === 'not UTF-8' ? 'latin1' : 'utf8');
      const full = cutOut.write(Buffer.from(csvRow([String(record.line), reason, text])));
      return kept.write(Buffer.alloc(record.lines - 1, '\n')) ?? full;
    });
  } finally {
    await Promise.all([kept.end(), cutOut.end()]);
  }
  return { path: kept.path, cutOut: { path: cutOut.path, count } };
}

export function csvRow(values: readonly string[]): string {
  return values.map((value) => `"${value.replaceAll('"', '""')}"`).join(',');
}

export interface LineWriter {
  readonly path: string;
  /** A promise where the disk has to catch up. */
  write(line: Buffer): Promise<void> | undefined;
  end(): Promise<void>;
}

/** Writes lines in blocks. What the disk refuses is thrown by the next `write` that waits, or by `end`. */
export function lineWriter(path: string): LineWriter {
  const stream: WriteStream = createWriteStream(path, { highWaterMark: 4 << 20 });
  const failed = once(stream, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => undefined);
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let used = 0;
  const flush = (): boolean => {
    const isDrained = stream.write(block.subarray(0, used));
    block = Buffer.allocUnsafe(BLOCK_BYTES);
    used = 0;
    return isDrained;
  };
  return {
    path,
    write(line) {
      let isDrained = true;
      if (used + line.length + 1 > BLOCK_BYTES && used > 0) isDrained = flush();
      if (line.length + 1 > BLOCK_BYTES) {
        isDrained = stream.write(Buffer.concat([line, NEWLINE]));
      } else {
        // Copied: the scanner's buffer moves on.
        used += line.copy(block, used);
        block[used++] = LF;
      }
      return isDrained ? undefined : Promise.race([once(stream, 'drain').then(() => undefined), failed]);
    },
    async end() {
      flush();
      stream.end();
      await Promise.race([once(stream, 'close'), failed]);
    },
  };
}
