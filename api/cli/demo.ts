import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { findOwner } from '../../data/owner/ownership.ts';
import { MallardError } from '../../data/errors.ts';
import { Project } from '../../data/project.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { generateSample, type SampleResult } from '../../pipelines/sample/generate.ts';
import { defaultSegments } from '../../pipelines/segments/defaults.ts';
import type { ApiClient } from '../client.ts';
import type { Cli } from './cli.ts';
import { loadFile } from './commands/load.ts';
import { demoCampaign } from './demo-campaign.ts';
import { printJson, printLine } from './output.ts';
import { openMallard, sessionOn } from './local.ts';
import type { CliSession, GlobalOptions } from './session.ts';

export interface DemoOptions extends GlobalOptions {
  contacts: number;
  seed: number;
}

interface Step {
  step: string;
  /** What happened, in figures. */
  figures: string;
  seconds: number;
  /** Where to look. */
  look: string;
}

/** Beside the sample: which of its steps are done, so that a demo that was interrupted goes on. */
const doneFile = 'demo.json';

/**
 * The whole path on generated history: sample, load, build, segments, campaign, report. Every step goes through the API and
 * can be repeated. A project that the demo has filled is left as it is; one with data of its own is refused.
 */
export async function runDemo(cli: Cli, options: DemoOptions): Promise<void> {
  const project = new Project(options.project);
  project.ensureFolders();
  const owner = await findOwner(project);
  if (owner?.url) return;
  const marker = join(project.sample, doneFile);
  if (existsSync(marker)) {
    const steps = JSON.parse(await readFile(marker, 'utf8')) as Step[];
    return report(cli, options, steps, `The demo's data is in ${project.dir} already.`);
  }
  const mallard = await openMallard(project);
  const session = await sessionOn(mallard);
  try {
    await refuseForeignData(mallard);
    const steps = await runSteps(cli, mallard, { ...session, project, serverUrl: undefined }, options);
    await writeFile(marker, JSON.stringify(steps, null, 2));
    report(cli, options, steps, `Project folder: ${project.dir}`);
  } finally {
    await session.close();
  }
}

async function refuseForeignData({ warehouse, project }: Mallard): Promise<void> {
  if (existsSync(project.sample)) return;
  const found = await warehouse.read((tx) =>
    tx.one<{ rows: number }>('select count(*)::int as rows from core.contacts'),
  );
  if ((found?.rows ?? 0) === 0) return;
  throw new MallardError('conflict', `${project.dir} holds data that is not the demo's.`, {
    remedy:
      'Give the demo a folder of its own: mallard --project DIR demo. To serve this one: mallard serve.',
  });
}

async function runSteps(
  cli: Cli,
  mallard: Mallard,
  session: CliSession,
  options: DemoOptions,
): Promise<Step[]> {
  const { project, clock } = mallard;
  const { client } = session;
  const steps: Step[] = [];
  const human = options.json ? undefined : cli.streams;

  async function step(name: string, work: () => Promise<{ figures: string; look: string }>): Promise<void> {
    const began = performance.now();
    const done = { step: name, ...(await work()), seconds: 0 };
    done.seconds = Math.round((performance.now() - began) / 100) / 10;
    steps.push(done);
    if (human) printLine(human, stepLine(done));
  }

  let sample: SampleResult | undefined;
  await step('Sample history', async () => {
    const endDate = options.asOf === undefined ? clock.now() : new Date(options.asOf);
    sample = await generateSample({
      dir: project.sample,
      contacts: options.contacts,
      seed: options.seed,
      endDate,
    });
    const rows = sum(sample.files.map((file) => file.rows));
    return {
      figures: `${count(rows)} rows in ${sample.files.length} files`,
      look: shown(project, project.sample),
    };
  });
  await step('Load', async () => {
    let rows = 0;
    let rejected = 0;
    for (const file of sample?.files ?? []) {
      const loaded = await loadFile(session, file.table, file.path, { source: 'sample' }, human);
      rows += loaded.rows_read;
      rejected += loaded.rows_rejected;
    }
    return {
      figures: `${count(rows)} rows read, ${count(rejected)} rejected`,
      look: 'raw.loads, raw.rejects',
    };
  });
  await step('Build models', async () => {
    const built = await client.request<{ marts: { mart: string; row_count: number }[] }>(
      'POST',
      '/v1/build',
      { body: {} },
    );
    return {
      figures: built.marts.map(({ mart, row_count }) => `${mart} ${count(row_count)}`).join(', '),
      look: 'mallard fields',
    };
  });
  await step('Segments', () => evaluate(client));
  await step('Campaign', () => launch(client));
  await step('Delivery', () => deliver(cli, session));
  await step('Report', () => sendReport(cli, session));
  return steps;
}

