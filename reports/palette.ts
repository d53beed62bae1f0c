/**
 * The colours of pages, mails and charts: a mallard's green head, blue speculum and amber bill. Chart colours are
 * mid-tones, so that a transparent PNG reads on white as well as on a dark mail client's background (contrast with
 * both #ffffff and #16191d is at least 3:1, 4.5:1 for the text).
 */
export const palette = {
  brand: '#0f7a66',
  ink: '#17211f',
  muted: '#66736f',
  line: '#e3e8e6',
  surface: '#ffffff',
  canvas: '#f3f5f4',
  good: '#157a48',
  bad: '#bf3a2b',
  neutral: '#66736f',
} as const;

/** The same under `prefers-color-scheme: dark`. */
export const darkPalette = {
  brand: '#3fb59d',
  ink: '#eef2f1',
  muted: '#9aa7a3',
  line: '#2d3432',
  surface: '#171c1b',
  canvas: '#0e1211',
  good: '#4cc38a',
  bad: '#f0796b',
  neutral: '#9aa7a3',
} as const satisfies Record<keyof typeof palette, string>;

/** For the series of a chart, in order. */
export const seriesColours = [
  '#15907a',
  '#4a78d6',
  '#d08a1d',
  '#b65a86',
  '#7a8b94',
  '#8f6fc4',
  '#5b9e3d',
  '#c2603a',
] as const;

/** Text and rules inside of charts. */
export const chartColours = { text: '#74807c', rule: '#9aa5a2', grid: '#b4bdba' } as const;
