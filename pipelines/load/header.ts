import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { MallardError } from '../../data/errors.ts';

export interface CsvHead {
  delimiter: string;
  /** The names of the header, trimmed; an empty one is called `column_<position>`, the second `x` `x_2`. */
  columns: string[];
  /** Blank lines before the header. */
  blankLines: number;
}

/** In the order in which they win a tie. */
const delimiters = [',', ';', '\t', '|', '^', '~', '\u0001'] as const;
const SAMPLE_BYTES = 1 << 20;
const SAMPLE_RECORDS = 20;

/**
 * Reads a staged CSV's header line and finds its delimiter: the one by which most of the first 20 records have as many values
 * as the header; of those the one with the most columns.
 * @param asked the delimiter if the user named it: one byte, or `tab`
 * @throws `contract_violated` where there is no header, or it is not UTF-8
 */
export async function readCsvHead(path: string, name: string, asked?: string): Promise<CsvHead> {
  // A tab is hard to type on a command line.
  const given = asked === 'tab' || asked === '\\t' ? '\t' : asked;
  if (given !== undefined && (Buffer.byteLength(given) !== 1 || given === '"' || given === '\n')) {
    throw new MallardError('bad_request', `The delimiter ${JSON.stringify(given)} is not one byte.`);
  }
  const sample = await readStart(path);
  if (sample.length === 0) {
    throw new MallardError('contract_violated', `${name} is empty: it has no header line.`, {
      fields: { file: name },
    });
  }
  const delimiter = given ?? detectDelimiter(sample);
  const header = splitRecords(sample, delimiter, 1)[0] ?? [];
  if (!isUtf8(Buffer.from(header.join(delimiter), 'latin1'))) {
    throw new MallardError('contract_violated', `The header line of ${name} is not UTF-8.`, {
      fields: { file: name },
      remedy: 'Save the file as UTF-8.',
    });
  }
  const columns = header.map(
    (text, index) => Buffer.from(text, 'latin1').toString('utf8').trim() || `column_${index + 1}`,
  );
  return {
    delimiter,
    blankLines: /^\n*/.exec(sample)?.[0].length ?? 0,
    columns: columns.map((column, index) => distinctName(column, columns.slice(0, index))),
  };
}

/** The second `x` is called `x_2`. */
function distinctName(column: string, before: readonly string[]): string {
  const same = before.filter((other) => other === column).length;
  return same === 0 ? column : `${column}_${same + 1}`;
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(SAMPLE_BYTES);
    const { bytesRead } = await file.read(buffer, 0, SAMPLE_BYTES, 0);
    // As latin1 every byte is one character, so that a sample cut inside of a character does no harm.
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function detectDelimiter(sample: string): string {
  let best: { delimiter: string; columns: number; agreeing: number } = {
    delimiter: ',',
    columns: 1,
    agreeing: 0,
  };
  for (const delimiter of delimiters) {
    const [header = [], ...rows] = splitRecords(sample, delimiter, SAMPLE_RECORDS);
    const columns = header.length;
    if (columns < 2) continue;
    const agreeing = rows.filter((row) => row.length === columns).length / Math.max(1, rows.length);
    if (agreeing > best.agreeing || (agreeing === best.agreeing && columns > best.columns)) {
      best = { delimiter, columns, agreeing };
    }
  }
  return best.delimiter;
}

/** The first records of a CSV text, as values; blank lines are left out. */
function splitRecords(sample: string, delimiter: string, limit: number): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (records.length < limit && at <= sample.length) {
    let value = '';
    if (sample[at] === '"') {
      at += 1;
      for (;;) {
        const close = sample.indexOf('"', at);
        value += sample.slice(at, close < 0 ? sample.length : close);
        at = close < 0 ? sample.length : close + 1;
        if (sample[at] !== '"') break;
        value += '"';
        at += 1;
      }
    }
    const start = at;
    while (at < sample.length && sample[at] !== delimiter && sample[at] !== '\n') at += 1;
    record.push(value + sample.slice(start, at));
    if (sample[at] !== delimiter) {
      if (record.length > 1 || record[0] !== '') records.push(record);
      record = [];
    }
    at += 1;
  }
  return records;
}
