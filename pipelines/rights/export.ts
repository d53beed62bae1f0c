import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressKey, emailKey } from '../../data/address.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Mallard } from '../context.ts';
import { projectSecret } from '../consent/secret.ts';
import { contactKey, findErasure, type Erasure } from './erasures.ts';
import { personalFiles, recordsIn, type PersonalFile } from './files.ts';
import { anyOf } from './matching.ts';
import { resolvePerson, type Person } from './person.ts';
import { mentioningSql, ownRowsSql, personalTables, withRows, type PersonalTable } from './tables.ts';

export type RightsContext = Pick<Mallard, 'project' | 'warehouse' | 'clock' | 'account'>;

export interface PersonalExport {
  exported_at: string;
  person: Person;
  /** By `schema.table`: the rows that are the person's, or mention them. Tables without any are left out. */
  tables: Record<string, Record<string, unknown>[]>;
  /** Mails with their text; of files that hold others' data too, the person's records alone. */
  files: (PersonalFile & { content?: string; records?: unknown[] })[];
  /** Tables that are not searched, and why. */
  not_searched: { table: string; why: string }[];
}

/**
 * Everything that is known of a person.
 * @param reference a contact id or an address
 * @throws `not_found` where nothing is; its fields say if the person was forgotten
 */
export async function exportPerson(context: RightsContext, reference: string): Promise<PersonalExport> {
  return context.warehouse.read(async (session) => {
    const person = await resolvePerson(session, reference);
    const tables = await personalTables(session);
    const found: PersonalExport['tables'] = {};
    for (const table of await withRows(session, tables)) {
      const rows = await session.rows(`select * from ${table.sql} where ${touchedSql(table, person)}`);
      if (rows.length > 0) found[table.name] = rows;
    }
    const files = await Promise.all(
      (await personalFiles(context.project, session, person)).map(async (file) => ({
        ...file,
        ...(await contentOf(context, session, person, file)),
      })),
    );
    if (!isKnown(found, files)) throw await unknownPerson(context, session, reference);
    return {
      exported_at: context.clock.now().toISOString(),
      person,
      tables: found,
      files,
      not_searched: tables.flatMap(({ name, rule }) =>
        rule.erase === 'none' ? [{ table: name, why: rule.why }] : [],
      ),
    };
  });
}

/** How many rows of each table are the person's or mention them; tables without any are left out. */
export async function countPerson(
  session: Session,
  tables: readonly PersonalTable[],
  person: Person,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await withRows(session, tables)) {
    const condition = touchedSql(table, person);
    if (condition === 'false') continue;
    const row = await session.one<{ rows: number }>(
      `select count(*)::int as rows from ${table.sql} where ${condition}`,
    );
    if (row && row.rows > 0) counts[table.name] = row.rows;
  }
  return counts;
}

function touchedSql(table: PersonalTable, person: Person): string {
  return anyOf([ownRowsSql(table, person), mentioningSql(table, person)]);
}

/** The hash that suppresses, and snapshots, are no sign that somebody is known. */
export function isKnown(tables: Record<string, unknown>, files: readonly PersonalFile[]): boolean {
  return (
    Object.keys(tables).some((name) => !['ops.suppressions', 'ops.erasures'].includes(name)) ||
    files.some(({ kind }) => kind !== 'published')
  );
}

export async function unknownPerson(
  context: RightsContext,
  session: Session,
  reference: string,
): Promise<MallardError> {
  const erasure = await forgottenBefore(context, session, reference);
  const fields = {
    reference,
    ...(erasure ? { erasure_id: erasure.erasure_id, forgotten_at: erasure.completed_at } : {}),
  };
  return new MallardError(
    'not_found',
    erasure
      ? `Whoever ${reference} was is forgotten since ${erasure.completed_at}.`
      : `Nothing is known of ${reference}.`,
    { fields, remedy: erasure ? 'Nothing is left to give.' : 'Check the contact id or the address.' },
  );
}

/** The erasure of somebody who had this id or address. */
export function forgottenBefore(
  { project }: RightsContext,
  session: Session,
  reference: string,
): Promise<Erasure | undefined> {
  const text = reference.trim();
  return findErasure(
    session,
    text.includes('@')
      ? { address: addressKey(emailKey(text)) }
      : { contact: contactKey(text, projectSecret(project)) },
  );
}

async function contentOf(
  { project }: RightsContext,
  session: Session,
  person: Person,
  { kind, file }: PersonalFile,
): Promise<{ content?: string; records?: unknown[] }> {
  const path = join(project.dir, file);
  if (kind === 'outbox') return { content: await readFile(path, 'utf8') };
  if (kind === 'inbox' || kind === 'sample') return { records: await recordsIn(path, session, person) };
  return {};
}
