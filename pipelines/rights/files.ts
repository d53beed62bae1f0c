import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import type { Project } from '../../data/project.ts';
import type { Session } from '../../data/owner/session.ts';
import { literal } from '../load/sql.ts';
import { foundSql, isPersonColumn, mentionPattern, quoted } from './matching.ts';
import type { Person } from './person.ts';
import { isTextual, textSql } from './tables.ts';
import { recordsOf, textsOf } from './texts.ts';

/**
 * What becomes of a file that names a person: `delete` what is a copy of something (or about this person alone), `rewrite`
 * without the person's records what others' data may be lost with, `tell` of what the user has written.
 */
export type FileTreatment = 'delete' | 'rewrite' | 'tell';

interface Folder {
  kind: string;
  path: (project: Project) => string;
  treatment: FileTreatment;
  why: string;
}

/** Every folder of the project that may hold personal data. */
export const folders: readonly Folder[] = [
  {
    kind: 'outbox',
    path: (p) => p.outbox,
    treatment: 'delete',
    why: 'a mail written to, or naming, the person',
  },
  {
    kind: 'report run',
    path: (p) => p.reportRuns,
    treatment: 'delete',
    why: 'a kept page that names the person; render it again',
  },
  {
    kind: 'inbox',
    path: (p) => p.inbox,
    treatment: 'rewrite',
    why: 'a file brought in: the person’s records are taken out',
  },
  {
    kind: 'sample',
    path: (p) => p.sample,
    treatment: 'delete',
    why: 'generated; made again by `mallard demo`',
  },
  {
    kind: 'published',
    path: (p) => p.published,
    treatment: 'delete',
    why: 'a snapshot; made again by `mallard publish`',
  },
  { kind: 'models', path: (p) => p.models, treatment: 'tell', why: 'written by you: edit it' },
  { kind: 'reports', path: (p) => p.reports, treatment: 'tell', why: 'written by you: edit it' },
];

export interface PersonalFile {
  kind: string;
  /** Relative to the project. */
  file: string;
  treatment: FileTreatment;
  why: string;
}

/** The files that name the person. A snapshot is not searched: it has whoever was there when it was made. */
export async function personalFiles(
  project: Project,
  session: Session,
  person: Person,
): Promise<PersonalFile[]> {
  const found: PersonalFile[] = [];
  for (const { kind, path, treatment, why } of folders) {
    for (const file of await filesUnder(path(project))) {
      // Our models, which are nobody's.
      if (file === project.publishedModels) continue;
      if (kind === 'published' || (await names(file, session, person)))
        found.push({ kind, file: relative(project.dir, file), treatment, why });
    }
  }
  return found;
}

/** Deletes or rewrites them; a rewritten file is put in place by a rename, so there is no half of one. */
export async function eraseFiles(
  project: Project,
  session: Session,
  person: Person,
  files: readonly PersonalFile[],
): Promise<void> {
  for (const { file, treatment } of files) {
    const path = join(project.dir, file);
    if (treatment === 'delete') await rm(path, { force: true });
    if (treatment === 'rewrite') await rewrite(path, session, person);
  }
}

