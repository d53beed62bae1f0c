import { loadImage, createCanvas } from 'canvas';
import { describe, expect, it } from 'vitest';
import { reportBlocks, type ChartBlock } from '../../reports/blocks.ts';
import { chartPng, chartSvg, vegaSpec } from '../../reports/chart-png.ts';
import { chartSpec } from '../../reports/chart-spec.ts';
import type { ReportData } from '../../reports/types.ts';
import { column, weeklyFixture } from './fixture.ts';
import { golden } from './golden.ts';

function charts(data: ReportData = weeklyFixture): ChartBlock[] {
  return reportBlocks(data).filter((block) => block.kind === 'chart');
}

function chartOf(
  renderer: 'bar_chart' | 'line_chart',
  more: Partial<ReportData['views'][number]>,
): ChartBlock {
  const [block] = charts({
    ...weeklyFixture,
    views: [
      { name: 'v', title: 'V', renderer, columns: [], rows: [], is_truncated: false, malloy: '', ...more },
    ],
  });
  if (!block) throw new Error('no chart');
  return block;
}

/** How many pixels of a rectangle (in CSS pixels) something was drawn on. */
async function inked(
  image: { png: Uint8Array },
  x: number,
  y: number,
  width: number,
  height: number,
): Promise<number> {
  const picture = await loadImage(Buffer.from(image.png));
  const context = createCanvas(picture.width, picture.height).getContext('2d');
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(x * 2, y * 2, width * 2, height * 2);
  let count = 0;
  for (let index = 3; index < data.length; index += 4) if ((data[index] ?? 0) > 60) count += 1;
  return count;
}

describe('chartSpec', () => {
  it.each(charts().map((block) => [block.id, block] as const))('%s is as reviewed', (id, block) => {
    const spec = `${JSON.stringify(chartSpec(block, weeklyFixture), null, 2)}\n`;
    expect(spec).toBe(golden(`${id}.vl.json`, spec));
  });

  it('places times by the wall clock of the report’s zone', () => {
    const [line] = charts();
    const values = (
      chartSpec(line as ChartBlock, weeklyFixture) as unknown as {
        data: { values: { x: number; x_text: string }[] };
      }
    ).data.values;
    // 23:00 and 22:00 UTC are both midnight in Berlin: every week starts on a Monday 00:00.
    expect(values.every(({ x }) => x % 86_400_000 === 0 && new Date(x).getUTCDay() === 1)).toBe(true);
    expect(values.at(-1)?.x_text).toBe('Oct 26, 2026');
  });

  const grouped = {
    columns: [
      column('source', 'Source', 'string'),
      column('team', 'Team', 'string'),
      column('won', 'Won', 'integer'),
    ],
    rows: [
      { source: 'Web', team: 'North', won: 4 },
      { source: 'Web', team: 'South', won: 2 },
      { source: 'Fair', team: 'North', won: -1 },
    ],
  };

  it.each([
    ['grouped bars', chartOf('bar_chart', grouped)],
    ['stacked bars', chartOf('bar_chart', { ...grouped, chart: { is_stacked: true } })],
    [
      'bars over time',
      chartOf('bar_chart', {
        columns: [column('month', 'Month', 'date', { timeframe: 'month' }), column('won', 'Won', 'integer')],
        rows: [
          { month: '2026-09-01', won: 4 },
          { month: '2026-10-01', won: 2 },
        ],
      }),
    ],
    [
      'lines by series',
      chartOf('line_chart', {
        columns: [
          column('week', 'Week', 'date'),
          column('team', 'Team', 'string'),
          column('rate', 'Rate', 'number', { format: { kind: 'percent' } }),
        ],
        rows: [
          { week: '2026-10-19', team: 'North', rate: 0.1 },
          { week: '2026-10-26', team: 'North', rate: 0.2 },
          { week: '2026-10-19', team: 'South', rate: null },
          { week: '2026-10-26', team: 'South', rate: 0.15 },
        ],
      }),
    ],
    [
      'a line over numbers',
      chartOf('line_chart', {
        columns: [column('n', 'N', 'integer', { is_measure: false }), column('won', 'Won', 'integer')],
        rows: [
          { n: 1, won: 4 },
          { n: 2, won: 2 },
        ],
      }),
    ],
    [
      'two measures',
      chartOf('bar_chart', {
        columns: [
          column('source', 'Source', 'string'),
          column('won', 'Won', 'integer'),
          column('lost', 'Lost', 'integer'),
        ],
        rows: [{ source: 'Web', won: 4, lost: 3 }],
        chart: { y: ['won', 'lost'] },
      }),
    ],
  ])('%s draw marks', async (_, block) => {
    const image = await chartPng(chartSpec(block, weeklyFixture));
    expect(await inked(image, 0, 0, image.width_px, image.height_px)).toBeGreaterThan(300);
  });
});

describe('chartPng', () => {
  it('is two pixels a CSS pixel, as wide as asked, nothing cut', async () => {
    for (const block of charts()) {
      const image = await chartPng(chartSpec(block, weeklyFixture));
      const picture = await loadImage(Buffer.from(image.png));
      expect(picture.width).toBe(2 * 592);
      expect([image.width_px * 2, image.height_px * 2]).toEqual([picture.width, picture.height]);
      // The outermost columns and rows are empty: no label runs over the edge.
      expect(await inked(image, 0, 0, 1, image.height_px)).toBe(0);
      expect(await inked(image, image.width_px - 1, 0, 1, image.height_px)).toBe(0);
    }
  });

  it('draws text: the fonts are registered', async () => {
    const [line, bars] = charts() as [ChartBlock, ChartBlock];
    const lineImage = await chartPng(chartSpec(line, weeklyFixture));
    // Left of the value axis and below the time axis there is nothing but labels.
    expect(await inked(lineImage, 1, 10, 34, lineImage.height_px - 40)).toBeGreaterThan(400);
    expect(await inked(lineImage, 50, lineImage.height_px - 18, 440, 16)).toBeGreaterThan(400);
    const barImage = await chartPng(chartSpec(bars, weeklyFixture));
    expect(await inked(barImage, 1, 0, 95, barImage.height_px)).toBeGreaterThan(1_500);
  });

  it('is the same, byte for byte, every time', async () => {
    const [line] = charts();
    const spec = chartSpec(line as ChartBlock, weeklyFixture);
    expect(Buffer.from((await chartPng(spec)).png).equals(Buffer.from((await chartPng(spec)).png))).toBe(
      true,
    );
  });
});

it('the live chart and its static picture hold the figures as text', async () => {
  const [, bars] = charts() as [unknown, ChartBlock];
  const spec = chartSpec(bars, weeklyFixture);
  expect(await chartSvg(spec)).toContain('$184,300');
  expect(JSON.stringify(vegaSpec(spec).data)).toContain('$184,300');
});