async function evaluate(client: ApiClient): Promise<{ figures: string; look: string }> {
  for (const { segment_id, ...segment } of defaultSegments) {
    await client.request('PUT', `/v1/segments/${segment_id}`, { body: segment });
  }
  const { segments } = await client.request<{
    segments: { segment_id: string; member_count: number | null; error: string | null }[];
  }>('POST', '/v1/segments/evaluate', { body: {} });
  const broken = segments.find((segment) => segment.error !== null);
  if (broken) throw new MallardError('criteria_invalid', `${broken.segment_id}: ${broken.error}`);
  return {
    figures: segments
      .map(({ segment_id, member_count }) => `${segment_id} ${count(member_count ?? 0)}`)
      .join(', '),
    look: 'mallard segments list',
  };
}

async function launch(client: ApiClient): Promise<{ figures: string; look: string }> {
  const path = `/v1/campaigns/${demoCampaign.campaign_id}`;
  await client.request('PUT', path, { body: demoCampaign });
  const plan = await client.request<{ target_count: number }>('POST', `${path}/plan`, { body: {} });
  const run = await client.request<Record<'send_count' | 'holdout_count' | 'excluded_count', number>>(
    'POST',
    `${path}/launch`,
    { body: {} },
  );
  return {
    figures: `${count(plan.target_count)} targets: ${count(run.send_count)} to send, ${count(run.holdout_count)} held out, ${count(run.excluded_count)} excluded with a reason`,
    look: `mallard campaigns results ${demoCampaign.campaign_id}`,
  };
}

async function deliver(cli: Cli, session: CliSession): Promise<{ figures: string; look: string }> {
  const outcome = await cli.jobs.run('send', session);
  if (outcome.status === 'failed')
    throw new MallardError('provider_failed', `The delivery failed: ${outcome.error ?? ''}`);
  const sent = (outcome.result ?? { accepted: 0, batches: 0 }) as { accepted: number; batches: number };
  return {
    figures: `${count(sent.accepted)} mails in ${count(sent.batches)} batches`,
    look: shown(session.project, session.project.outbox),
  };
}

async function sendReport(cli: Cli, session: CliSession): Promise<{ figures: string; look: string }> {
  const sent = await cli.jobs.sendReport(session, { report_id: 'weekly' });
  return {
    figures: `"${sent.subject}" to ${sent.recipients.join(', ')}`,
    look: shown(session.project, sent.location),
  };
}

function report({ streams }: Cli, options: DemoOptions, steps: readonly Step[], last: string): void {
  if (options.json) return printJson(streams, steps);
  printLine(streams, `${last} ${sum(steps.map((step) => step.seconds)).toFixed(1)} s in all.`);
}

function stepLine({ step, figures, seconds, look }: Step): string {
  return `${step.padEnd(15)} ${`${seconds.toFixed(1)} s`.padStart(7)}  ${figures}\n${' '.repeat(25)}look: ${look}`;
}

function shown(project: Project, path: string): string {
  return join(relative(process.cwd(), project.dir) || '.', relative(project.dir, path));
}

function count(rows: number): string {
  return rows.toLocaleString('en-US');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
