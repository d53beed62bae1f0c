import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll } from 'vitest';
import { buildApp } from '../../../api/app.ts';
import { httpClient, type ApiClient, type QueryValue } from '../../../api/client.ts';
import type { App } from '../../../api/context.ts';
import { readAccount } from '../../../data/account.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { emptyProject } from '../../support.ts';
import type { Project } from '../../../data/project.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { partNames, type PartName, type Why } from '../../../models/engine/why/types.ts';
import type { Mallard } from '../../../pipelines/context.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';

type Row = Record<string, string | number | boolean | null>;

/** What the project of the tests measures. */
const ownModels = `##! experimental.givens
import '../published/mallard.malloy'

source: sales is deals extend {
  measure:
    closed_count is won_count + lost_count
    #(metric) time=closed_at numerator=won_count denominator=closed_count
    # percent
    close_rate is won_count / nullif(won_count + lost_count, 0)
    #(metric) time=closed_at numerator=deal_count denominator=closed_count
    wrong_rate is won_count / nullif(won_count + lost_count, 0)
    #(metric) time=closed_at
    # currency
    sold_amount is reporting_amount.sum() { where: is_won }
    #(metric)
    # currency
    pipeline_amount is reporting_amount.sum() { where: is_open }
}

source: people is contacts extend {
  measure:
    #(metric)
    people_count is count()
    #(metric)
    germans is count() { where: country = 'DE' }
}

source: unwanted is suppressions extend {
  #(metric)
  measure: addresses is suppressed_address_count
}

source: marketing is spend extend {
  #(metric) time=spend_date
  measure: spent is spend_amount
}

source: shop is orders extend {
  #(metric) time=ordered_at
  # currency
  measure: shop_revenue is revenue
  #(metric) time=ordered_at
  measure: buyers is customer_count
}
`;

/** A warehouse behind a server, whose clock goes on as it is told. */
export class Told {
  readonly #now: { at: Date };
  readonly mallard: Mallard;
  readonly client: ApiClient;
  readonly app: App;

  constructor(now: { at: Date }, mallard: Mallard, app: App, client: ApiClient) {
    this.#now = now;
    this.mallard = mallard;
    this.app = app;
    this.client = client;
  }

  get now(): Date {
    return this.#now.at;
  }

  /** Whole days go by. */
  passes(days: number): Date {
    this.#now.at = new Date(this.#now.at.getTime() + days * 86_400_000);
    return this.#now.at;
  }

  /** It is the time that is named. */
  comes(time: string): Date {
    this.#now.at = new Date(time);
    return this.#now.at;
  }

  async loads(table: string, rows: readonly Row[], options: { replaceSource?: boolean } = {}): Promise<void> {
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const path = await stageFile(this.mallard.project, Readable.from([Buffer.from(text)]), `${table}.ndjson`);
    const result = await loadTable(this.mallard.warehouse, {
      table,
      files: [{ path, name: `${table}.ndjson` }],
      source: 'crm',
      format: 'ndjson',
      ...options,
    });
    if (result.rows_rejected > 0) throw new Error(JSON.stringify(result));
  }

  /** Over HTTP. */
  why(metric: string, query: Record<string, QueryValue>): Promise<Why> {
    return this.client.request<Why>('GET', `/v1/metrics/${metric}/why`, { query });
  }

  get modelsFolder(): string {
    return this.mallard.project.models;
  }

  /** The project's own models, with texts replaced. */
  defines(...replaced: readonly (readonly [from: string, to: string])[]): void {
    writeModels(this.mallard.project, replaced);
  }
}

export function writeModels(project: Project, replaced: readonly (readonly [string, string])[] = []): void {
  let text = ownModels;
  for (const [from, to] of replaced) {
    if (!text.includes(from)) throw new Error(`the models have no ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(join(project.models, 'own.malloy'), text);
}

/** One for all tests of a file: compiling the models takes seconds. */
export function told(start: string, packageModels?: string): () => Told {
  const folder = mkdtempSync(join(tmpdir(), 'mallard-why-'));
  let one: Told | undefined;
  beforeAll(async () => {
    const now = { at: new Date(start) };
    const project = emptyProject(folder);
    if (packageModels !== undefined)
      Object.defineProperty(project, 'packageModels', { value: packageModels });
    writeModels(project);
    const clock = { now: () => now.at };
    const warehouse = await Warehouse.open(project, { clock, memoryLimit: '2GB' });
    const account = readAccount(project);
    const mallard = { project, warehouse, engine: new ModelEngine(warehouse), clock, account };
    const app = buildApp({ mallard, internalToken: 'internal', checkAnswers: true, env: {} });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    one = new Told(now, mallard, app, httpClient({ url }));
  }, 60_000);
  afterAll(async () => {
    await one?.app.close();
    await one?.mallard.warehouse.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    if (!one) throw new Error('it is there inside of tests only');
    return one;
  };
}

/** The parts that moved the value. */
export function moved({ parts }: Why): Partial<Record<PartName, string>> {
  return Object.fromEntries(
    partNames.flatMap((name) => {
      const change = parts.find(({ part }) => part === name)?.change.value ?? 'missing';
      return change === '0' ? [] : [[name, change]];
    }),
  );
}

/** A part of an answer. */
export function partOf({ parts }: Why, name: PartName): Why['parts'][number] {
  const found = parts.find(({ part }) => part === name);
  if (!found) throw new Error(`there is no part ${name}`);
  return found;
}
