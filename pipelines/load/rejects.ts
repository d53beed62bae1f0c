import type { Session } from '../../data/owner/session.ts';
import type { Landing } from './landing.ts';
import { readRows } from './locate.ts';
import type { Reject } from './types.ts';

const FAULTS = '[{"column_name":"VARCHAR","value":"VARCHAR","reason":"VARCHAR"}]';

export interface RejectStamp {
  batchId: string;
  table: string;
  source: string;
  file: string;
  now: string;
}

/**
 * Appends to `raw.rejects`, a row for each rejected value, or line.
 * @param located what `locateFaults` answered, if the landing has faults
 */
export async function writeRejects(
  session: Session,
  landing: Pick<Landing, 'table' | 'cutOut'>,
  located: string | undefined,
  stamp: RejectStamp,
): Promise<void> {
  const into = `insert into raw.rejects (batch_id, table_name, source, file, line, column_name, value, reason, line_text, recorded_at)`;
  const params = {
    batch: stamp.batchId,
    table: stamp.table,
    source: stamp.source,
    file: stamp.file,
    now: stamp.now,
  };
  for (const cut of landing.cutOut) {
    const lines = readRows(cut.path, `line: 'BIGINT', reason: 'VARCHAR', text: 'VARCHAR'`);
    await session.run(
      `${into} select $batch, $table, $source, $file, line, null, null, reason, text, $now::timestamp from ${lines}`,
      params,
    );
  }
  if (located === undefined) return;
  await session.run(
    `${into} select $batch, $table, $source, $file, place.line, fault.column_name, fault.value, fault.reason, place.text, $now::timestamp
     from (select rowid as ordinal, unnest(from_json(_faults, '${FAULTS}')) as fault from ${landing.table} where _faults is not null) faulty
     left join ${located} place using (ordinal) order by ordinal`,
    params,
  );
}

/** The first of a load's rejects, by file and line. */
export function firstRejects(session: Session, batchId: string, limit: number): Promise<Reject[]> {
  return session.rows<Reject>(
    `select file, line::double as line, column_name as "column", value, reason from raw.rejects
     where batch_id = $1 order by file, line, column_name limit ${limit}`,
    [batchId],
  );
}
