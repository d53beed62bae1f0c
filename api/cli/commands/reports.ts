import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { asOfOf, inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

export function reportCommands(program: Command, { streams, jobs }: Cli): void {
  const reports = program.command('reports').description('Charts and tables, as a page and by mail');

  reports
    .command('list')
    .description('The reports and when they are sent')
    .action(
      inSession(async ({ client }, options) => {
        const answer = await client.request<{ reports: Row[]; broken: { file: string; error: string }[] }>(
          'GET',
          '/v1/reports',
        );
        for (const { file, error } of answer.broken)
          note(streams, `${file} is left out:\n${error.trimEnd()}`);
        if (options.json) return printJson(streams, answer.reports);
        printTable(streams, answer.reports, ['report_id', 'title', 'cron', 'time_zone', 'recipients']);
      }),
    );

  reports
    .command('render')
    .description('Write the report as a page that opens in any browser')
    .argument('<report_id>')
    .option('--out <file>', 'default: REPORT_ID.html')
    .addHelpText('after', '\nExample: mallard reports render weekly --out weekly.html')
    .action(
      inSession<{ out?: string }>(async ({ client }, options, id = '') => {
        const out = options.out ?? `${id}.html`;
        const answer = await client.stream('GET', `/v1/reports/${encodeURIComponent(id)}/page`, {
          query: asOfOf(options),
          headers: { accept: 'text/html' },
        });
        await pipeline(answer.body, createWriteStream(out));
        if (options.json) return printJson(streams, { report_id: id, file: out });
        printLine(streams, `Wrote ${out}.`);
      }),
    );

  reports
    .command('send')
    .description('Send the report now')
    .argument('<report_id>')
    .option('--to <address...>', 'instead of its own recipients')
    .option('--force', 'even where its condition does not hold')
    .action(
      inSession<{ to?: string[]; force?: boolean }>(async (session, options, id = '') => {
        const sent = await jobs.sendReport(session, {
          report_id: id,
          ...asOfOf(options),
          ...(options.to ? { recipients: options.to } : {}),
          ...(options.force ? { force: true } : {}),
        });
        if (options.json) return printJson(streams, sent);
        printLine(
          streams,
          sent.status === 'sent'
            ? `Sent "${sent.subject}" to ${sent.recipients.join(', ')}: ${sent.location}`
            : `Not sent: ${sent.reason ?? ''}`,
        );
      }),
    );
}
