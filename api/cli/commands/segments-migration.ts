import type { Command } from 'commander';
import type { MigrationSide, SegmentMigration } from '../../../pipelines/segments/migration-matrix.ts';
import { inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

export function segmentMigrationCommand(segments: Command, { streams }: Cli): void {
  segments
    .command('migration')
    .description('Who was in which segment then, and is in which now: rows are then, columns now')
    .requiredOption('--from <day>', 'the earlier day or time')
    .option('--to <day>', 'the later one (default: the last build)')
    .option('--segments <ids>', 'only these, separated by commas (default: all)')
    .addHelpText(
      'after',
      '\nExample: mallard segments migration --from 2026-08-01 --segments engaged_not_customer,first_time_customers',
    )
    .action(
      inSession<{ from: string; to?: string; segments?: string }>(async ({ client }, options) => {
        const matrix = await client.request<SegmentMigration>('GET', '/v1/segments/migration', {
          query: { from: options.from, to: options.to, segments: options.segments },
        });
        if (options.json) return printJson(streams, matrix);
        const shown = matrix.columns.filter(({ kind, persons }) => kind !== 'gone' || persons > 0);
        printLine(
          streams,
          `Contacts by segment: as of ${matrix.from} (down) and as of ${matrix.to} (across)`,
        );
        printTable(streams, [
          ...matrix.rows
            .filter(({ kind, persons }) => kind !== 'new' || persons > 0)
            .map((row): Row => ({
              segment: nameOf(row),
              ...Object.fromEntries(
                shown.map((column) => {
                  const cell = row.cells.find(
                    ({ kind, segment_id }) => kind === column.kind && segment_id === column.segment_id,
                  );
                  return [
                    nameOf(column),
                    cell ? `${cell.numerator} (${Math.round(cell.value * 100)} %)` : '',
                  ];
                }),
              ),
              contacts: row.persons,
            })),
          {
            segment: 'contacts',
            ...Object.fromEntries(shown.map((column) => [nameOf(column), String(column.persons)])),
            contacts: matrix.persons,
          },
        ]);
        note(streams, 'In brackets the share of the row’s contacts.');
        if (matrix.is_overlapping)
          note(
            streams,
            'Segments overlap: who is in several counts in each, so cells add up to more than contacts.',
          );
        for (const { segment_id: id, recorded_since: since } of matrix.rows) {
          if (id !== null && (since === null || since > matrix.from))
            note(
              streams,
              `${id} ${since === null ? 'was never evaluated' : `is recorded since ${since} only`}.`,
            );
        }
      }),
    );
}

/** No segment's id has spaces. */
function nameOf({ segment_id: id, title }: MigrationSide): string {
  return id ?? title;
}
