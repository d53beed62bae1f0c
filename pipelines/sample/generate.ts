import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { DateTime } from 'luxon';
import { MallardError } from '../../data/errors.ts';
import { createActivities } from './activities.ts';
import { createClocks } from './calendar.ts';
import { createWithdrawals } from './consent.ts';
import { createDeals, createDealSlips } from './deals.ts';
import { createMailLog } from './email-events.ts';
import { copy, writeFiles, type SampleFile } from './files.ts';
import { createLifecycle } from './lifecycle.ts';
import { createSends, makeMailings } from './mailings.ts';
import { createRates } from './money.ts';
import { createBought, createOrders } from './orders.ts';
import { createOwners, makeOwners, type Owner } from './owners.ts';
import { createPeople } from './people.ts';
import { createPurchases } from './purchases.ts';
import { createResponses } from './responses.ts';
import { openSampler, type Sampler } from './sampler.ts';
import { readTruth, truthContactsFile, truthContactsSql, type SampleTruth } from './truth.ts';
import { createVisits } from './web.ts';

export interface SampleOptions {
  /** Where the files go; made when absent, files of the same name are replaced. */
  dir: string;
  /** Default 20,000; at least 100, at most 10,000,000. 1M takes about 5 GB of memory or spills to `dir`. */
  contacts?: number;
  /** Default 42. */
  seed?: number;
  /** The UTC day (of a Date: the day it lies in) that the history ends before: nothing happens on it or after. */
  endDate: Date | string;
  /** Default 2. Changes the speed, never the data. */
  threads?: number;
  /** Default 6GB; beyond it DuckDB spills into `dir`. */
  memoryLimit?: string;
  onProgress?: (step: string) => void;
}

export interface SampleResult {
  /** In an order in which they may be loaded. */
  files: SampleFile[];
  truth: SampleTruth;
}

/**
 * Writes three years of made-up history into `dir`, one file a table, and beside it `truth.json` (what the models should
 * find) and `truth_contacts.parquet` (each person's parameters). The same seed, number of contacts and end date give the
 * same rows in the same order.
 * @throws MallardError bad_request for options out of range
 */
export async function generateSample(options: SampleOptions): Promise<SampleResult> {
  const contacts = options.contacts ?? 20_000;
  const seed = options.seed ?? 42;
  const end = endOf(options.endDate);
  if (!Number.isInteger(contacts) || contacts < 100 || contacts > 10_000_000)
    throw new MallardError('bad_request', `A sample of ${contacts} contacts cannot be made.`, {
      fields: { contacts },
      remedy: 'Give a whole number from 100 to 10000000.',
    });
  if (!Number.isSafeInteger(seed))
    throw new MallardError('bad_request', `${seed} is no seed.`, {
      fields: { seed },
      remedy: 'Give a whole number.',
    });

  await mkdir(options.dir, { recursive: true });
  const spill = join(options.dir, '.spill');
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? 2),
    memory_limit: options.memoryLimit ?? '6GB',
    temp_directory: spill,
  });
  let connection: DuckDBConnection | undefined;
  try {
    connection = await instance.connect();
    const sampler = await openSampler(connection, { dir: options.dir, contacts, seed, end });
    return await makeHistory(sampler, options.onProgress ?? (() => undefined));
  } finally {
    connection?.closeSync();
    instance.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

async function makeHistory(sampler: Sampler, onProgress: (step: string) => void): Promise<SampleResult> {
  const owners: Owner[] = makeOwners(sampler.contacts);
  const mailings = makeMailings(sampler);
  const steps: [string, () => Promise<void>][] = [
    ['clocks', () => createClocks(sampler)],
    ['rates', () => createRates(sampler)],
    ['owners', () => createOwners(sampler, owners)],
    ['people', () => createPeople(sampler)],
    ['purchases', () => createPurchases(sampler)],
    ['deals', () => createDeals(sampler)],
    ['deal slips', () => createDealSlips(sampler)],
    ['activities', () => createActivities(sampler)],
    ['purchase times', () => createBought(sampler)],
    ['mails', () => createSends(sampler, mailings)],
    ['mail events', () => createMailLog(sampler)],
    ['consent', () => createWithdrawals(sampler)],
    ['orders', () => createOrders(sampler)],
    ['web visits', () => createVisits(sampler)],
    ['responses', () => createResponses(sampler)],
    ['lifecycle', () => createLifecycle(sampler)],
  ];
  for (const [name, step] of steps) {
    await step();
    onProgress(name);
  }
  const files = await writeFiles(sampler, (file) => onProgress(`${file.table}: ${file.rows}`));
  await copy(sampler, truthContactsSql, join(sampler.dir, truthContactsFile), 'format parquet');
  const truth = await readTruth(
    sampler,
    owners,
    Object.fromEntries(files.map((file) => [file.table, file.rows])),
  );
  await writeFile(join(sampler.dir, 'truth.json'), `${JSON.stringify(truth, null, 2)}\n`);
  return { files, truth };
}

function endOf(endDate: Date | string): Date {
  const day =
    typeof endDate === 'string'
      ? DateTime.fromISO(endDate, { zone: 'utc' })
      : DateTime.fromJSDate(endDate, { zone: 'utc' });
  if (!day.isValid)
    throw new MallardError('bad_request', `${String(endDate)} is no date.`, {
      fields: { end_date: String(endDate) },
      remedy: 'Give it as YYYY-MM-DD.',
    });
  return day.startOf('day').toJSDate();
}
