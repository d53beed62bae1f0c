import { basename } from 'node:path';
import { Option, type Command } from 'commander';
import { removeStaged, stageLocalFile } from '../../../pipelines/load/stage.ts';
import { lists, systems } from '../../../pipelines/sources/suppression-exports.ts';
import { inSession, type Cli } from '../cli.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { byOption } from './consent.ts';
import type { LoadAnswer } from './load.ts';

interface Options {
  from?: string;
  list?: string;
  topic?: string;
  topics?: string;
  by?: string;
}

type ImportAnswer = LoadAnswer & { system: string; list: string };

export function suppressionImport(parent: Command, { streams }: Cli): void {
  parent
    .command('suppressions')
    .description(
      'Addresses not to write to, as SendGrid, Mailgun or Mailchimp export them; the same file twice changes nothing',
    )
    .argument('<file...>', 'CSV or JSON')
    .addOption(new Option('--from <system>', 'default: told from the columns').choices(systems))
    .addOption(
      new Option('--list <list>', 'default: told from the columns and the file’s name').choices(lists),
    )
    .option('--topic <topic>', 'what the whole file is about: one group’s own export')
    .option('--topics <group=topic,...>', 'which group, by name or id, is which topic')
    .addOption(byOption())
    .addHelpText(
      'after',
      '\nExample: mallard import suppressions suppression_bounces.csv groups.csv --topics "Weekly News=news"',
    )
    .action(
      inSession<Options, [string[]]>(async ({ client, project }, options, files) => {
        const answers: ImportAnswer[] = [];
        for (const path of files) {
          const staged = await stageLocalFile(project, path);
          try {
            const { from, list, topic, topics, by } = options;
            const name = basename(path);
            const query = { name, staged: basename(staged), from, list, topic, topics, actor: by };
            answers.push(await client.request<ImportAnswer>('POST', '/v1/import/suppressions', { query }));
          } finally {
            await removeStaged(project, staged);
          }
          const answer = answers.at(-1);
          if (options.json || !answer) continue;
          printLine(
            streams,
            `${path} (${answer.system} ${answer.list}): ${answer.rows_read} rows read, ${answer.rows_inserted} new, ${answer.rows_unchanged} known, ${answer.rows_rejected} rejected`,
          );
          if (answer.rejects.length > 0) printTable(streams, answer.rejects);
        }
        if (options.json) printJson(streams, answers);
      }),
    );
}
