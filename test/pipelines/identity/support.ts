import { Value } from 'typebox/value';
import { IdentitySchema, type IdentitySettings } from '../../../data/account.ts';
import { toTimestamp } from '../../../data/clock.ts';
import type { Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { readCanonicals } from '../../../pipelines/identity/canonicals.ts';
import { openTestWarehouse } from '../../support.ts';

export interface Person {
  contact_id: string;
  email?: string | null;
  phone?: string | null;
  phone_key?: string | null;
  first_name?: string | null;
  last_name?: string | null;
  company_id?: string | null;
  city?: string | null;
  country?: string | null;
  lifecycle_stage?: string | null;
  created_at?: string | null;
  updated_at?: string | null;
  is_stub?: boolean;
}

const columns = [
  ...[
    'contact_id',
    'email',
    'phone',
    'phone_key',
    'first_name',
    'last_name',
    'company_id',
    'city',
    'country',
  ],
  ...['lifecycle_stage', 'created_at', 'updated_at', 'is_stub'],
] as const;

export async function addPeople(tx: Session, people: readonly Person[]): Promise<void> {
  const types = columns.map((name) => `"${name}":"${name === 'is_stub' ? 'BOOLEAN' : 'VARCHAR'}"`).join(',');
  await tx.run(
    `insert into core.contacts (contact_id, email, email_key, phone, phone_key, first_name, last_name, company_id, city, country,
       lifecycle_stage, created_at, updated_at, is_stub, source, recorded_at)
     select contact_id, email, lower(trim(email)), phone, phone_key, first_name, last_name, company_id, city, country,
       lifecycle_stage, created_at::timestamp, updated_at::timestamp, coalesce(is_stub, false), 'test', timestamp '2026-01-01'
     from (select unnest(from_json($1, '[{${types}}]'), recursive := true))`,
    [JSON.stringify(people.map((person) => ({ created_at: '2026-01-01T00:00:00', ...person })))],
  );
}

/** A warehouse whose clock goes on by a minute with each reading, so that each decision has a time of its own. */
export async function openIdentity(): Promise<{
  warehouse: Warehouse;
  now: () => Date;
  add: (...people: Person[]) => Promise<void>;
}> {
  let minutes = 0;
  const now = () => new Date(Date.UTC(2026, 10, 2, 6, minutes));
  const { warehouse } = await openTestWarehouse({
    clock: { now: () => new Date(Date.UTC(2026, 10, 2, 6, ++minutes)) },
  });
  return {
    warehouse,
    now,
    add: (...people) => warehouse.loads.transaction((tx) => addPeople(tx, people)),
  };
}

export function identity(settings: Partial<IdentitySettings> = {}): IdentitySettings {
  return { ...(Value.Default(IdentitySchema, {}) as IdentitySettings), ...settings };
}

/** Who stands for whom, as `b>a`. */
export async function mapping(warehouse: Warehouse, knownAt?: Date): Promise<string[]> {
  const canonicals = await warehouse.read((session) => readCanonicals(session, knownAt));
  return [...canonicals].map(([id, canonical]) => `${id}>${canonical}`);
}

/** Every row of every table of every schema, as text; without the tables named. */
export async function everyTable(
  warehouse: Warehouse,
  without: readonly string[] = [],
): Promise<Record<string, string[]>> {
  return warehouse.read(async (session) => {
    const tables = await session.rows<{ name: string }>(
      `select schema_name || '.' || table_name as name from duckdb_tables() where not temporary order by 1`,
    );
    const all: Record<string, string[]> = {};
    for (const { name } of tables) {
      if (without.includes(name)) continue;
      const rows = await session.rows<{ row: string }>(
        `select to_json(t)::varchar as row from ${name} t order by 1`,
      );
      all[name] = rows.map(({ row }) => row);
    }
    return all;
  });
}

export const text = (date: Date) => toTimestamp(date);
