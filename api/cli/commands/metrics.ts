import { Option, type Command } from 'commander';
import type { ComparedFigure, MetricAnswer, MetricsAnswer } from '../../../models/engine/metrics/answer.ts';
import type { CohortCell, CohortMatrix } from '../../../models/engine/metrics/cohorts.ts';
import { asOfOf, inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

interface MetricsOptions {
  by?: string[];
  where?: string[];
  period?: string;
  last?: number;
  from?: string;
  to?: string;
  compare?: string;
  knownAt?: string;
}

/** metrics, cohorts */
export function metricsCommand(program: Command, cli: Cli): void {
  cohortsCommand(program, cli);
  const { streams } = cli;
  program
    .command('metrics')
    .description(
      'Every metric, or those named: its figure, what was divided by what, by dimension and by period',
    )
    .argument('[name...]', 'default: all that can be sliced as asked')
    .option('--by <dimension...>', 'a figure for each of its values')
    .option('--where <dimension=value...>', 'only of these')
    .addOption(
      new Option('--period <unit>', "cut into these, in the account's zone").choices([
        'day',
        'week',
        'month',
        'quarter',
        'year',
      ]),
    )
    .option('--last <n>', 'how many periods, the running one too (default 13)', wholeNumber)
    .option('--from <day>', 'the first day (default: 365 days ago)')
    .option('--to <day>', 'the day after the last')
    .addOption(
      new Option('--compare <what>', 'beside the period before, or a year ago').choices(['previous', 'year']),
    )
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addHelpText(
      'after',
      '\nExample: mallard metrics win_rate average_deal_size --by owner_id --period month --compare previous',
    )
    .action(
      inSession<MetricsOptions, [string[]]>(async ({ client }, options, names) => {
        const list = (items: string[] | undefined) => (items?.length ? items.join(',') : undefined);
        const answer = await client.request<MetricsAnswer>('GET', '/v1/metrics', {
          query: {
            metrics: list(names),
            by: list(options.by),
            where: list(options.where),
            period: options.period,
            last: options.last,
            from: options.from,
            to: options.to,
            compare: options.compare,
            known_at: options.knownAt,
            ...asOfOf(options),
          },
        });
        if (options.json) return printJson(streams, answer);
        printTable(
          streams,
          answer.metrics.flatMap((metric) => rowsOf(metric, answer)),
        );
        if (names.length > 0) {
          for (const metric of answer.metrics) printLine(streams, `\n${metric.name}: ${metric.definition}`);
        }
        const [first] = answer.metrics;
        if (first) note(streams, freshnessOf(first));
        for (const { reason } of answer.left_out) note(streams, `Left out: ${reason}`);
      }),
    );
}

interface CohortOptions {
  period: string;
  show: 'share' | 'customers' | 'orders' | 'revenue';
  where?: string[];
  knownAt?: string;
}

function cohortsCommand(program: Command, { streams }: Cli): void {
  program
    .command('cohorts')
    .description('Customers by the period of their first order, and how many ordered in each later period')
    .addOption(
      new Option('--period <unit>', "in the account's zone")
        .choices(['week', 'month', 'quarter', 'year'])
        .default('month'),
    )
    .addOption(
      new Option('--show <what>', 'of each cell')
        .choices(['share', 'customers', 'orders', 'revenue'])
        .default('share'),
    )
    .option('--where <dimension=value...>', 'only of these: lead_source, country, owner_id')
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addHelpText('after', '\nExample: mallard cohorts --period quarter --show customers')
    .action(
      inSession<CohortOptions>(async ({ client }, options) => {
        const answer = await client.request<CohortMatrix>('GET', '/v1/cohorts', {
          query: {
            period: options.period,
            where: options.where?.join(','),
            known_at: options.knownAt,
            ...asOfOf(options),
          },
        });
        if (options.json) return printJson(streams, answer);
        printTable(
          streams,
          answer.cohorts.map(({ cohort, size, cells }) => ({
            cohort,
            size,
            ...Object.fromEntries(
              cells.map((cell, since) => [`+${since}`, cell ? cohortCell(cell, options.show) : '']),
            ),
          })),
        );
        note(streams, answer.definition);
      }),
    );
}

function cohortCell(cell: CohortCell, show: CohortOptions['show']): string {
  return show === 'share' ? `${number(cell.share * 100, 1, 1)} %` : number(cell[show], 2);
}

function rowsOf(metric: MetricAnswer, { currency, by }: MetricsAnswer): Row[] {
  const total = {
    metric: metric.name,
    ...(metric.slices?.some(({ period }) => period) ? { period: 'all' } : {}),
    ...Object.fromEntries(by.map((dimension) => [dimension, ''])),
    ...figureCells(metric, metric.unit, currency),
  };
  const slices = (metric.slices ?? []).map((slice) => ({
    metric: metric.name,
    ...(slice.period ? { period: `${slice.period.label}${slice.period.is_complete ? '' : ' …'}` } : {}),
    ...Object.fromEntries(Object.entries(slice.slice).map(([name, value]) => [name, value ?? '(none)'])),
    ...figureCells(slice, metric.unit, currency),
  }));
  return [...slices, total];
}

function figureCells(figure: ComparedFigure, unit: string | undefined, currency: string): Row {
  const change =
    figure.previous === undefined
      ? {}
      : {
          previous: textOf(figure.previous.value, unit, currency),
          change:
            unit === 'ratio'
              ? figure.change === null || figure.change === undefined
                ? ''
                : `${signed(figure.change * 100, 1)} points`
              : figure.relative_change === null || figure.relative_change === undefined
                ? ''
                : `${signed(figure.relative_change * 100, 1)} %`,
        };
  return {
    value: textOf(figure.value, unit, currency),
    'made of': partsOf(figure),
    ...change,
  };
}

function partsOf({ numerator, denominator }: ComparedFigure): string {
  if (denominator === null) return '';
  return numerator === null
    ? `middle of ${plain(denominator)}`
    : `${plain(numerator)} ÷ ${plain(denominator)}`;
}

function textOf(value: number | null, unit: string | undefined, currency: string): string {
  if (value === null) return '–';
  if (unit === 'ratio') return `${number(value * 100, 2)} %`;
  if (unit === 'currency') return `${number(value, 2, 2)} ${currency}`;
  return `${plain(value)}${unit === undefined ? '' : ` ${unit}`}`;
}

function plain(value: number | null): string {
  return value === null ? '–' : number(value, 2);
}

function number(value: number, most: number, least = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: least, maximumFractionDigits: most });
}

function signed(value: number, digits: number): string {
  return value.toLocaleString('en-US', { signDisplay: 'exceptZero', maximumFractionDigits: digits });
}

function freshnessOf({ freshness }: MetricAnswer): string {
  const built =
    freshness.built_at === null
      ? 'computed from the facts'
      : `read from marts built at ${freshness.built_at}`;
  const known = freshness.known_at === null ? '' : `, known at ${freshness.known_at}`;
  return `As of ${freshness.as_of}, ${built}${known}.`;
}
