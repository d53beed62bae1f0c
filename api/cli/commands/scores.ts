import { Option, type Command } from 'commander';
import { inSession, isoTime, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';
import type { ScoreExplanation } from '../../../pipelines/scores/explain.ts';
import type { ListedRules } from '../../../pipelines/scores/list-rules.ts';
import type { RfmMigration } from '../../../pipelines/scores/rfm-migration.ts';
import { printExplanation } from './score-lines.ts';

type Cell = RfmMigration['cells'][number];

/** What stands in the matrix for who had no group yet. */
const newcomer = 'not yet a customer';

export function scoreCommands(program: Command, cli: Cli): void {
  const { streams } = cli;
  const scores = program.command('scores').description('Lead scores: their rules, and why one is what it is');

  scores
    .command('explain')
    .description('Why somebody’s lead score is what it is, and what has changed since')
    .argument('<contact>', 'an id or an e-mail address')
    .option('--vs <time>', 'compare with this earlier time', isoTime)
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addOption(
      new Option('--rules <which>', 'by the rules in force at each time, or by those of now')
        .choices(['then', 'current'])
        .default('then'),
    )
    .addHelpText('after', '\nExample: mallard scores explain ann@example.com --vs 2026-10-26')
    .action(
      inSession<{ vs?: string; knownAt?: string; rules: string }>(
        async ({ client }, options, contact = '') => {
          const answer = await client.request<ScoreExplanation>(
            'GET',
            `/v1/contacts/${encodeURIComponent(contact)}/score`,
            {
              query: {
                as_of: options.asOf,
                vs: options.vs,
                known_at: options.knownAt,
                rules: options.rules,
              },
            },
          );
          if (options.json) return printJson(streams, answer);
          printExplanation(streams, answer);
        },
      ),
    );

  scores
    .command('rules')
    .description('The rules in force, and every version of them; exit 1 where the file is not valid')
    .addHelpText('after', '\nExample: mallard scores rules --json')
    .action(
      inSession(async ({ client }, options) => {
        const listed = await client.request<ListedRules>('GET', '/v1/scores/rules');
        if (listed.problem !== null) cli.fail();
        if (options.json) return printJson(streams, listed);
        printLine(streams, `Version ${listed.version}, edited in ${listed.file}`);
        printTable(
          streams,
          listed.rules.map((rule: Row) => ({
            rule: rule['name'],
            title: rule['title'],
            points: rule['points'],
            half_life_days: rule['half_life_days'],
            max_points: rule['max_points'],
            counts: rule['source'] ?? 'while it holds',
            condition: rule['where'] ?? rule['when'],
          })),
        );
        printLine(streams, '\nVersions');
        printTable(
          streams,
          listed.versions.map(({ version, created_at, rules, hash }) => ({
            version,
            in_force_from: created_at,
            rules: rules.length,
            hash: hash.slice(0, 12),
          })),
        );
        if (listed.problem !== null) note(streams, `The rules of before are in force: ${listed.problem}`);
      }),
    );

  const rfm = program.command('rfm').description('RFM groups of customers');
  rfm
    .command('migration')
    .description('How customers moved between RFM groups: rows are groups of then, columns of now')
    .requiredOption('--from <time>', 'the earlier date', isoTime)
    .option('--to <time>', 'the later date; default: what the marts were built as of', isoTime)
    .option('--fixed', 'by fixed thresholds instead of quintiles')
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addHelpText('after', '\nExample: mallard rfm migration --from 2026-08-01 --to 2026-11-01 --fixed')
    .action(
      inSession<{ from: string; to?: string; fixed?: boolean; knownAt?: string }>(
        async ({ client }, options) => {
          const matrix = await client.request<RfmMigration>('GET', '/v1/rfm/migration', {
            query: {
              from: options.from,
              to: options.to,
              known_at: options.knownAt,
              method: options.fixed ? 'fixed' : 'quintiles',
            },
          });
          if (options.json) return printJson(streams, matrix);
          const columns = orderedBy(
            matrix.groups,
            matrix.to_totals.map((total) => total.to_group),
          );
          const froms = matrix.from_totals.map((total) => total.from_group ?? newcomer);
          const rows = [...orderedBy(matrix.groups, froms), ...froms.filter((name) => name === newcomer)];
          const total = (cells: readonly Cell[]) =>
            cells.reduce((sum, cell) => sum + Number(cell.customers), 0);
          const line = (name: string, cells: readonly Cell[]): Row => ({
            group: name,
            ...Object.fromEntries(
              columns.map((to) => [to, total(cells.filter((cell) => cell.to_group === to)) || null]),
            ),
            customers: total(cells),
          });
          printLine(
            streams,
            `Customers by group: as of ${matrix.from} (down) and as of ${matrix.to} (across)`,
          );
          printTable(streams, [
            ...[...new Set(rows)].map((name) =>
              line(
                name,
                matrix.cells.filter((cell) => (cell.from_group ?? newcomer) === name),
              ),
            ),
            line('in all', matrix.cells),
          ]);
          note(streams, '--json has the revenue of each cell too.');
        },
      ),
    );
}

/** Names in the order of the grid, the best first; those it does not have last. The newcomers' row is placed by itself. */
function orderedBy(groups: readonly string[], names: readonly string[]): string[] {
  const place = (name: string) => (groups.includes(name) ? groups.indexOf(name) : groups.length);
  return [...new Set(names)].filter((name) => name !== newcomer).sort((a, b) => place(a) - place(b));
}