/** The person's records of a file, for an export: what stands beside them is other people's. */
export async function recordsIn(path: string, session: Session, person: Person): Promise<unknown[]> {
  if (isParquet(path)) {
    const { condition, source } = await parquet(path, session, person);
    return session.rows(`select * from ${source} where ${condition}`);
  }
  const { head, records } = recordsOf(await contentOf(path));
  const isTheirs = recordTest(person, path, head);
  const theirs = records.filter((record) => isTheirs(record));
  return head === undefined ? theirs : [head, ...theirs];
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function names(path: string, session: Session, person: Person): Promise<boolean> {
  if (person.delivery_ids.some((id) => path.endsWith(`${id}.eml`) || path.endsWith(`${id}.eml.tmp`)))
    return true;
  if (isParquet(path)) {
    const { condition, source } = await parquet(path, session, person);
    return (await session.one(`select 1 as one from ${source} where ${condition} limit 1`)) !== undefined;
  }
  const pattern = mentionPattern(person);
  const mention = pattern === undefined ? undefined : new RegExp(pattern);
  const bytes = await contentOf(path);
  const header = contactHeader(person);
  if (
    textsOf(bytes).some((text) => mention?.test(text.toLowerCase()) === true || header?.test(text) === true)
  )
    return true;
  if (!isRecords(path)) return false;
  const { head, records } = recordsOf(bytes);
  return records.some(recordTest(person, path, head));
}

/** Our mails say whose they are. */
function contactHeader({ contact_ids: ids }: Person): RegExp | undefined {
  if (ids.length === 0) return undefined;
  return new RegExp(`^X-Mallard-contact-id: *(?:${ids.map(quoted).join('|')})\\r?$`, 'im');
}

/** Whether a record (a line of CSV, an object of NDJSON) is the person's: it mentions them, or has their id as such. */
function recordTest(person: Person, path: string, head: string | undefined): (record: string) => boolean {
  const pattern = mentionPattern(person);
  const mention = pattern === undefined ? undefined : new RegExp(pattern);
  const ids = new Set([...person.contact_ids, ...person.other_ids]);
  const delimiter = [';', '\t', '|'].find((sign) => head?.includes(sign)) ?? ',';
  const columns = head === undefined ? [] : cells(head, delimiter);
  const fieldsOf = (record: string): [string, unknown][] =>
    head === undefined
      ? jsonFields(record)
      : cells(record, delimiter).map((value, index) => [columns[index] ?? '', value]);
  return (record) =>
    mention?.test(record.toLowerCase()) === true ||
    fieldsOf(record).some(
      ([name, value]) =>
        (typeof value === 'string' || typeof value === 'number') &&
        ids.has(String(value).trim()) &&
        isPersonColumn(name, placeOf(path)),
    );
}

/** The folder and the name alone: the project may lie under /home/users. */
function placeOf(path: string): string {
  return path.split(/[\\/]/).slice(-2).join('/');
}

function cells(record: string, delimiter: string): string[] {
  const [row] = parse(record, { delimiter, relax_quotes: true, relax_column_count: true, bom: true });
  return row ?? [];
}

function jsonFields(record: string): [string, unknown][] {
  try {
    return Object.entries(JSON.parse(record) as Record<string, unknown>);
  } catch {
    return [];
  }
}

async function rewrite(path: string, session: Session, person: Person): Promise<void> {
  const draft = `${path}.rewritten`;
  if (isParquet(path)) {
    const { condition, source } = await parquet(path, session, person);
    await session.run(
      `copy (select * from ${source} where not coalesce(${condition}, false)) to ${literal(draft)} (format parquet)`,
    );
    return rename(draft, path);
  }
  // A kind that has no records to take out: the whole file goes.
  if (!isRecords(path)) return rm(path, { force: true });
  const { head, records } = recordsOf(await contentOf(path));
  const isTheirs = recordTest(person, path, head);
  const text = [...(head === undefined ? [] : [head]), ...records.filter((record) => !isTheirs(record))].join(
    '',
  );
  await writeFile(draft, path.endsWith('.gz') ? gzipSync(text) : text);
  await rename(draft, path);
}

async function parquet(path: string, session: Session, person: Person) {
  const source = `read_parquet(${literal(path)})`;
  const columns = await session.rows<{ column_name: string; column_type: string }>(
    `describe select * from ${source}`,
  );
  const searched = columns
    .map(({ column_name: name, column_type: type }) => ({ name, type }))
    .filter((column) => isTextual(column))
    .map((column) => ({ name: column.name, text: textSql({ ...column, isNullable: true }) }));
  return { source, condition: foundSql(searched, placeOf(path), person) };
}

function isParquet(path: string): boolean {
  return extname(path) === '.parquet';
}

function isRecords(path: string): boolean {
  return /\.(csv|tsv|txt|ndjson|jsonl|json)(\.gz)?$/i.test(path);
}

async function contentOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  if (!path.endsWith('.gz')) return bytes;
  try {
    return gunzipSync(bytes);
  } catch {
    return bytes;
  }
}
