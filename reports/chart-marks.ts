import { numeric, type ChartBlock } from './blocks.ts';
import { categoryText, formatCell, momentOf, type FormatContext } from './format.ts';
import type { Cell, ReportColumn } from './types.ts';

/** One mark: a point of a line or a bar. Figures are formatted here, so that charts and tables say the same. */
export interface Mark {
  x: number | string;
  x_text: string;
  y: number | null;
  y_text: string;
  series: string;
  order: number;
  is_last: boolean;
}

/** The marks of a block, in the order of its rows. */
export function marksOf(block: ChartBlock, context: FormatContext): Mark[] {
  const order = new Map<Cell, number>();
  const marks = block.rows.flatMap((row) => {
    const key = row[block.x.name] ?? null;
    if (!order.has(key)) order.set(key, order.size);
    return block.y.map((y): Mark => {
      return {
        x: isTime(block.x)
          ? wallClockMs(key, block.x, context)
          : isQuantity(block)
            ? (numeric(key) ?? 0)
            : categoryText(key, block.x, context),
        x_text: categoryText(key, block.x, context),
        y: numeric(row[y.name]),
        y_text: formatCell(row[y.name], y, context),
        series: block.series ? categoryText(row[block.series.name], block.series, context) : y.label,
        order: order.get(key) ?? 0,
        is_last: false,
      };
    });
  });
  for (const name of new Set(marks.map((mark) => mark.series))) {
    const last = marks
      .filter((mark) => mark.series === name && mark.y !== null)
      .reduce<Mark | undefined>((best, mark) => (best && best.x >= mark.x ? best : mark), undefined);
    if (last) last.is_last = true;
  }
  return marks;
}

export function isTime(column: ReportColumn): boolean {
  return column.type === 'date' || column.type === 'timestamp';
}

/** A line over numbers; bars over numbers are categories. */
export function isQuantity(block: ChartBlock): boolean {
  return (
    block.mark === 'line' &&
    (block.x.type === 'integer' || block.x.type === 'number' || block.x.type === 'decimal')
  );
}

function wallClockMs(value: Cell, column: ReportColumn, context: FormatContext): number {
  return momentOf(String(value), column.type, context).setZone('utc', { keepLocalTime: true }).toMillis();
}
