import { open, readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Mallard } from '../context.ts';
import { checkedTopic } from '../consent/record.ts';
import { loadTable, parseColumns } from '../load/load.ts';
import { describeSource } from '../load/source-file.ts';
import { removeStaged, stageFile } from '../load/stage.ts';
import type { LoadFile, LoadResult } from '../load/types.ts';
import { exportContract, exportMapping, type ImportOptions } from './suppression-contract.ts';
import { tellExport, type ExportList, type System } from './suppression-exports.ts';

export interface SuppressionImport {
  /** A staged file. */
  file: LoadFile;
  /** Default: told from the columns. */
  from?: System | undefined;
  list?: ExportList | undefined;
  /** The topic that the whole file is about: a group's own export. */
  topic?: string | undefined;
  /** `group=topic,…`: by the group's name or id. */
  topics?: string | undefined;
  actor: string;
}

export type SuppressionImportResult = LoadResult & { system: System; list: ExportList };

/** A JSON file is parsed as a whole. Mailgun's pages hold 1,000 rows each. */
const jsonBytesMax = 256 * 1024 * 1024;

/**
 * Imports one export through the loader: staged, typed, its rejects kept, one transaction; the same file again changes nothing.
 * Resolves after the commit. The staged file is removed either way.
 * @throws `contract_violated`, `bad_request` (topic), `payload_too_large`, and what `loadTable` throws
 */
export async function importSuppressions(
  { warehouse, account, clock }: Mallard,
  request: SuppressionImport,
): Promise<SuppressionImportResult> {
  const { project } = warehouse;
  let { file } = request;
  try {
    file = await asLines(project, file);
    const topics = topicsOf(account, request.topics);
    const options: ImportOptions = {
      account,
      actor: request.actor,
      now: toTimestamp(clock.now()),
      topics,
      topic: checkedTopic(account, request.topic) ?? undefined,
    };
    const source = await warehouse.read((session) => describeSource(session, file, { allKeys: true }));
    const told = tellExport(
      file.name,
      source.columns.map((column) => column.name),
      {
        from: request.from,
        list: request.list,
        groupBy: Object.keys(topics).some((group) => /^\d+$/.test(group)) ? 'id' : 'name',
      },
    );
    if (told.list === 'group_unsubscribes' && told.columns.group === undefined && options.topic === undefined)
      throw new MallardError('bad_request', `${file.name} does not say which group it is of.`, {
        fields: { file: file.name },
        remedy: 'Name the topic of the whole file with --topic.',
      });
    const result = await loadTable(warehouse, {
      table: 'suppressions',
      contract: exportContract(told, options),
      files: [file],
      source: told.system,
      columns: exportMapping(told, options),
    });
    return { ...result, system: told.system, list: told.list };
  } finally {
    await removeStaged(project, file.path);
  }
}

/** Throws `bad_usage`, and `bad_request` for a topic that the account does not have. */
function topicsOf(account: Mallard['account'], text: string | undefined): Record<string, string> {
  if (text === undefined || text.trim() === '') return {};
  const topics = parseColumns(text);
  for (const topic of Object.values(topics)) checkedTopic(account, topic);
  return topics;
}

/** A JSON document becomes one object a line, one for each tag; everything else stays. */
async function asLines(project: Mallard['project'], file: LoadFile): Promise<LoadFile> {
  const first = await firstByte(file.path);
  if (first !== '[' && first !== '{') return file;
  if ((await stat(file.path)).size > jsonBytesMax)
    throw new MallardError('payload_too_large', `${file.name} is a JSON document of more than 256 MB.`, {
      remedy: 'Write one JSON object a line (NDJSON).',
    });
  const items = itemsOf(await readFile(file.path, 'utf8'));
  if (!items) return file;
  const lines = items.flatMap(onePerTag).map((item) => `${JSON.stringify(item)}\n`);
  const path = await stageFile(project, Readable.from(lines.map((line) => Buffer.from(line))), file.name);
  await removeStaged(project, file.path);
  return { ...file, path };
}

async function firstByte(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    return buffer.toString('utf8', 0, bytesRead).trimStart()[0] ?? '';
  } finally {
    await handle.close();
  }
}

/** The rows of an array, or of an API's page of `items`; undefined for what is no single JSON document. */
function itemsOf(text: string): unknown[] | undefined {
  try {
    const parsed = JSON.parse(text) as unknown;
    if (Array.isArray(parsed)) return parsed;
    const { items } = parsed as { items?: unknown };
    return Array.isArray(items) ? items : undefined;
  } catch {
    return undefined;
  }
}

function onePerTag(item: unknown): unknown[] {
  const { tags } = (item ?? {}) as { tags?: unknown };
  if (!Array.isArray(tags) || tags.length === 0) return [item];
  return tags.map((tag: unknown) => ({ ...(item as object), tags: tag }));
}
