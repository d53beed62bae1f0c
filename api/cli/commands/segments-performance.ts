import type { Command } from 'commander';
import type { ComparedRate, Rate, SegmentFigure } from '../../../pipelines/segments/performance-answer.ts';
import type { PerformanceReport, SegmentPerformance } from '../../../pipelines/segments/performance.ts';
import { inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row, type Streams } from '../output.ts';

/** Of all segments, those that tell most: short heading, name of the figure. */
const overview = {
  opened: 'open_rate',
  clicked: 'click_rate',
  'orders/30 d': 'orders_per_30_days',
  'revenue/30 d': 'revenue_per_30_days',
  'acquired/30 d': 'customers_acquired_per_30_days',
  unsubscribed: 'unsubscribe_rate',
} as const;

export function segmentPerformanceCommand(segments: Command, { streams }: Cli): void {
  segments
    .command('performance')
    .description('What members did while they were members, against everybody else and those who just missed')
    .argument('[segment_id]', 'default: all, with fewer figures')
    .option('--from <day>', 'the first day (default: 90 days before the end)')
    .option('--to <day>', 'the day after the last (default: up to the last build)')
    .addHelpText('after', '\nExample: mallard segments performance at_risk --from 2026-08-01 --to 2026-11-01')
    .action(
      inSession<{ from?: string; to?: string }>(async ({ client }, options, id = '') => {
        const path = id === '' ? '/v1/segments' : `/v1/segments/${encodeURIComponent(id)}`;
        const report = await client.request<PerformanceReport>('GET', `${path}/performance`, {
          query: { from: options.from, to: options.to },
        });
        if (options.json) return printJson(streams, report);
        const [only] = report.segments;
        if (id !== '' && only) printOne(streams, report, only);
        else printAll(streams, report);
      }),
    );
}

function printAll(streams: Streams, report: PerformanceReport): void {
  printLine(streams, `Members while they were members, ${daysOf(report)}; × is against everybody else.`);
  printTable(
    streams,
    report.segments.map((segment): Row => ({
      segment: segment.segment_id,
      contacts: segment.members.contacts,
      days: Math.round(segment.members.contact_days),
      ...Object.fromEntries(
        Object.entries(overview).map(([heading, name]) => {
          const figure = segment.figures.find((each) => each.name === name);
          return [heading, figure ? `${valueOf(figure, figure.members)}${timesOf(figure.base)}` : ''];
        }),
      ),
    })),
  );
  note(
    streams,
    '* differs from everybody else: the 95 % interval does not hold ×1. Of one segment, all figures are shown.',
  );
  noteLate(streams, report);
}

function timesOf({ ratio, ratio_low: low, ratio_high: high }: ComparedRate): string {
  if (ratio === null) return '';
  const isClear = low !== null && high !== null && (low > 1 || high < 1);
  return ` ×${decimals(ratio)}${isClear ? '*' : ''}`;
}

function printOne(streams: Streams, report: PerformanceReport, segment: SegmentPerformance): void {
  printLine(
    streams,
    `${segment.title} (${segment.segment_id}): members while they were members, ${daysOf(report)}.`,
  );
  printTable(
    streams,
    (['members', 'base', 'just_missed'] as const).flatMap((group): Row[] => {
      const size = segment[group];
      return size === null
        ? []
        : [{ group: names[group], contacts: size.contacts, 'contact-days': Math.round(size.contact_days) }];
    }),
  );
  printLine(streams);
  printTable(
    streams,
    segment.figures.map((figure): Row => ({
      figure: figure.title,
      members: valueOf(figure, figure.members),
      'everybody else': valueOf(figure, figure.base),
      'members ÷ them': ratioOf(figure.base),
      ...(figure.just_missed === null
        ? {}
        : {
            'just missed': valueOf(figure, figure.just_missed),
            'members ÷ just missed': ratioOf(figure.just_missed),
          }),
    })),
  );
  note(
    streams,
    `Revenue in ${report.currency}. In brackets the 95 % interval; --json has numerators and denominators.`,
  );
  if (segment.just_missed_reason !== null)
    note(streams, `Nobody just missed it. ${segment.just_missed_reason}`);
  noteLate(streams, { ...report, segments: [segment] });
}

const names = { members: 'members', base: 'everybody else', just_missed: 'just missed' } as const;

/** Segments that are younger than the range. */
function noteLate(streams: Streams, { segments }: PerformanceReport): void {
  const since = new Map<string, string[]>();
  for (const { segment_id: id, recorded_since: recorded, from } of segments) {
    if (recorded === null) note(streams, `${id} was never evaluated: run \`mallard segments evaluate\`.`);
    else if (recorded === from) since.set(recorded, [...(since.get(recorded) ?? []), id]);
  }
  for (const [time, ids] of since)
    note(streams, `Recorded since ${time}, where their figures begin: ${ids.join(', ')}.`);
}

function daysOf({
  start_date: start,
  end_date: end,
  time_zone: zone,
  as_of: asOf,
}: PerformanceReport): string {
  return `${start} until ${end} (${zone}), as known by the build of ${asOf}`;
}

function valueOf({ per_days: perDays }: SegmentFigure, { value }: Rate): string {
  if (value === null) return '–';
  return perDays === null ? `${(value * 100).toFixed(1)} %` : decimals(value);
}

function ratioOf({ ratio, ratio_low: low, ratio_high: high }: ComparedRate): string {
  if (ratio === null) return '–';
  const interval =
    low === null || high === null ? 'not enough to tell' : `${decimals(low)}–${decimals(high)}`;
  return `×${decimals(ratio)} (${interval})`;
}

/** Two decimals, or three digits of what is smaller. */
function decimals(value: number): string {
  return value === 0 || Math.abs(value) >= 0.1 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}
