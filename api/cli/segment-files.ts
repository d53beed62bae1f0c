import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { DefinitionInput } from '../../pipelines/segments/apply/check.ts';
import type { ExportedSegments } from '../../pipelines/segments/apply/export.ts';
import { definitionText } from '../../pipelines/segments/apply/text.ts';
import { usage } from './session.ts';

const schemaFile = 'segment.schema.json';
/** Editors read it; and it tells a file that `export` wrote from any other. */
const header = `# yaml-language-server: $schema=./${schemaFile}\n`;

/** Something wrong in a file. */
export interface FileFault {
  file: string;
  /** From 1; null where the fault is the file's as a whole. */
  line: number | null;
  message: string;
}

/** A file that is YAML and an object. */
export interface SegmentFile {
  path: string;
  definition: DefinitionInput;
  /** The line of a place in the criteria ('$.all[0].field') or of a key; of what it stands in where it is missing. */
  lineOf(place: string | null): number | null;
}

/**
 * Reads every *.yaml and *.yml of a folder, not of the folders in it. The name of a file is the segment's id.
 * @throws `bad_usage` where there is no such folder, or no file in it
 */
export function readSegmentFiles(dir: string): { files: SegmentFile[]; faults: FileFault[] } {
  const files: SegmentFile[] = [];
  const faults: FileFault[] = [];
  const names = yamlNames(dir);
  if (names.length === 0)
    throw usage(`${dir} has no *.yaml file.`, 'Write one, or begin with `mallard segments export`.');
  for (const name of names) {
    const path = join(dir, name);
    const twin = files.find(({ definition }) => definition.segment_id === idOf(name));
    const read = twin
      ? [{ file: path, line: null, message: `${twin.path} defines the same segment.` }]
      : readSegmentFile(path, idOf(name));
    if (Array.isArray(read)) faults.push(...read);
    else files.push(read);
  }
  return { files, faults };
}

function readSegmentFile(path: string, id: string): SegmentFile | FileFault[] {
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(path, 'utf8'), { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  if (document.errors.length > 0)
    return document.errors.map(({ message, pos }) => ({ file: path, line: lineAt(pos[0]), message }));
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // Aliases that multiply beyond reason.
    return [{ file: path, line: null, message: errorMessage(error) }];
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    return [{ file: path, line: 1, message: 'A segment file has title, description and criteria.' }];
  const own = (content as Record<string, unknown>)['segment_id'] ?? id;
  if (own !== id) {
    const line = lineOf(document, lineAt, ['segment_id']);
    return [{ file: path, line, message: `segment_id is not ${id}, as the name of the file says.` }];
  }
  return {
    path,
    definition: { ...content, segment_id: id },
    lineOf: (place) => (place === null ? null : lineOf(document, lineAt, keysOf(place))),
  };
}

/** '$.all[0].field' as the keys from the file's root. */
function keysOf(place: string): (string | number)[] {
  if (!place.startsWith('$')) return [place];
  const steps = place.matchAll(/\.([^.[]+)|\[(\d+)\]/g);
  return ['criteria', ...[...steps].map(([, key, index]) => key ?? Number(index))];
}

function lineOf(
  document: Document,
  lineAt: (offset: number) => number,
  keys: readonly (string | number)[],
): number | null {
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true) as
      { range?: [number, number, number] } | undefined;
    if (node?.range) return lineAt(node.range[0]);
  }
  return null;
}

export interface WrittenFiles {
  written: string[];
  unchanged: string[];
  /** Of segments that are no more: there still, or removed by `prune`. */
  stale: string[];
  removed: string[];
}

/** Writes a file a segment, and their schema; only where the bytes differ. Throws `storage_failed`. */
export function writeSegmentFiles(
  dir: string,
  { segments, schema }: ExportedSegments,
  prune: boolean,
): WrittenFiles {
  const done: WrittenFiles = { written: [], unchanged: [], stale: [], removed: [] };
  try {
    mkdirSync(dir, { recursive: true });
    const present = yamlNames(dir);
    const write = (name: string, text: string) =>
      (writeWhereChanged(join(dir, name), text) ? done.written : done.unchanged).push(name);
    const names = segments.map((segment) => {
      // Beside the .yml that somebody began it as, there must not be a second one.
      const yml = `${segment.segment_id}.yml`;
      const name = present.includes(yml) ? yml : `${segment.segment_id}.yaml`;
      write(name, header + definitionText(segment));
      return name;
    });
    write(schemaFile, `${JSON.stringify(schema, null, 2)}\n`);
    for (const name of present.filter((each) => !names.includes(each))) {
      const isOurs = readFileSync(join(dir, name), 'utf8').startsWith(header.trimEnd());
      if (prune && isOurs) rmSync(join(dir, name));
      (prune && isOurs ? done.removed : done.stale).push(name);
    }
    return done;
  } catch (cause) {
    throw new MallardError('storage_failed', `${dir}: ${errorMessage(cause)}.`, { cause });
  }
}

/** False where the file has these bytes already. */
function writeWhereChanged(path: string, text: string): boolean {
  try {
    if (readFileSync(path, 'utf8') === text) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  writeFileSync(path, text);
  return true;
}

function yamlNames(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /^[^.].*\.ya?ml$/.test(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw usage(`There is no folder ${dir}.`, 'Check the path.');
    throw error;
  }
}

function idOf(name: string): string {
  return name.slice(0, -extname(name).length);
}
