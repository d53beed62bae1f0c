import type { Command } from 'commander';
import type { Part, Side, Why } from '../../../models/engine/why/types.ts';
import { asOfOf, inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Row, type Streams } from '../output.ts';

/** Places of a decimal that a person reads. */
const placesShown = 6;

const titles: Record<Part['part'], string> = {
  changed_definitions: 'changed definitions',
  merged_people: 'merged people',
  late_facts: 'late facts',
  corrected_facts: 'corrected facts',
  time_passed: 'time passed',
  new_facts: 'new facts',
};

export function whyCommand(program: Command, { streams }: Cli): void {
  program
    .command('why')
    .description('Why a metric changed: split into new, late and corrected facts, merged people, definitions')
    .argument('<metric>', 'its name')
    .requiredOption('--vs <time>', 'the time of the earlier figure, such as that of a report', isoTime)
    .option(
      '--from <day>',
      'the first day of the period of both sides; default what the metric is about at each',
    )
    .option('--to <day>', 'the day after the last')
    .option('--by-row <n>', 'show so many rows of each part; 0: none, which is faster', wholeNumber, 5)
    .addHelpText('after', '\nExample: mallard why win_rate --vs 2026-11-02T08:00:00Z --by-row 3')
    .action(
      inSession<{ vs: string; from?: string; to?: string; byRow: number }>(
        async ({ client }, options, metric = '') => {
          const { vs, from, to, byRow: rows } = options;
          const why = await client.request<Why>('GET', `/v1/metrics/${encodeURIComponent(metric)}/why`, {
            query: { vs, from, to, rows, ...asOfOf(options) },
          });
          if (options.json) return printJson(streams, why);
          printWhy(streams, why);
        },
      ),
    );
}

function printWhy(streams: Streams, why: Why): void {
  const show = (figure: string | null) => shown(figure, why.unit);
  const difference = (figure: string | null) => shownDifference(figure, why.unit);
  printLine(streams, `${why.metric}: ${difference(why.change.value)}`);
  printLine(streams);
  printTable(streams, [sideRow('then', why.then, show), sideRow('now', why.now, show)]);
  printLine(streams);
  printTable(
    streams,
    [
      ...why.parts.map(({ part, change, row_count }) => ({
        part: titles[part],
        change: difference(change.value),
        rows: row_count ?? '',
      })),
      { part: 'together', change: difference(why.change.value), rows: '' },
    ],
    ['part', 'change', 'rows'],
  );
  printDefinition(streams, why);
  for (const part of why.parts) printRows(streams, part, difference);
  for (const note of why.notes) printLine(streams, `\n${note}`);
}

function sideRow(name: string, side: Side, show: (figure: string | null) => string): Row {
  return {
    '': name,
    value: show(side.value),
    ...(side.denominator === null ? {} : { of: `${plain(side.numerator)} ÷ ${plain(side.denominator)}` }),
    'as of': side.as_of,
    known: side.known_at === null ? 'everything' : `by ${side.known_at}`,
    ...(side.from === null && side.to === null ? {} : { period: `${side.from ?? '…'} to ${side.to ?? '…'}` }),
  };
}

function printDefinition(streams: Streams, { definition }: Why): void {
  const { measures, files } = definition;
  if (files.length > 0) printLine(streams, `\nChanged definitions: ${files.join(', ')}`);
  for (const { name, before, after } of measures) {
    printLine(streams, `  ${name}`);
    for (const line of before?.split('\n') ?? []) printLine(streams, `    - ${line.trim()}`);
    for (const line of after?.split('\n') ?? []) printLine(streams, `    + ${line.trim()}`);
  }
}

function printRows(streams: Streams, part: Part, difference: (figure: string) => string): void {
  if (part.rows.length === 0) return;
  printLine(streams, `\n${titles[part.part]}`);
  const rows: Row[] = part.rows.map(({ key, weight, before, after, fields, recorded }) => ({
    row: key,
    change: difference(weight),
    before: contribution(before),
    after: contribution(after),
    ...fields,
    ...(recorded ? { recorded: `${recorded.at}, ${recorded.source}` } : {}),
  }));
  if (part.everything_else.row_count > 0) {
    const { row_count, weight } = part.everything_else;
    rows.push({ row: `everything else (${row_count})`, change: difference(weight) });
  }
  printTable(streams, rows);
  if (!part.rows_add_up) {
    printLine(
      streams,
      'A row counts by its own figures here: those of several rows do not add up to the metric.',
    );
  }
}

function contribution(side: Part['rows'][number]['before']): string {
  if (side === null) return '–';
  return side.denominator === null
    ? plain(side.numerator)
    : `${plain(side.numerator)} ÷ ${plain(side.denominator)}`;
}

function shown(figure: string | null, unit: string | null): string {
  if (figure === null) return 'none';
  if (unit !== 'ratio') return plain(figure);
  return `${plain(String(Number(figure) * 100), 2)} %`;
}

/** Rates move by percentage points. */
function shownDifference(figure: string | null, unit: string | null): string {
  if (figure === null) return 'unknown';
  const text = shown(figure, unit).replace('%', 'points');
  return /^(-|0( |$))/.test(text) ? text : `+${text}`;
}

/** Without the places that nobody reads: the JSON has all of them. */
function plain(figure: string | null, places = placesShown): string {
  if (figure === null) return 'none';
  return figure.includes('.') ? String(Number(Number(figure).toFixed(places))) : figure;
}
