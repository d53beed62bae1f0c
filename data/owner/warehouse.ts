import { availableParallelism, totalmem } from 'node:os';
import {
  DuckDBInstance,
  StatementType,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
} from '@duckdb/node-api';
import { systemClock, type Clock } from '../clock.ts';
import { errorMessage, MallardError } from '../errors.ts';
import { migrate } from '../kysely/migrate.ts';
import { registerFunctions } from './functions.ts';
import type { Project } from '../project.ts';
import { Lane } from './lane.ts';
import { ownedError, Ownership } from './ownership.ts';
import { Slots } from '../slots.ts';
import { interruptible, Readers, type ReadOptions } from './readers.ts';
import type { Params, Session } from './session.ts';
import { bindParams, readChunkRows } from './values.ts';

/** How long before it asks for its lane a writer may have taken the time that it records. Most ask at once. */
const stampedAheadMs = 10_000;

export interface WarehouseOptions {
  /** Default: the system's. */
  clock?: Clock;
  /** DuckDB's `memory_limit`; beyond it DuckDB spills to the project folder. Default: see `memoryLimitFor`. */
  memoryLimit?: string;
  /** Threads of one query. Default: DuckDB's, one a core. */
  threads?: number;
  /** Reading connections. Default 8. */
  readers?: number;
  /** How long running writes may take to end on `close`, before they are interrupted and rolled back. Default 5,000 ms. */
  closeGraceMs?: number;
}

/** A result being read chunk by chunk, on a connection of its own. */
export interface ResultStream extends AsyncIterable<DuckDBDataChunk> {
  readonly columns: readonly { name: string; type: DuckDBType }[];
  /** Ends early. Leaving a `for await` does so too. */
  close(): void;
}

export interface QueryResult {
  columns: { name: string; type: DuckDBType }[];
  rows: Record<string, unknown>[];
}

/**
 * The owner of the DuckDB file. It opens the file once, writes through lanes, reads through a pool, and is locked down:
 * no file outside of the project folder can be read or written by any SQL, and no setting changed.
 */
export class Warehouse {
  readonly project: Project;
  readonly clock: Clock;
  /** What must be acknowledged: webhooks, leases, outcomes, state. Nothing over 50 ms. */
  readonly ledger: Lane;
  /** What is long and swaps whole tables: marts, memberships, audiences. */
  readonly build: Lane;
  /** Bulk loads and every other change of `core` things. */
  readonly loads: Lane;
  readonly #instance: DuckDBInstance;
  readonly #ownership: Ownership;
  readonly #readers: Readers;
  readonly #streams = new Set<() => Promise<void>>();
  readonly #closeGraceMs: number;
  #closing: Promise<void> | undefined;

  private constructor(
    project: Project,
    instance: DuckDBInstance,
    ownership: Ownership,
    lanes: { ledger: Lane; build: Lane; loads: Lane },
    options: WarehouseOptions,
  ) {
    this.project = project;
    this.clock = options.clock ?? systemClock;
    this.ledger = lanes.ledger;
    this.build = lanes.build;
    this.loads = lanes.loads;
    this.#instance = instance;
    this.#ownership = ownership;
    this.#readers = new Readers(instance, options.readers ?? 8);
    this.#closeGraceMs = options.closeGraceMs ?? 5_000;
  }

  /**
   * Opens, locks down and migrates the project's file, making the folders that are missing.
   * Throws `file_owned` where it is open already, `storage_failed` where the disk refuses.
   */
  static async open(project: Project, options: WarehouseOptions = {}): Promise<Warehouse> {
    const clock = options.clock ?? systemClock;
    const ownership = await ownFolder(project, clock);
    let instance: DuckDBInstance | undefined;
    try {
      instance = await openInstance(project, options);
      await prepare(instance, project);
      const connect = async (name: string, how: ConstructorParameters<typeof Lane>[2]) =>
        new Lane(name, await (instance as DuckDBInstance).connect(), how);
      // Long statements leave a core to what must be acknowledged: on two cores, a build and a load take turns statement by
      // statement. Both at once took as long together, and webhooks waited a third longer (p99).
      const slots = new Slots(Math.max(1, availableParallelism() - 1));
      const lanes = {
        ledger: await connect('ledger', { keepsStatements: true, clock }),
        build: await connect('build', { slots, clock }),
        loads: await connect('loads', { slots, clock }),
      };
      return new Warehouse(project, instance, ownership, lanes, options);
    } catch (error) {
      instance?.closeSync();
      await ownership.release();
      throw error;
    }
  }

