import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { GlobalFonts, type Canvas } from 'canvas';
import { parse, View, type Spec } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { MallardError } from '../data/errors.ts';
import { chartFont } from './chart-spec.ts';

const require = createRequire(import.meta.url);
let fontsReady = false;

/**
 * Registers the shipped fonts. Without it every text of a chart vanishes and nothing says so, hence the error.
 * The machine's fonts are not used: the picture is the same everywhere.
 */
export function registerChartFonts(): void {
  if (fontsReady) return;
  for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']) {
    GlobalFonts.register(readFileSync(require.resolve(`dejavu-fonts-ttf/ttf/${file}`)), chartFont);
  }
  if (!GlobalFonts.has(chartFont)) {
    throw new MallardError('internal', `The chart font ${chartFont} could not be registered.`, {
      remedy: 'Install the packages again: npm ci.',
    });
  }
  fontsReady = true;
}

/** The Vega specification of a Vega-Lite one. */
export function vegaSpec(spec: TopLevelSpec): Spec {
  return compile(spec).spec;
}

export interface ChartImage {
  png: Uint8Array;
  /** In CSS pixels; the PNG has `scale` times as many. */
  width_px: number;
  height_px: number;
}

/** Draws a chart. Deterministic: same spec, same bytes. @param scale device pixels per CSS pixel */
export async function chartPng(spec: TopLevelSpec, scale = 2): Promise<ChartImage> {
  registerChartFonts();
  const view = new View(parse(vegaSpec(spec)), { renderer: 'none' });
  try {
    const canvas = (await view.toCanvas(scale)) as unknown as Canvas;
    return {
      png: new Uint8Array(canvas.toBuffer('image/png')),
      width_px: Math.round(canvas.width / scale),
      height_px: Math.round(canvas.height / scale),
    };
  } finally {
    view.finalize();
  }
}

/** The chart as SVG text: what a page shows until its script has drawn the live one. */
export async function chartSvg(spec: TopLevelSpec): Promise<string> {
  // Text is measured by the same fonts as in the PNG.
  registerChartFonts();
  const view = new View(parse(vegaSpec(spec)), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
