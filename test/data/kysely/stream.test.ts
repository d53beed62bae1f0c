import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { kyselyOn } from '../../../data/kysely/dialect.ts';
import { openDuckDB } from './support.ts';

interface Db {
  numbers: { i: bigint; at: string };
}

const rowCount = 10_000;

async function openNumbers() {
  const { instance, connection } = await openDuckDB();
  const db = kyselyOn<Db>(connection);
  await sql`create table numbers as
    select range as i, timestamp '2026-11-02' + to_microseconds(range) as at from range(${rowCount})`.execute(
    db,
  );
  return { instance, connection, db, query: db.selectFrom('numbers').selectAll().orderBy('i') };
}

test('a stream reads every row, converted, in chunks', async () => {
  const { db, query } = await openNumbers();
  const sizes: number[] = [];
  let next = 0n;
  for await (const result of db.getExecutor().stream(query.compile(), 100)) {
    sizes.push(result.rows.length);
    for (const row of result.rows) {
      expect(row.i).toBe(next);
      next += 1n;
    }
  }
  expect(next).toBe(BigInt(rowCount));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_048);
  const first = await query.limit(2).execute();
  expect(first[1]).toStrictEqual({ i: 1n, at: '2026-11-02T00:00:00.000001Z' });
});

test('leaving early frees the connection and ends the snapshot', async () => {
  const { instance, query } = await openNumbers();
  const other = await instance.connect();
  await other.run(`create table written as select 1 as x`);
  for await (const row of query.stream()) {
    expect(row.i).toBe(0n);
    // Another connection may work meanwhile, but an open snapshot is in the way of a checkpoint.
    await other.run(`update written set x = 2`);
    await expect(other.run('checkpoint')).rejects.toThrow('Cannot CHECKPOINT');
    break;
  }
  await other.run('checkpoint');
  other.closeSync();
  expect(await query.execute()).toHaveLength(rowCount);
});

test('a statement on the connection of an open stream is refused, and the stream stays whole', async () => {
  const { connection, db, query } = await openNumbers();
  const onTheSame = kyselyOn<Db>(connection);
  const refusals: unknown[] = [];
  let read = 0;
  for await (const row of query.stream()) {
    if (row.i % 4_000n === 0n) {
      for (const other of [db, onTheSame]) {
        refusals.push(
          await other
            .selectFrom('numbers')
            .select('i')
            .limit(1)
            .execute()
            .catch((error: unknown) => error),
        );
      }
    }
    read += 1;
  }
  expect(read).toBe(rowCount);
  expect(refusals).toHaveLength(6);
  for (const refusal of refusals) expect(String(refusal)).toContain('on the connection of an open stream');
  expect(await onTheSame.selectFrom('numbers').select('i').limit(1).execute()).toStrictEqual([{ i: 0n }]);
});

test('a second stream is refused while the first is open', async () => {
  const { query } = await openNumbers();
  const first = query.stream()[Symbol.asyncIterator]();
  await first.next();
  await expect(query.stream()[Symbol.asyncIterator]().next()).rejects.toThrow('open stream');
  let rest = 1;
  while (!(await first.next()).done) rest += 1;
  expect(rest).toBe(rowCount);
});

test('statements that were sent before a stream run before it', async () => {
  const { db, query } = await openNumbers();
  const earlier = Array.from({ length: 20 }, (_, i) =>
    db
      .insertInto('numbers')
      .values({ i: BigInt(rowCount + i), at: '2026-11-03' })
      .execute(),
  );
  let read = 0;
  for await (const row of query.stream()) {
    expect(row.i).toBe(BigInt(read));
    read += 1;
  }
  await Promise.all(earlier);
  expect(read).toBe(rowCount + 20);
});

test('a stream that fails, before or amid its rows, frees the connection', async () => {
  const { db, query } = await openNumbers();
  const drain = async (statement: string) => {
    let rows = 0;
    for await (const result of db.getExecutor().stream(sql.raw(statement).compile(db), 1))
      rows += result.rows.length;
    return rows;
  };
  await expect(drain('select * from nowhere')).rejects.toThrow('Catalog Error');
  await expect(drain(`select if(i > 9000, error('late'), i) from numbers`)).rejects.toThrow('late');
  expect(await query.execute()).toHaveLength(rowCount);
});