  /**
   * Facts that were recorded before this time can be read by who begins to read now: no transaction that may hold such rows is
   * still to be committed. A writer stamps its rows before the commit: when it begins, and at most `stampedAheadMs`
   * before it asks for its lane.
   */
  settledBefore(): Date {
    const times = [this.clock.now(), this.ledger.busySince, this.loads.busySince];
    return new Date(Math.min(...times.flatMap((time) => time?.getTime() ?? [])) - stampedAheadMs);
  }

  /** Changes with everything that may have changed facts. */
  get factsVersion(): number {
    return this.ledger.endedCount + this.loads.endedCount;
  }

  /** Changes with everything that may have changed anything; undefined while something is being written. */
  get version(): number | undefined {
    const lanes = [this.ledger, this.build, this.loads];
    return lanes.some((lane) => lane.isBusy)
      ? undefined
      : lanes.reduce((sum, { endedCount }) => sum + endedCount, 0);
  }

  /** Tells other processes where this owner answers. */
  announce(address: { url: string; token: string }): void {
    this.#ownership.announce(address);
  }

  /** Reads on a connection of the pool. */
  read<T>(work: (session: Session) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.#readers.read(work, options);
  }

  /** Starts a streamed read. A second query on a stream's connection would cut it short in silence: hence its own. */
  async stream(sql: string, params?: Params, options: ReadOptions = {}): Promise<ResultStream> {
    return this.#stream(sql, params, options, false);
  }

  /** Like `stream`, for text from outside: one SELECT, in a read-only transaction. Throws `query_refused`. */
  async streamUntrusted(sql: string, options: ReadOptions = {}): Promise<ResultStream> {
    return this.#stream(sql, undefined, options, true);
  }

  /** Reads at most `rowLimit` rows of text from outside: one SELECT, in a read-only transaction. Throws `query_refused`. */
  async untrusted(sql: string, options: ReadOptions & { rowLimit: number }): Promise<QueryResult> {
    const stream = await this.streamUntrusted(sql, options);
    const names = stream.columns.map((column) => column.name);
    const types = stream.columns.map((column) => column.type);
    const rows: Record<string, unknown>[] = [];
    for await (const chunk of stream) {
      rows.push(...readChunkRows(names, types, chunk).slice(0, options.rowLimit - rows.length));
      if (rows.length >= options.rowLimit) break;
    }
    return { columns: [...stream.columns], rows };
  }

