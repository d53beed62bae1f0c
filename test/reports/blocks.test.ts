import { describe, expect, it } from 'vitest';
import { reportBlocks, type ChartBlock } from '../../reports/blocks.ts';
import { definitionsOf } from '../../reports/definitions.ts';
import type { ReportData, ReportView } from '../../reports/types.ts';
import { column, weeklyFixture } from './fixture.ts';

function withViews(...views: Partial<ReportView>[]): ReportData {
  const base: ReportView = {
    name: 'v',
    title: 'V',
    renderer: 'table',
    columns: [],
    rows: [],
    is_truncated: false,
    malloy: '',
  };
  return { ...weeklyFixture, views: views.map((view) => ({ ...base, ...view })) };
}

const bySource = [
  column('source', 'Source', 'string'),
  column('week', 'Week', 'date'),
  column('leads', 'Leads', 'integer'),
];

describe('reportBlocks', () => {
  it('puts big values that follow one another into one row, compared figures inside', () => {
    const blocks = reportBlocks(weeklyFixture);
    expect(blocks.map((block) => [block.kind, block.id])).toEqual([
      ['big_values', 'sales'],
      ['chart', 'revenue_by_week'],
      ['chart', 'won_by_source'],
      ['table', 'campaigns'],
    ]);
    const [tiles] = blocks;
    expect(
      tiles?.kind === 'big_values' &&
        tiles.values.map((value) => [value.label, value.text, value.delta?.size, value.delta?.before]),
    ).toEqual([
      ['Revenue', '$48,210', '8.4%', '$44,474'],
      ['Orders', '412', '3.3%', '399'],
      ['New leads', '96', '11.9%', '109'],
      ['Win rate', '31.4%', '1.2 pp', '30.2%'],
    ]);
  });

  it('says in words what a line and bars show', () => {
    const [, line, bars] = reportBlocks(weeklyFixture) as [unknown, ChartBlock, ChartBlock];
    expect(line.finding).toBe(
      'Revenue was $48,210 in the week of Oct 26, 2026, up 8.4% on the week before ($44,474). That is the highest of the 26 shown; the lowest is $35,405 in the week of Jul 13, 2026.',
    );
    expect(bars.finding).toBe(
      'Won amount: Referral leads with $184,300, then Webinar with $126,750; the lowest is Not set with $4,100.',
    );
  });

  it('infers x, y and series from the columns, numbers never being a series', () => {
    const rows = [
      { source: 'A', week: '2026-10-19', leads: 3 },
      { source: 'B', week: '2026-10-19', leads: 5 },
      { source: 'A', week: '2026-10-26', leads: 4 },
    ];
    const [block] = reportBlocks(
      withViews({ renderer: 'line_chart', columns: bySource, rows, chart: { x: 'week' } }),
    ) as [ChartBlock];
    expect([block.x.name, block.y.map((y) => y.name), block.series?.name]).toEqual([
      'week',
      ['leads'],
      'source',
    ]);
    expect(block.finding).toBe('Latest: A 4 in the week of Oct 26, 2026, B 5 in the week of Oct 19, 2026.');
    const [single] = reportBlocks(
      withViews({
        renderer: 'line_chart',
        columns: [column('week', 'Week', 'date'), column('leads', 'Leads', 'integer', { is_measure: false })],
        rows: [{ week: '2026-10-19', leads: 3 }],
      }),
    ) as [ChartBlock];
    expect([single.y.map((y) => y.name), single.series]).toEqual([['leads'], undefined]);
  });

  it('draws the largest series only and says so; the table keeps all', () => {
    const rows = Array.from({ length: 12 }, (_, index) => ({
      source: `S${index}`,
      week: '2026-10-26',
      leads: index,
    }));
    const [block] = reportBlocks(
      withViews({ renderer: 'line_chart', columns: bySource, rows, chart: { x: 'week', series_limit: 3 } }),
    ) as [ChartBlock];
    expect(new Set(block.rows.map((row) => row['source']))).toEqual(new Set(['S11', 'S10', 'S9']));
    expect(block.note).toBe('Showing 3 of 12 of Source.');
    expect(block.table.rows).toHaveLength(12);
  });

  it('shows a chart without figures as the empty table it is', () => {
    const [block] = reportBlocks(withViews({ renderer: 'bar_chart', columns: bySource, rows: [] }));
    expect(block?.kind).toBe('table');
  });

  it('says that a view was cut', () => {
    const [block] = reportBlocks(
      withViews({
        columns: bySource,
        rows: [{ source: 'A', week: '2026-10-26', leads: 1 }],
        is_truncated: true,
      }),
    );
    expect(block).toMatchObject({ kind: 'table', note: 'Cut at 1 rows.' });
  });
});

it('lists each definition once, hidden columns left out', () => {
  const definitions = definitionsOf(weeklyFixture);
  expect(definitions.map(({ label }) => label)).toEqual([
    'Revenue',
    'Orders',
    'New leads',
    'Win rate',
    'Revenue',
    'Won amount',
    'Delivered',
    'Opened',
    'Clicked',
    'Unsubscribed',
  ]);
  expect(definitions.every(({ doc }) => doc.endsWith('.'))).toBe(true);
});
