import type { FieldDetail } from '../catalogue/catalogue.ts';
import type { User } from '../catalogue/used-by.ts';
import type { FieldValue } from '../../models/engine/field-values.ts';
import { printLine, type Streams } from './output.ts';

/** All about one field, as paragraphs. */
export function printFieldDetail(streams: Streams, field: FieldDetail): void {
  const { type, unit, steps, used_by: usedBy } = field;
  const last = steps.at(-1);
  const kind = field.is_metric ? 'metric' : field.kind;
  const head = [`${field.name}: ${kind}, ${unit === undefined ? type : `${type} (${unit})`}`];
  if (field.doc !== undefined) head.push(field.doc);
  if (field.file !== undefined) head.push(`A field of ${field.defined_by} (${field.file}).`);
  if (last)
    head.push(`Defined in ${last.file}:${last.line}${last.formula === undefined ? '' : `: ${last.formula}`}`);
  if (field.dimensions?.length) head.push(`Can be sliced by ${field.dimensions.join(', ')}.`);

  const paragraphs: [title: string, lines: string[]][] = [
    ['', head],
    ['Made of', field.columns.length === 0 ? ['constants only'] : byTable(field.columns)],
    [
      'By way of',
      steps
        .slice(0, -1)
        .map((step) => `${step.field} <- ${step.from.join(', ') || (step.formula ?? 'a constant')}`),
    ],
    ['Its rows are decided by', byTable(field.conditions)],
    [
      'Used by',
      [
        ...users('report', usedBy.reports),
        ...users('segment', usedBy.segments),
        ...users('campaign', usedBy.campaigns),
        ...(usedBy.fields.length > 0 ? [`fields: ${usedBy.fields.join(', ')}`] : []),
      ],
    ],
    [
      `Values, as of ${field.values_as_of ?? ''}`,
      (field.values ?? []).map(
        ({ value, row_count: count }) => `${valueText(value)}: ${count.toLocaleString('en-US')}`,
      ),
    ],
  ];
  const texts = paragraphs
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) =>
      title === '' ? lines.join('\n') : [title, ...lines.map((line) => `  ${line}`)].join('\n'),
    );
  if (field.is_personal) texts.push('Names a person, or reaches one: its values are not listed.');
  printLine(streams, texts.join('\n\n'));
}

export function valueText(value: FieldValue['value']): string {
  return value === null ? '(none)' : value === '' ? "''" : String(value);
}

/** `core.orders: amount, currency` */
function byTable(columns: readonly string[]): string[] {
  const tables = new Map<string, string[]>();
  for (const column of columns) {
    const dot = column.lastIndexOf('.');
    const table = column.slice(0, dot);
    const name = column.slice(dot + 1);
    tables.set(table, [...(tables.get(table) ?? []), name === '*' ? 'its rows' : name]);
  }
  return [...tables].map(([table, names]) => `${table}: ${names.join(', ')}`);
}

function users(kind: string, list: readonly User[]): string[] {
  return list.map(({ id, title, via }) => {
    const through = via.length === 0 ? '' : `, through ${via.join(', ')}`;
    return `${kind} ${id} (${title})${through}`;
  });
}
