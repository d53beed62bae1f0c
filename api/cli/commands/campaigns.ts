import type { Command } from 'commander';
import type { ApiClient } from '../../client.ts';
import { asOfOf, inSession, wholeNumber, type Cli } from '../cli.ts';
import { byOption, definedOnly } from './consent.ts';
import { note, printJson, printLine, printTable, type Row, type Streams } from '../output.ts';
import { idOf, readObject } from '../objects.ts';
import { usage, type GlobalOptions } from '../session.ts';

export function campaignCommands(program: Command, { streams }: Cli): void {
  const campaigns = program.command('campaigns').description('Plan, launch and follow mailings');

  campaigns
    .command('list')
    .description('The campaigns')
    .action(
      inSession(async ({ client }, options) => {
        const answer = await client.request<{ campaigns: Row[] }>('GET', '/v1/campaigns');
        if (options.json) return printJson(streams, answer.campaigns);
        printTable(streams, answer.campaigns);
      }),
    );

  campaigns
    .command('save')
    .description('Save a campaign from a JSON or YAML file')
    .argument('<file>')
    .action(
      inSession(async ({ client }, options, file = '') => {
        const definition = readObject(file);
        const saved = await client.request<Row>(
          'PUT',
          `/v1/campaigns/${encodeURIComponent(idOf(definition, 'campaign_id', file))}`,
          { body: definition },
        );
        if (options.json) return printJson(streams, saved);
        printLine(streams, `Saved ${String(saved['campaign_id'])}, version ${String(saved['version'])}.`);
      }),
    );

  campaigns
    .command('plan')
    .description(
      'What a launch now would do: counts, every exclusion with its reason, cost, samples. Writes nothing',
    )
    .argument('<campaign_id>')
    .option('--samples <n>', 'how many rendered mails', wholeNumber, 3)
    .addHelpText('after', '\nExample: mallard campaigns plan spring')
    .action(
      inSession<{ samples: number }>(async ({ client }, options, id = '') => {
        const plan = await client.request<Row>('POST', `/v1/campaigns/${encodeURIComponent(id)}/plan`, {
          body: { ...asOfOf(options), samples: options.samples },
        });
        if (options.json) return printJson(streams, plan);
        printPlan(streams, plan);
      }),
    );

  campaigns
    .command('launch')
    .description('Freeze the audience and start sending')
    .argument('<campaign_id>')
    .option(
      '--idempotency-key <key>',
      'the same key again is the same launch; default: the definition’s version',
    )
    .action(
      inSession<{ idempotencyKey?: string }>(async ({ client, serverUrl }, options, id = '') => {
        const run = await client.request<Row>('POST', `/v1/campaigns/${encodeURIComponent(id)}/launch`, {
          ...(options.idempotencyKey === undefined
            ? {}
            : { headers: { 'idempotency-key': options.idempotencyKey } }),
          body: {},
        });
        if (options.json) return printJson(streams, run);
        printTable(streams, [runSummary(run)]);
        noteStopped(streams, run['sending'] as Sending);
        if (serverUrl === undefined)
          note(streams, 'No server runs: send with `mallard jobs run send`, or start `mallard serve`.');
      }),
    );

  for (const [name, description] of [
    ['pause', 'Stop sending a run, until resumed'],
    ['resume', 'Go on sending a paused run'],
    ['cancel', 'End a run for good; what is sent stays sent'],
  ] as const) {
    campaigns
      .command(name)
      .description(description)
      .argument('<campaign>', 'a campaign (its last run) or a run')
      .action(
        inSession(async ({ client }, options, id = '') => {
          const run = await client.request<Row>(
            'POST',
            `/v1/campaign-runs/${await runIdOf(client, id)}/${name}`,
            { body: {} },
          );
          if (options.json) return printJson(streams, run);
          printTable(streams, [runSummary(run)]);
        }),
      );
  }

  campaigns
    .command('status')
    .description('The runs, newest first')
    .argument('[campaign_id]')
    .action(
      inSession(async ({ client }, options, id?: string) => {
        const answer = await client.request<{ runs: Row[]; sending: Sending }>('GET', '/v1/campaign-runs', {
          query: { campaign_id: id },
        });
        if (options.json) return printJson(streams, answer.runs);
        printTable(streams, answer.runs.map(runSummary));
        noteStopped(streams, answer.sending);
      }),
    );

  campaigns
    .command('results')
    .description('What came of a run, by assignment')
    .argument('<campaign>', 'a campaign (its last run) or a run')
    .action(
      inSession(async ({ client }, options: GlobalOptions, id = '') => {
        const runId = await runIdOf(client, id);
        printJson(
          streams,
          await client.request('GET', `/v1/campaign-runs/${runId}/results`, {
            query: { as_of: options.asOf },
          }),
        );
      }),
    );

  campaigns
    .command('why')
    .description('Why one contact did, or did not, get the mail')
    .argument('<campaign>', 'a campaign (its last run) or a run')
    .argument('<contact_id>')
    .action(
      inSession(async ({ client }, _options, id = '', contactId = '') => {
        const runId = await runIdOf(client, id);
        printJson(
          streams,
          await client.request('GET', `/v1/campaign-runs/${runId}/contacts/${encodeURIComponent(contactId)}`),
        );
      }),
    );
}

