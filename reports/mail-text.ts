import type { ReportBlock, TextTable } from './blocks.ts';
import { definitionsOf } from './definitions.ts';
import { formatAsOf } from './format.ts';
import { bigValueInWords, periodText } from './summary.ts';
import type { ReportData } from './types.ts';

const width = 76;

/** The mail's plain-text part: the same figures, for readers without HTML. Lines end in \n and are at most 76 long, tables aside. */
export function mailText(data: ReportData, blocks: readonly ReportBlock[]): string {
  const parts = [
    `${data.title}\n${data.account_name} · ${periodText(data)}`,
    ...blocks.map(blockText),
    definitionsText(data),
    [
      `As of ${formatAsOf(data.as_of, data)}.`,
      ...(data.page_url ? [`Interactive page: ${data.page_url}`] : []),
    ].join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function blockText(block: ReportBlock): string {
  const head = [underlined(block.title), ...(block.subtitle ? wrap(block.subtitle) : [])];
  if (block.kind === 'big_values') {
    return [...head, ...block.values.map((value) => `  ${bigValueInWords(value)}`)].join('\n');
  }
  const finding = block.kind === 'chart' ? [...wrap(block.finding), ''] : [];
  return [...head, ...finding, tableText(block.table), ...(block.note ? wrap(block.note) : [])].join('\n');
}

function underlined(title: string): string {
  return `${title}\n${'-'.repeat(title.length)}`;
}

function tableText(table: TextTable): string {
  const widths = table.columns.map((column, index) =>
    Math.max(column.label.length, ...table.rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) =>
        table.columns[index]?.align === 'right'
          ? cell.padStart(widths[index] ?? 0)
          : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [table.columns.map((column) => column.label), ...table.rows]
    .map((cells) => `  ${line(cells)}`)
    .join('\n');
}

function definitionsText(data: ReportData): string {
  const definitions = definitionsOf(data);
  if (definitions.length === 0) return '';
  return [
    underlined('How these figures are computed'),
    ...definitions.flatMap(({ label, doc }) => wrap(`${label}: ${doc}`)),
  ].join('\n');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
