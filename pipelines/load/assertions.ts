import type { Session } from '../../data/owner/session.ts';

/** Where the changes of one kind of thing are kept. */
export interface ChangeLog {
  /** `contact_changes` and the like, in `core` and in `history`. */
  table: string;
  /** The thing's id: `contact_id`. */
  key: string;
}

/**
 * Writes assertions ("this field has this value from then on") to a change log. One stands for each key, field and
 * valid_from: another value for the same moment corrects it, and the corrected one goes to `history`. What is asserted
 * already is left alone.
 * @param assertions a table of key, field, value, valid_from, source, recorded_at; one row for each key, field and valid_from
 * @returns how many were new
 */
export async function writeAssertions(
  session: Session,
  log: ChangeLog,
  assertions: string,
  now: string,
): Promise<number> {
  const { table, key } = log;
  const same = `h.${key} = a.key and h.field = a.field and h.valid_from = a.valid_from`;
  const corrected = `select h.rowid from core.${table} h join ${assertions} a on ${same} where h.value is distinct from a.value`;
  if (await session.one(`${corrected} limit 1`)) {
    await session.run(
      `insert into history.${table} select *, $now::timestamp from core.${table}
       where rowid in (${corrected}) and recorded_at < $now::timestamp`,
      { now },
    );
    await session.run(`delete from core.${table} where rowid in (${corrected})`);
  }
  return session.run(
    `insert into core.${table} (${key}, field, value, valid_from, source, recorded_at)
     select a.key, a.field, a.value, a.valid_from, a.source, a.recorded_at
     from ${assertions} a anti join core.${table} h on ${same} order by a.valid_from, a.key, a.field`,
  );
}
