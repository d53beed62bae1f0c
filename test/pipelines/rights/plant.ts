import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { addressKey } from '../../../data/address.ts';
import type { Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { Project } from '../../../data/project.ts';
import type { Identifier } from '../../../pipelines/rights/registry.ts';
import {
  isTextual,
  personalTables,
  type Column,
  type PersonalTable,
} from '../../../pipelines/rights/tables.ts';

/** Somebody whose every text holds a marker. */
export interface Planted {
  marker: string;
  contactId: string;
  email: string;
  phone: string;
  deliveryId: string;
  dealId: string;
}

/** Tables that hold nobody, said here once more: the registry's own word for it would exempt whatever it names from the test. */
export const holdNobody: ReadonlySet<string> = new Set([
  ...[
    ...['owners', 'quotas', 'deal_stages', 'exchange_rates', 'spend'],
    ...['rfm_groups', 'rfm_thresholds'],
  ].flatMap((table) => [`core.${table}`, `history.${table}`]),
  'ops.mart_builds',
  'ops.mart_snapshots',
  'ops.segment_touched_runs',
  'ops.delivery_batches',
  'ops.integrations',
  'ops.sync_cursors',
  'ops.api_tokens',
  'ops.kysely_migration',
  'ops.kysely_migration_lock',
]);

/** Fills every table of the database that may hold a person with a row of theirs, as information_schema lists them. */
export async function plantTables(warehouse: Warehouse, who: Planted): Promise<number> {
  await makeUserTables(warehouse);
  const tables = await warehouse.read(personalTables);
  let planted = 0;
  for (const table of tables) {
    if (holdNobody.has(table.name) || table.name === 'ops.erasures') continue;
    // One lane at a time, and no build or load beside: any of them may write here.
    await warehouse.loads.transaction((tx) => insert(tx, table, who));
    planted += 1;
  }
  return planted;
}

async function makeUserTables(warehouse: Warehouse): Promise<void> {
  await warehouse.loads.transaction(async (tx) => {
    for (const statement of [
      `create table if not exists raw.upload ("E-Mail" varchar, "free text" varchar, amount integer, _loaded_at timestamp, _source varchar, _batch_id varchar)`,
      `create table if not exists raw.hubspot_contact (id bigint, property_note varchar, _loaded_at timestamp, _source varchar, _batch_id varchar)`,
      `create table if not exists raw.notes (contact_id varchar, body json, tags varchar[], nested struct(a varchar), _source varchar)`,
      `create table if not exists mart.contact_facts (contact_id varchar, first_name varchar, email struct(last_30_days struct(clicks bigint)))`,
      `create table if not exists mart.deal_facts (deal_id varchar, contact_id varchar, name varchar, stage varchar, amount decimal(18,2))`,
      `create table if not exists mart.mine (contact_id varchar, remark varchar)`,
      `create table if not exists mart.figures (label varchar, value double)`,
    ])
      await tx.run(statement);
  });
}

async function insert(tx: Session, table: PersonalTable, who: Planted): Promise<void> {
  const values = table.columns.map((column) => valueOf(table, column, who));
  await tx.run(`insert into ${table.sql} values (${values.map((value) => value).join(', ')})`);
}

function valueOf(table: PersonalTable, column: Column, who: Planted): string {
  const { rule, name } = table;
  const kind = identifierOf(table, column);
  if (kind === 'contact' && column.name !== 'canonical_contact_id') return quote(who.contactId);
  if (kind === 'contact') return quote(who.contactId);
  if (kind === 'email') return quote(column.name === 'email_key' ? who.email : ` ${who.email.toUpperCase()}`);
  if (kind === 'address_key') return quote(addressKey(who.email));
  if (kind === 'delivery') return quote(who.deliveryId);
  if (kind === 'deal') return quote(who.dealId);
  if (name === 'raw.upload' && column.name === 'E-Mail') return quote(who.email);
  if (name === 'raw.hubspot_contact' && column.name === 'id')
    return /^\d+$/.test(who.contactId) ? who.contactId : '0';
  if (name === 'raw.hubspot_contact' && column.name === 'property_note')
    return quote(/^\d+$/.test(who.contactId) ? who.marker : `${who.marker} of ${who.contactId}`);
  if (name === 'raw.notes' && column.name === 'contact_id') return quote(who.contactId);
  if (name === 'raw.rejects' && column.name === 'line_text')
    return quote(`"${who.contactId}","${who.marker}",not a date`);
  if (name === 'ops.audit_log' && column.name === 'subject') return quote(who.contactId);
  if (name === 'ops.audit_log' && column.name === 'action')
    return quote(`POST /v1/contacts/:id/merge ${who.email}`);
  if (column.name === 'delivery_id') return quote(who.deliveryId);
  if (column.name === 'phone') return quote(who.phone);
  if (!isTextual(column)) return plain(column);
  // The account's own words and what is kept: the person can be there as a mention only.
  const kept = 'keeps' in rule && rule.keeps.includes(column.name);
  const text =
    rule.erase === 'mentions' || kept
      ? `see ${who.email},${who.email} or call ${who.phone}; /u?to=${encodeURIComponent(who.email)}&x=1`
      : `${who.marker} ${column.name}`;
  if (name === 'ops.suppressions' && kept) return quote('kept');
  if (column.type === 'JSON') return quote(JSON.stringify({ note: text, list: [text] }));
  if (column.type === 'VARCHAR[]') return `[${quote(text)}]`;
  if (column.type.startsWith('STRUCT')) return structOf(column.type, text);
  return quote(text);
}

function identifierOf({ rule }: PersonalTable, column: Column): Identifier | undefined {
  if (!('names' in rule)) return undefined;
  return (Object.entries(rule.names) as [Identifier, readonly string[]][]).find(([, columns]) =>
    columns.includes(column.name),
  )?.[0];
}

function structOf(type: string, text: string): string {
  return type.includes('last_30_days') ? '{last_30_days: {clicks: 1}}' : `{a: ${quote(text)}}`;
}

function plain({ type }: Column): string {
  if (type.startsWith('TIMESTAMP')) return `timestamp '2026-01-01'`;
  if (type === 'DATE') return `date '2026-01-01'`;
  if (type === 'BOOLEAN') return 'false';
  return type.startsWith('STRUCT') ? '{last_30_days: {clicks: 1}}' : '1';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Files of every kind that name the person; answers those that must be there afterwards, with what is left in them. */
export async function plantFiles(
  project: Project,
  warehouse: Warehouse,
  who: Planted,
): Promise<{ left: Record<string, string>; gone: string[] }> {
  const { marker, email, contactId } = who;
  const put = (file: string, content: string | Buffer) => {
    const path = join(project.dir, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return file;
  };
  const head = 'contact_id,email,note\r\n';
  // Somebody whose note is the same text as the other's id.
  const other = 'other,other@example.com,"two\r\nlines"\r\nother,,17\r\n';
  const theirs = `${contactId},${email},"${marker}\r\nsecond line"\r\nx,,"mentions ${email.toUpperCase()} ${marker}"\r\n`;
  const base64 = Buffer.from(`Hello ${marker}, you are ${email}`.padEnd(60)).toString('base64');
  const gone = [
    put(`outbox/${who.deliveryId}.eml`, `To: <hidden>\r\n\r\n${marker}`),
    put(`outbox/by-header.eml`, `X-Mallard-contact-id: ${contactId}\r\n\r\n${marker}`),
    put(`outbox/by-address.eml`, `To: ${email}\r\n\r\n${marker}`),
    put('outbox/base64.eml', `Content-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`),
    put(
      'outbox/report.weekly.eml',
      `Content-Transfer-Encoding: quoted-printable\r\n\r\n<td>${email.replace('@', '=40').slice(0, -3)}=\r\n${email.slice(-3)} ${marker}</td>`,
    ),
    put('report-runs/weekly.2026.html', `<td>${email}</td><td>${marker}</td>`),
    put('published/snapshot.duckdb', `binary ${marker}`),
    put('sample/truth.json', JSON.stringify({ people: [{ email, name: marker }] })),
  ];
  mkdirSync(project.sample, { recursive: true });
  await warehouse.read(async (session) => {
    for (const file of ['sample/contacts.parquet', 'inbox/contacts/new.parquet']) {
      mkdirSync(dirname(join(project.dir, file)), { recursive: true });
      await session.run(
        `copy (select * from (values ('${contactId}', '${email}', '${marker}'), ('other', 'other@example.com', 'x')) t (contact_id, email, note))
         to '${join(project.dir, file)}' (format parquet)`,
      );
    }
  });
  gone.push('sample/contacts.parquet');
  put('inbox/contacts/new.csv', head + other + theirs);
  put('inbox/.loaded/contacts/old.csv', head + theirs + other);
  put('inbox/.failed/contacts/bad.csv.gz', gzipSync(head + other + theirs));
  put(
    'inbox/.staging/part.ndjson',
    `{"contact_id":"${contactId}","note":"${marker}"}\n{"contact_id":"other"}\n`,
  );
  put('outbox/other.eml', 'X-Mallard-contact-id: other\r\nTo: other@example.com\r\n\r\nnot theirs');
  put('spill/duckdb_temp_storage-0.tmp', 'left by a killed process');
  return {
    gone,
    left: {
      'inbox/contacts/new.csv': head + other,
      'inbox/.loaded/contacts/old.csv': head + other,
      'inbox/.staging/part.ndjson': '{"contact_id":"other"}\n',
    },
  };
}
