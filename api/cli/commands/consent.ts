import { userInfo } from 'node:os';
import { Option, type Command } from 'commander';
import { inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Row, type Streams } from '../output.ts';

interface RecordOptions {
  purpose?: string;
  channel?: string;
  topic?: string;
  wording?: string;
  method?: string;
  place?: string;
  at?: string;
  by: string;
}

interface Recorded {
  consent_event_id: string;
  marketing_refusal: string | null;
}

/** Who types: a command on one's own machine has no token with a name. `MALLARD_TOKEN` names itself. */
export function byOption(): Option {
  return new Option('--by <name>', 'who says so; default: you').default(
    process.env['MALLARD_TOKEN'] ? undefined : userInfo().username,
  );
}

export function consentCommands(program: Command, { streams }: Cli): void {
  const consent = program.command('consent').description('Who agreed to what: record it, and show it');
  for (const [name, status, description] of [
    ['grant', 'granted', 'Record that somebody agreed'],
    ['withdraw', 'withdrawn', 'Record that somebody does not agree any more'],
  ] as const) {
    consent
      .command(name)
      .description(description)
      .argument('<who>', 'a contact’s id, or an e-mail address')
      .option('--purpose <purpose>', 'what for: marketing, analytics, …; there is no default')
      .option('--channel <channel>', 'default email')
      .option('--topic <topic>', 'left out: every topic')
      .option('--wording <text>', 'what they read')
      .option('--method <method>', 'how: paper, phone, …')
      .option('--place <place>', 'where: a form’s address, a shop')
      .option('--at <time>', 'when it was said; default now', isoTime)
      .addOption(byOption())
      .addHelpText(
        'after',
        `\nExample: mallard consent ${name} ann@example.com --purpose marketing --method paper --place "fair, Oslo"`,
      )
      .action(
        inSession<RecordOptions>(async ({ client }, options, who = '') => {
          const { purpose, channel, topic, wording, method, place, at, by } = options;
          const given = { purpose, channel, topic, wording, method, place, occurred_at: at, actor: by };
          const answer = await client.request<Recorded>('POST', '/v1/consent', {
            body: { ...whoOf(who), ...definedOnly(given), status },
          });
          if (options.json) return printJson(streams, answer);
          printLine(streams, `Recorded as ${answer.consent_event_id}.`);
          if (answer.marketing_refusal !== null)
            printLine(streams, `Marketing mail does not go out: ${answer.marketing_refusal}.`);
        }),
      );
  }

  consent
    .command('show')
    .description('What is recorded of a person: the present state, suppressions, and the log')
    .argument('<who>', 'a contact’s id, or an e-mail address')
    .addHelpText('after', '\nExample: mallard consent show ann@example.com')
    .action(
      inSession(async ({ client }, options, who = '') => {
        const report = await client.request<Row>('GET', '/v1/consent', { query: whoOf(who) });
        if (options.json) return printJson(streams, report);
        printReport(streams, report);
      }),
    );
}

export function suppressionCommands(program: Command, { streams }: Cli): void {
  const suppressions = program
    .command('suppressions')
    .description('Addresses not to write to; they are kept as hashes');

  suppressions
    .command('list')
    .description('The newest first')
    .option('--email <address>', 'of this address')
    .option('--topic <topic>', 'what stops this topic')
    .option('--reason <reason>', 'unsubscribed, bounced, complained, manual or imported')
    .option('--limit <n>', 'how many', wholeNumber, 100)
    .addHelpText('after', '\nExample: mallard suppressions list --email ann@example.com')
    .action(
      inSession<{ email?: string; topic?: string; reason?: string; limit: number }>(
        async ({ client }, { json, email, topic, reason, limit }) => {
          const answer = await client.request<{ suppressions: Row[] }>('GET', '/v1/suppressions', {
            query: { email, topic, reason, limit },
          });
          if (json) return printJson(streams, answer.suppressions);
          printTable(streams, answer.suppressions);
        },
      ),
    );

  suppressions
    .command('add')
    .description('Never write to an address again')
    .argument('<email>')
    .requiredOption('--why <text>', 'the reason in words, kept with it')
    .option('--topic <topic>', 'left out: everything')
    .option('--reason <reason>', 'unsubscribed, bounced, complained, manual or imported', 'manual')
    .addOption(byOption())
    .addHelpText('after', '\nExample: mallard suppressions add ann@example.com --why "asked on the phone"')
    .action(
      inSession<{ why: string; topic?: string; reason: string; by?: string }>(
        async ({ client }, { json, why, topic, reason, by }, email = '') => {
          const answer = await client.request<Row>('POST', '/v1/suppressions', {
            body: { email, reason, detail: why, ...definedOnly({ topic, actor: by }) },
          });
          if (json) return printJson(streams, answer);
          const scope = answer['scope'] === 'global' ? 'everything' : `topic ${String(answer['scope'])}`;
          printLine(
            streams,
            answer['added'] ? `Suppressed for ${scope}.` : `It was suppressed for ${scope} already.`,
          );
        },
      ),
    );
}

function whoOf(who: string): { email: string } | { contact_id: string } {
  return who.includes('@') ? { email: who } : { contact_id: who };
}

export function definedOnly(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function printReport(streams: Streams, report: Row): void {
  const sections = [
    ['Now, by channel, purpose and topic', 'current'],
    ['Marketing mail', 'marketing'],
    ['Suppressions', 'suppressions'],
    ['Waiting for confirmation', 'pending'],
    ['Log, the newest first', 'log'],
  ] as const;
  printLine(streams, `Contacts: ${(report['contact_ids'] as string[]).join(', ') || 'none'}`);
  for (const [title, key] of sections) {
    printLine(streams);
    printLine(streams, `${title}:`);
    printTable(streams, report[key] as Row[]);
  }
}
