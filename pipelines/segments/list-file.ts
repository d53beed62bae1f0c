import { parse } from 'csv-parse/sync';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { plainName } from '../load/nearest.ts';

/** Ids and addresses as a file has them, in its order. */
export interface ListedContacts {
  contact_ids: string[];
  emails: string[];
}

const idColumns = ['contact_id', 'contactid'].map(plainName);
const emailColumns = ['email', 'e_mail', 'email_address', 'e_mail_address', 'mail'].map(plainName);

/**
 * Reads a list of contacts: one id or address a line, or CSV (commas, semicolons or tabs) with a header that names a column of
 * ids (`contact_id`) or of addresses (`email`, `email address`). Where both have a value, the id counts. Without such a
 * header, and of a column that `column` names, what has an @ is an address.
 * @param name of the file, for errors
 * @throws `bad_request` where the file is no CSV, is empty, or no column is known
 */
export function readListFile(text: string, name: string, column?: string): ListedContacts {
  const [header = [], ...rows] = readRecords(text, name);
  const names = header.map(plainName);
  if (column !== undefined) {
    const at = names.indexOf(plainName(column));
    if (at < 0) throw unknownColumns(name, header, `has no column ${column}`);
    return byLook(rows.map((row) => row[at]));
  }
  const idAt = names.findIndex((one) => idColumns.includes(one));
  const emailAt = names.findIndex((one) => emailColumns.includes(one));
  if (idAt < 0 && emailAt < 0) {
    const isPlain = rows.every(({ length }) => length === 1) && header.length === 1;
    if (!isPlain) throw unknownColumns(name, header, 'has no column of ids or addresses that is known');
    return byLook([header, ...rows].map(([value]) => value));
  }
  const listed: ListedContacts = { contact_ids: [], emails: [] };
  for (const row of rows) {
    const id = idAt < 0 ? '' : (row[idAt] ?? '').trim();
    const email = emailAt < 0 ? '' : (row[emailAt] ?? '').trim();
    if (id !== '') listed.contact_ids.push(id);
    else if (email !== '') listed.emails.push(email);
  }
  return listed;
}

function readRecords(text: string, name: string): string[][] {
  let records: string[][];
  try {
    records = parse(text, {
      bom: true,
      delimiter: [',', ';', '\t'],
      skip_empty_lines: true,
      relax_column_count: true,
    });
  } catch (error) {
    throw new MallardError('bad_request', `${name} is no CSV: ${errorMessage(error)}.`, {
      fields: { file: name },
      remedy: 'Write one id or address a line, or correct the CSV there.',
    });
  }
  if (records.length > 0) return records;
  throw new MallardError('bad_request', `${name} is empty.`, { fields: { file: name } });
}

function byLook(values: readonly (string | undefined)[]): ListedContacts {
  const given = values.map((value) => value?.trim() ?? '').filter((value) => value !== '');
  return {
    contact_ids: given.filter((value) => !value.includes('@')),
    emails: given.filter((value) => value.includes('@')),
  };
}

function unknownColumns(name: string, header: readonly string[], what: string): MallardError {
  return new MallardError('bad_request', `${name} ${what}. Its first line: ${header.join(', ')}.`, {
    fields: { file: name, columns: header },
    remedy: 'Call a column contact_id or email, or name it with --column.',
  });
}