/** The switch for everything: stop-sending, resume-sending. */
export function sendingCommands(program: Command, { streams }: Cli): void {
  for (const [name, path, description] of [
    ['stop-sending', 'stop', 'Stop all sending of all campaigns, at the next batch'],
    ['resume-sending', 'resume', 'Let campaigns be sent again'],
  ] as const) {
    program
      .command(name)
      .description(description)
      .option('--reason <text>', 'why, for everybody who asks')
      .addOption(byOption())
      .addHelpText('after', `\nExample: mallard ${name} --reason "the price in the mail is wrong"`)
      .action(
        inSession<{ reason?: string; by?: string }>(async ({ client }, { json, reason, by }) => {
          const state = await client.request<Sending>('POST', `/v1/sending/${path}`, {
            body: definedOnly({ reason, by }),
          });
          if (json) return printJson(streams, state);
          printLine(streams, sendingLine(state));
        }),
      );
  }
  program
    .command('sending')
    .description('Whether all sending is stopped, by whom and why')
    .action(
      inSession(async ({ client }, options) => {
        const state = await client.request<Sending>('GET', '/v1/sending');
        if (options.json) return printJson(streams, state);
        printLine(streams, sendingLine(state));
      }),
    );
}

interface Sending {
  stopped: boolean;
  by: string | null;
  at: string | null;
  reason: string | null;
}

function sendingLine({ stopped, by, at, reason }: Sending): string {
  if (by === null) return 'Sending goes on; nobody ever stopped it.';
  return `${stopped ? 'All sending is stopped' : 'Sending goes on'} since ${at}, by ${by}: ${reason ?? 'no reason given'}.`;
}

function noteStopped(streams: Streams, sending: Sending): void {
  if (sending.stopped) note(streams, `Warning: ${sendingLine(sending)}`);
}

/** A run by its own id, or the last one of a campaign. Throws `bad_usage` where the campaign has none. */
async function runIdOf(client: ApiClient, id: string): Promise<string> {
  const { runs } = await client.request<{ runs: { campaign_run_id: string; campaign_id: string }[] }>(
    'GET',
    '/v1/campaign-runs',
  );
  const run =
    runs.find((each) => each.campaign_run_id === id) ?? runs.find((each) => each.campaign_id === id);
  if (!run) throw usage(`Nothing was launched as ${id}.`, 'See `mallard campaigns status`.');
  return encodeURIComponent(run.campaign_run_id);
}

function runSummary(run: Row): Row {
  const {
    campaign_run_id,
    campaign_id,
    status,
    launched_at,
    send_count,
    holdout_count,
    excluded_count,
    error,
  } = run;
  return {
    campaign_run_id,
    campaign_id,
    status,
    launched_at,
    send_count,
    holdout_count,
    excluded_count,
    error,
  };
}

function printPlan(streams: Streams, plan: Row): void {
  printLine(
    streams,
    `${String(plan['target_count'])} in the target segments: ${String(plan['send_count'])} to send, ${String(plan['holdout_count'])} held out, ${String(plan['excluded_count'])} excluded.`,
  );
  printTable(streams, plan['by_reason'] as Row[]);
  const cost = plan['estimated_cost'] as { amount: number; currency: string } | null;
  if (cost) printLine(streams, `Estimated cost: ${cost.amount} ${cost.currency}.`);
  for (const warning of plan['warnings'] as string[]) note(streams, `Warning: ${warning}`);
  for (const sample of plan['samples'] as { email: string; subject: string }[])
    printLine(streams, `To ${sample.email}: ${sample.subject}`);
}
