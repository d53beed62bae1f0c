import { DataType, tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsFromArrow } from '../../api/arrow-rows.ts';
import { viewFromArrow, viewToArrow } from '../../reports/arrow.ts';
import type { Cell, ColumnType, ReportView } from '../../reports/types.ts';
import { column, weeklyFixture } from './fixture.ts';

function viewOf(type: ColumnType, cells: Cell[]): ReportView {
  return {
    name: 'v',
    title: 'V',
    renderer: 'table',
    columns: [column('a', 'A', type), column('b', 'B', 'string')],
    rows: cells.map((a) => ({ a, b: null })),
    is_truncated: false,
    malloy: 'run: x -> {}',
  };
}

const digits = (max: bigint) => fc.bigInt({ min: -max, max });
const money = fc
  .tuple(digits(10n ** 16n), fc.integer({ min: 0, max: 99 }))
  .map(([whole, cents]) => `${whole}.${String(cents).padStart(2, '0')}`);
const time = fc
  .tuple(
    fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
    fc.constantFrom('', '.120', '.123456'),
  )
  .map(([date, fraction]) => `${date.toISOString().slice(0, 19)}${fraction}Z`);

const cells: [ColumnType, fc.Arbitrary<Cell>][] = [
  ['string', fc.string({ unit: 'binary' })],
  ['boolean', fc.boolean()],
  ['integer', fc.maxSafeInteger()],
  [
    'integer',
    digits(2n ** 63n - 1n).map((value) =>
      Number.isSafeInteger(Number(value)) ? Number(value) : String(value),
    ),
  ],
  ['number', fc.double({ noNaN: true, noDefaultInfinity: true })],
  ['decimal', money],
  ['decimal', fc.constantFrom('1.5', '1.50', '-0.00', '12345678901234567890123456789012345678.9', '7')],
  [
    'date',
    fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
  ],
  ['date', fc.constantFrom('infinity', '2026-11-02')],
  ['timestamp', time],
  [
    'timestamp',
    fc.constantFrom(
      'infinity',
      '2026-11-02T06:00:00Z',
      '2026-11-02T06:00:00.5Z',
      '2026-11-02T06:00:00.123456789Z',
    ),
  ],
];

describe('a view as Arrow', () => {
  it.each(cells.map(([type, arbitrary], index) => [type, index, arbitrary] as const))(
    '%s cells come back as they were (%i)',
    (type, _, arbitrary) => {
      fc.assert(
        fc.property(fc.array(fc.option(arbitrary), { maxLength: 40 }), (values) => {
          const view = viewOf(type, values);
          expect(viewFromArrow(viewToArrow(view))).toEqual(view);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('keeps tags, docs and the view’s own words', () => {
    for (const view of weeklyFixture.views) expect(viewFromArrow(viewToArrow(view))).toEqual(view);
  });

  it('has real types, which other readers of Arrow understand', () => {
    const bytes = viewToArrow(weeklyFixture.views[3] as ReportView);
    const types = tableFromIPC(bytes).schema.fields.map((field) => field.type as DataType);
    expect(types.map((type) => [DataType.isTimestamp(type), DataType.isDecimal(type)])).toEqual([
      [true, false],
      [false, true],
    ]);
    // The API's own reader gives what the driver would have given.
    expect(rowsFromArrow(bytes)).toEqual(weeklyFixture.views[3]?.rows);
  });

  it('refuses a stream that is no view', () => {
    const foreign = tableToIPC(tableFromArrays({ a: [1, 2] }));
    expect(() => viewFromArrow(foreign)).toThrow('The Arrow stream is no view of a report.');
  });
});