  /**
   * Refuses new work, interrupts what reads, lets writes end for the grace period, checkpoints and releases the file.
   * Calling it again waits for the same end.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([
      this.#readers.close(),
      ...[...this.#streams].map((end) => end()),
      ...[this.ledger, this.build, this.loads].map((lane) => lane.close(this.#closeGraceMs)),
    ]);
    const connection = await this.#instance.connect();
    // What is not checkpointed is replayed from the write-ahead log at the next opening: nothing is lost either way.
    await connection.run('CHECKPOINT').catch(() => undefined);
    connection.closeSync();
    this.#instance.closeSync();
    await this.#ownership.release();
  }

  async #stream(
    sql: string,
    params: Params | undefined,
    options: ReadOptions,
    untrusted: boolean,
  ): Promise<ResultStream> {
    if (this.#closing) throw new MallardError('shutting_down', 'The warehouse is closing.');
    const connection = await this.#instance.connect();
    const end = endOnce(connection, this.#streams);
    try {
      const result = await interruptible(connection, options, async () => {
        if (untrusted) await connection.run('BEGIN TRANSACTION READ ONLY');
        const prepared = await prepareOne(connection, sql, untrusted);
        if (params) bindParams(prepared, params);
        return prepared.stream();
      });
      end.result = result;
      const columns = result
        .deduplicatedColumnNames()
        .map((name, index) => ({ name, type: result.columnType(index) }));
      return {
        columns,
        close: () => void end(),
        [Symbol.asyncIterator]: async function* () {
          const fetch = () => interruptible(connection, options, () => end.guard(() => result.fetchChunk()));
          try {
            let next = fetch();
            for (;;) {
              const chunk = await next;
              if (!chunk || chunk.rowCount === 0) return;
              // While the consumer works on this one; whether it fails is asked when it is needed.
              next = fetch();
              next.catch(() => undefined);
              yield chunk;
            }
          } finally {
            await end();
          }
        },
      };
    } catch (error) {
      await end();
      throw error;
    }
  }
}

/** Closes a stream's connection once, after the fetch that may be running on it has been interrupted. */
function endOnce(connection: DuckDBConnection, streams: Set<() => Promise<void>>) {
  let fetching: Promise<unknown> = Promise.resolve();
  let ended: Promise<void> | undefined;
  const end = Object.assign(
    () =>
      (ended ??= (async () => {
        streams.delete(end);
        connection.interrupt();
        await fetching.catch(() => undefined);
        // An unfinished result keeps the whole file open until it is collected; a fetch that fails lets go of it.
        await end.result?.fetchChunk().catch(() => undefined);
        connection.closeSync();
      })()),
    {
      result: undefined as DuckDBResult | undefined,
      guard<T>(fetch: () => Promise<T>): Promise<T> {
        if (ended) return Promise.reject(new MallardError('shutting_down', 'The stream was closed.'));
        const fetched = fetch();
        fetching = fetched;
        return fetched;
      },
    },
  );
  streams.add(end);
  return end;
}

async function prepareOne(connection: DuckDBConnection, sql: string, untrusted: boolean) {
  try {
    const prepared = await connection.prepare(sql);
    if (!untrusted || prepared.statementType === StatementType.SELECT) return prepared;
    prepared.destroySync();
  } catch (error) {
    if (!untrusted) throw error;
    throw new MallardError('query_refused', `DuckDB refuses the query: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
  throw new MallardError('query_refused', 'Only a single SELECT is allowed here.');
}

async function ownFolder(project: Project, clock: Clock): Promise<Ownership> {
  try {
    project.ensureFolders();
    return await Ownership.acquire(project, clock.now());
  } catch (error) {
    throw storageError(project, error);
  }
}

/** 4 GiB, or half of a machine that has less than 8: the other half is Node's and the system's, and DuckDB spills in time. */
export function memoryLimitFor(machineBytes: number): string {
  const mib = Math.floor(Math.min(4 * 1024 ** 3, machineBytes / 2) / 1024 ** 2);
  return `${mib}MiB`;
}

/** What this process may have, in bytes: of the machine, or of the container where that has less. */
function memoryOfMachine(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

async function openInstance(project: Project, options: WarehouseOptions): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.fromCache(project.warehouseFile, {
      memory_limit: options.memoryLimit ?? memoryLimitFor(memoryOfMachine()),
      temp_directory: project.spill,
      // A commit holds up every other lane's commit. By default DuckDB keeps five row groups (600,000 rows) to compress and
      // write at the commit of the build: 0.8 s for 200,000 rows of 80 columns, 0.24 s with each written when it is full.
      write_buffer_row_group_count: '1',
      // Likewise the checkpoint that a commit makes where the log has grown past 16 MB, the default.
      checkpoint_threshold: '256MB',
      ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
    });
  } catch (error) {
    // A process of another user or another container: our socket did not see it, DuckDB's lock did.
    if (/lock/i.test(errorMessage(error))) throw ownedError(project, error);
    throw storageError(project, error);
  }
}

async function prepare(instance: DuckDBInstance, project: Project): Promise<void> {
  const connection = await instance.connect();
  try {
    // JS dates bind shifted by the local zone otherwise. It must come before the lock.
    await connection.run(`SET GLOBAL TimeZone='UTC'`);
    registerFunctions(connection);
    await migrate(connection);
    await connection.run(`SET allowed_directories=[${sqlString(project.dir)}]`);
    await connection.run('SET enable_external_access=false');
    await connection.run('SET lock_configuration=true');
  } finally {
    connection.closeSync();
  }
}

function sqlString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function storageError(project: Project, error: unknown): unknown {
  if (error instanceof MallardError) return error;
  return new MallardError('storage_failed', `${project.dir} cannot be opened: ${errorMessage(error)}.`, {
    cause: error,
  });
}
