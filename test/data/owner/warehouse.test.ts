import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../../data/package-root.ts';
import { Project } from '../../../data/project.ts';
import { findOwner } from '../../../data/owner/ownership.ts';
import { memoryLimitFor, Warehouse } from '../../../data/owner/warehouse.ts';
import { openTestWarehouse, tempFolder, withoutPrivileges } from '../../support.ts';

/** Some seconds of work in one statement, whatever the machine. */
const endless = 'select count(*) from range(100000000000) a(i) where hash(i) = 1';

async function rowsOf(warehouse: Warehouse, sql: string) {
  return warehouse.read((session) => session.rows(sql));
}

describe('ownership', () => {
  test('a second opening in the same process is refused with pid and URL', async () => {
    const { project, warehouse } = await openTestWarehouse();
    warehouse.announce({ url: 'http://127.0.0.1:4321', token: 'secret' });
    await expect(Warehouse.open(project)).rejects.toMatchObject({
      code: 'file_owned',
      fields: { pid: process.pid, url: 'http://127.0.0.1:4321' },
    });
    expect(await findOwner(project)).toMatchObject({ pid: process.pid, url: 'http://127.0.0.1:4321' });
  });

  test('a second process is refused, and the first goes on', async () => {
    const { project, warehouse } = await openTestWarehouse();
    const second = runChild(`await Warehouse.open(new Project(${JSON.stringify(project.dir)}));`);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(`process ${process.pid}`);
    expect(await rowsOf(warehouse, 'select 1::int as one')).toEqual([{ one: 1 }]);
  });

  test('what a killed owner left behind does not block the next', async () => {
    const project = new Project(tempFolder());
    const child = startChild(`
      const warehouse = await Warehouse.open(new Project(${JSON.stringify(project.dir)}));
      await warehouse.ledger.transaction((tx) => tx.run("insert into ops.sync_logs values ('s', 'kept', 1, null, timestamp '2026-01-01')"));
      console.log('committed');
      setInterval(() => {}, 1000);`);
    await outputOf(child, 'committed');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(await findOwner(project)).toBeUndefined();
    const warehouse = await Warehouse.open(project);
    onTestFinished(() => warehouse.close());
    expect(await rowsOf(warehouse, 'select message from ops.sync_logs')).toEqual([{ message: 'kept' }]);
  });

  test('closing releases the folder', async () => {
    const project = new Project(tempFolder());
    await (await Warehouse.open(project)).close();
    expect(await findOwner(project)).toBeUndefined();
    await (await Warehouse.open(project)).close();
  });

  test('a folder that cannot be written is a clear error', async () => {
    const folder = tempFolder();
    // A file where the folder should be: unlike a read-only folder, this refuses root, too.
    writeFileSync(join(folder, 'taken'), '');
    await expect(Warehouse.open(new Project(join(folder, 'taken')))).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('a read-only folder is a clear error', async () => {
    const folder = tempFolder();
    chmodSync(folder, 0o500);
    await withoutPrivileges(folder, async () => {
      await expect(Warehouse.open(new Project(folder))).rejects.toMatchObject({ code: 'storage_failed' });
    });
  });
});

describe('memory', () => {
  test('a small machine or container keeps half of its memory for others', () => {
    const gib = 1024 ** 3;
    expect([1, 2, 7, 8, 24].map((size) => memoryLimitFor(size * gib))).toEqual([
      '512MiB',
      '1024MiB',
      '3584MiB',
      '4096MiB',
      '4096MiB',
    ]);
  });

  test('the limit is set where none is asked for', async () => {
    const warehouse = await Warehouse.open(new Project(tempFolder()));
    onTestFinished(() => warehouse.close());
    const [row] = await rowsOf(warehouse, `select current_setting('memory_limit') as text`);
    const mib = Number(/^([\d.]+) GiB$/.exec(String(row?.['text']))?.[1]) * 1024;
    expect(mib).toBeLessThanOrEqual(4096);
    expect(mib).toBeGreaterThan(0);
  });
});

describe('lanes', () => {
  test('transactions of a lane run one after the other, and a failed one leaves nothing', async () => {
    const { warehouse } = await openTestWarehouse();
    const log = (message: string) =>
      `insert into ops.sync_logs values ('s', '${message}', 1, null, timestamp '2026-01-01')`;
    const counts: bigint[] = [];
    const work = Array.from({ length: 10 }, (_, index) =>
      warehouse.ledger.transaction(async (tx) => {
        await tx.run(log(`m${index}`));
        const row = await tx.one<{ n: bigint }>('select count(*) as n from ops.sync_logs');
        counts.push(row?.n ?? -1n);
        if (index === 4) throw new Error('changed my mind');
      }),
    );
    const settled = await Promise.allSettled(work);
    expect(settled.filter((one) => one.status === 'rejected')).toHaveLength(1);
    expect(counts).toEqual([1n, 2n, 3n, 4n, 5n, 5n, 6n, 7n, 8n, 9n]);
    expect(await rowsOf(warehouse, `select message from ops.sync_logs where message = 'm4'`)).toEqual([]);
  });

  test('a long build does not hold up the ledger', async () => {
    const { warehouse } = await openTestWarehouse();
    let built = false;
    const build = warehouse.build.transaction(async (tx) => {
      await tx.run('create table mart.long as select i, hash(i) h from range(20000000) t(i)');
      built = true;
    });
    await warehouse.ledger.transaction((tx) =>
      tx.run(`insert into ops.sync_logs values ('s', 'quick', 1, null, timestamp '2026-01-01')`),
    );
    expect(built).toBe(false);
    await build;
  });
});

describe('reading', () => {
  test('a query over its time is interrupted, and the connection goes on', async () => {
    const { warehouse } = await openTestWarehouse({ readers: 1 });
    await expect(
      warehouse.read((session) => session.rows(endless), { timeoutMs: 100 }),
    ).rejects.toMatchObject({ code: 'query_timeout' });
    expect(await rowsOf(warehouse, 'select 1::int as one')).toEqual([{ one: 1 }]);
  });

  test('an aborted query ends with the reason', async () => {
    const { warehouse } = await openTestWarehouse();
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('client went away')), 50);
    await expect(
      warehouse.read((session) => session.rows(endless), { signal: controller.signal }),
    ).rejects.toThrow('client went away');
  });

  test('more readers than connections wait their turn', async () => {
    const { warehouse } = await openTestWarehouse({ readers: 2 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        warehouse.read((session) => session.one<{ n: number }>(`select ${i}::int as n`)),
      ),
    );
    expect(answers.map((answer) => answer?.n)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test('streams are whole while other queries run, and end early without harm', async () => {
    const { warehouse } = await openTestWarehouse();
    let rows = 0;
    for await (const chunk of await warehouse.stream('select i from range(100000) t(i)')) {
      rows += chunk.rowCount;
      await rowsOf(warehouse, 'select 42');
    }
    expect(rows).toBe(100_000);
    for await (const chunk of await warehouse.stream('select i from range(10000000) t(i)')) {
      expect(chunk.rowCount).toBeGreaterThan(0);
      break;
    }
    expect(await rowsOf(warehouse, 'select 1::int as one')).toEqual([{ one: 1 }]);
  });

  test('timestamps are UTC in whatever zone the process runs', async () => {
    const { warehouse } = await openTestWarehouse();
    const at = new Date('2026-06-01T12:34:56.789Z');
    const row = await warehouse.read((session) =>
      session.one('select $1::timestamp::varchar as text, $1::timestamp as at', [at]),
    );
    expect(row).toEqual({ text: '2026-06-01 12:34:56.789', at: '2026-06-01T12:34:56.789Z' });
  });
});

describe('lock-down', () => {
  const options = { rowLimit: 10, timeoutMs: 10_000 };

  test.each([
    ['a write', `insert into ops.sync_logs values ('s', 'm', 1, null, timestamp '2026-01-01')`],
    ['two statements', 'select 1; select 2'],
    ['a table made', 'create table t as select 1'],
    ['a setting', `set memory_limit = '1GB'`],
    ['an attachment', `attach '/tmp/other.duckdb' as other`],
    ['a copy out', `copy (select 1) to '/tmp/out.csv'`],
    ['an extension', 'install httpfs'],
  ])('%s is refused', async (_, sql) => {
    const { warehouse } = await openTestWarehouse();
    await expect(warehouse.untrusted(sql, options)).rejects.toMatchObject({ code: 'query_refused' });
    expect(await rowsOf(warehouse, 'select * from ops.sync_logs')).toEqual([]);
  });

  test('files outside of the project cannot be read, even by our own SQL', async () => {
    const { warehouse } = await openTestWarehouse();
    const file = join(tempFolder(), 'secret.csv');
    writeFileSync(file, 'a\n1\n');
    await expect(warehouse.untrusted(`select * from read_csv('${file}')`, options)).rejects.toMatchObject({
      code: 'query_refused',
    });
    await expect(rowsOf(warehouse, `select * from '${file}'`)).rejects.toThrow(/permission|disabled/i);
  });

  test('a select is answered up to its row limit', async () => {
    const { warehouse } = await openTestWarehouse();
    const { columns, rows } = await warehouse.untrusted(
      'select i::int as i from range(100000) t(i)',
      options,
    );
    expect(columns.map((column) => column.name)).toEqual(['i']);
    expect(rows.map((row) => row['i'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('one that never ends is interrupted', async () => {
    const { warehouse } = await openTestWarehouse();
    await expect(warehouse.untrusted(endless, { rowLimit: 1, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'query_timeout',
    });
  });
});

describe('shutdown', () => {
  test('under a running query, stream and build it ends soon, and nothing committed is lost', async () => {
    const project = new Project(tempFolder());
    const warehouse = await Warehouse.open(project, { closeGraceMs: 200 });
    await warehouse.ledger.transaction((tx) =>
      tx.run(`insert into ops.sync_logs values ('s', 'kept', 1, null, timestamp '2026-01-01')`),
    );
    const read = rowsOf(warehouse, endless);
    const build = warehouse.build.transaction((tx) => tx.run(`create table mart.never as ${endless}`));
    const stream = await warehouse.stream('select i from range(100000000) t(i)');
    const running = Promise.allSettled([read, build]);
    await stream[Symbol.asyncIterator]().next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await warehouse.close();
    expect((await running).map((one) => one.status)).toEqual(['rejected', 'rejected']);
    await expect(rowsOf(warehouse, 'select 1')).rejects.toMatchObject({ code: 'shutting_down' });
    const again = await Warehouse.open(project);
    onTestFinished(() => again.close());
    expect(await rowsOf(again, 'select message from ops.sync_logs')).toEqual([{ message: 'kept' }]);
    expect(await rowsOf(again, `select 1 from information_schema.tables where table_name = 'never'`)).toEqual(
      [],
    );
  });
});

const imports = ['data/owner/warehouse.ts', 'data/project.ts'].map(
  (file) => pathToFileURL(join(packageRoot, file)).href,
);
const prelude = `import { Warehouse } from '${imports[0]}'; import { Project } from '${imports[1]}';`;
const childArguments = (code: string) => ['--import', 'tsx', '--input-type=module', '-e', prelude + code];

function runChild(code: string) {
  return spawnSync(process.execPath, childArguments(code), {
    cwd: packageRoot,
    encoding: 'utf8',
    timeout: 30_000,
  });
}

function startChild(code: string) {
  return spawn(process.execPath, childArguments(code), {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function outputOf(child: ReturnType<typeof startChild>, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => data.toString().includes(text) && resolve());
    child.once('exit', () => reject(new Error(`the child ended before it said ${text}`)));
  });
}
