import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { raw, type Html } from './html.ts';

let runtime: string | undefined;

/** Vega's browser build (500 kB), from our own packages: the page loads nothing from elsewhere. */
export function vegaRuntime(): string {
  if (runtime === undefined) {
    // The package exports only its ES module, which lies beside the browser build.
    const entry = createRequire(import.meta.url).resolve('vega');
    runtime = readFileSync(join(dirname(entry), 'vega.min.js'), 'utf8');
  }
  return runtime;
}

/**
 * Draws each chart live over its static SVG, as wide as its box, with tooltips. Without scripts the SVG stays.
 * Written for the browser: plain script, no imports.
 */
export const pageScript: Html = raw(`
(() => {
  const specs = JSON.parse(document.getElementById('charts').textContent);
  const tip = document.getElementById('tip');
  const showTip = (handler, event, item, value) => {
    if (!value || typeof value !== 'object') { tip.hidden = true; return; }
    tip.replaceChildren(...Object.entries(value).map(([name, text]) => {
      const line = document.createElement('div'), figure = document.createElement('b');
      figure.textContent = text;
      line.append(name + ': ', figure);
      return line;
    }));
    tip.hidden = false;
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)) + 'px';
    tip.style.top = Math.max(8, event.clientY - tip.offsetHeight - 10) + 'px';
  };
  const draw = () => {
    for (const box of document.querySelectorAll('.chart')) {
      const spec = specs[box.dataset.chart];
      if (!spec) continue;
      box.view?.finalize();
      const target = document.createElement('div');
      const view = new vega.View(vega.parse(spec), { renderer: 'svg', container: target, hover: true });
      view.width(Math.max(280, box.clientWidth)).tooltip(showTip);
      view.runAsync().then(() => { box.replaceChildren(target); box.view = view; });
    }
  };
  let width = innerWidth, timer;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(draw, 150);
  });
  draw();
})();
`);
