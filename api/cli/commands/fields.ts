import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { FieldDetail, ToldCatalogue, ToldField, ToldMeasure } from '../../catalogue/catalogue.ts';
import type { UsedBy } from '../../catalogue/used-by.ts';
import type { FieldValue } from '../../../models/engine/field-values.ts';
import { inSession, type Cli } from '../cli.ts';
import { printFieldDetail, valueText } from '../field-detail.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

interface FieldOptions {
  values?: boolean;
  page?: string;
}

/** fields */
export function fieldCommands(program: Command, { streams }: Cli): void {
  program
    .command('fields')
    .description('What segments, templates and reports may use, and where each figure comes from')
    .argument('[part]', 'a field or measure: all about it; else only names that contain this')
    .option('--values', 'also the values of small domains')
    .option('--page <file>', 'write where all of them come from, as a page that opens in any browser')
    .addHelpText(
      'after',
      `
Example: mallard fields email.last_30_days
         mallard fields contact_facts.total_revenue
         mallard fields --page lineage.html`,
    )
    .action(
      inSession<FieldOptions>(async ({ client }, options, part?: string) => {
        if (options.page !== undefined) {
          const answer = await client.stream('GET', '/v1/lineage/page', { headers: { accept: 'text/html' } });
          await pipeline(answer.body, createWriteStream(options.page));
          if (options.json) return printJson(streams, { file: options.page });
          return printLine(streams, `Wrote ${options.page}.`);
        }
        const { fields, measures, broken } = await client.request<ToldCatalogue>('GET', '/v1/fields', {
          query: { part, values: options.values },
        });
        // What is missing below is missing for this reason.
        for (const { file, message } of broken) note(streams, `${file} is left out:\n${message.trimEnd()}`);
        // A name that nothing contains is asked for as well: the answer says which is the nearest.
        if (part !== undefined && (isOne(part, fields, measures) || fields.length + measures.length === 0)) {
          const field = await client.request<FieldDetail>('GET', `/v1/fields/${encodeURIComponent(part)}`);
          return options.json ? printJson(streams, field) : printFieldDetail(streams, field);
        }
        if (options.json) return printJson(streams, { fields, measures });
        printTable(streams, [
          ...fields.map((field) => row(`${field.mart}.${field.path}`, field, options.values)),
          ...measures.map((measure) => row(`${measure.source}.${measure.name}`, measure, options.values)),
        ]);
      }),
    );
}

/** True where a name means one field or measure: in full, a field's path, or a name that one measure has. */
function isOne(part: string, fields: readonly ToldField[], measures: readonly ToldMeasure[]): boolean {
  return (
    fields.some(({ mart, path }) => path === part || `${mart}.${path}` === part) ||
    measures.some(({ source, name }) => `${source}.${name}` === part) ||
    measures.filter(({ name }) => name === part).length === 1
  );
}

function row(name: string, field: ToldField | ToldMeasure, withValues = false): Row {
  const values = 'values' in field ? field.values : undefined;
  return {
    field: name,
    type: field.type,
    unit: field.unit ?? '',
    'used by': countUsers(field.used_by),
    ...(withValues ? { values: values?.map(briefly).join(', ') ?? '' } : {}),
    meaning: `${field.doc ?? ''}${'file' in field && field.file !== undefined ? ` (${field.source}, ${field.file})` : ''}`,
  };
}

function briefly({ value, row_count: count }: FieldValue): string {
  return `${valueText(value)} ${count}`;
}

function countUsers({ reports, segments, campaigns }: UsedBy): string {
  const counts = { report: reports.length, segment: segments.length, campaign: campaigns.length };
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`)
    .join(', ');
}
