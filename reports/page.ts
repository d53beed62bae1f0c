import type { BigValue, BigValuesBlock, ChartBlock, ReportBlock, TextTable } from './blocks.ts';
import { reportBlocks } from './blocks.ts';
import { chartSvg, vegaSpec } from './chart-png.ts';
import { chartSpec } from './chart-spec.ts';
import { definitionsOf } from './definitions.ts';
import { arrows, deltaInWords } from './delta.ts';
import { formatAsOf } from './format.ts';
import { markup, raw, scriptJson, type Html } from './html.ts';
import { pageScript, vegaRuntime } from './page-script.ts';
import { pageStyles } from './page-style.ts';
import { periodText } from './summary.ts';
import type { ReportData } from './types.ts';

export interface PageOptions {
  /**
   * Where Vega comes from. `inline` (default) makes one file of 600 kB that works anywhere; `none` leaves the static
   * pictures; a URL is loaded by the page.
   */
  runtime?: 'inline' | 'none' | { url: string };
}

/** Of a chart before the script fits it to its box, in CSS pixels. */
const chartPx = 880;

/** The report as one HTML page: charts one can point at, every figure as text, and how each is computed. Works offline. */
export async function renderPage(data: ReportData, options: PageOptions = {}): Promise<string> {
  const blocks = reportBlocks(data);
  const drawn: Html[] = [];
  for (const block of blocks) drawn.push(await blockHtml(block, data));
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.title}</title>
<style>${pageStyles}</style>
</head>
<body>
<main>
<header>
<div class="brand">${data.account_name}</div>
<h1>${data.title}</h1>
<p class="lead muted">${periodText(data)}</p>
${data.description !== undefined && markup`<p class="muted">${data.description}</p>`}
</header>
${!data.is_due && markup`<p class="notice">Not sent by mail: ${data.due_reason}</p>`}
${drawn}${definitions(data)}<footer>As of ${formatAsOf(data.as_of, data)}. Days and weeks are cut in ${data.time_zone}. Made by Mallard from the report <em>${data.report_id}</em>.</footer>
</main>
<div id="tip" hidden></div>
${scripts(data, blocks, options.runtime ?? 'inline')}
</body>
</html>
`.html;
}

function scripts(
  data: ReportData,
  blocks: readonly ReportBlock[],
  runtime: NonNullable<PageOptions['runtime']>,
): Html | false {
  const charts = blocks.filter((block) => block.kind === 'chart');
  if (runtime === 'none' || charts.length === 0) return false;
  const specs = Object.fromEntries(
    charts.map((block) => [block.id, vegaSpec(chartSpec(block, data, { width_px: chartPx }))]),
  );
  const vega =
    runtime === 'inline'
      ? markup`<script>${raw(vegaRuntime().replaceAll('</script', '<\\/script'))}</script>`
      : markup`<script src="${runtime.url}"></script>`;
  return markup`<script type="application/json" id="charts">${scriptJson(specs)}</script>
${vega}
<script>${pageScript}</script>`;
}

async function blockHtml(block: ReportBlock, data: ReportData): Promise<Html> {
  if (block.kind === 'big_values') return bigValues(block);
  const title = markup`<h2>${block.title}</h2>
${block.subtitle !== undefined && markup`<p class="muted">${block.subtitle}</p>`}`;
  const note = block.note !== undefined && markup`<p class="muted">${block.note}</p>`;
  const table = figures(block.table, block.title);
  const content =
    block.kind === 'table'
      ? markup`${table}
${note}`
      : markup`<p class="finding">${block.finding}</p>
${await chart(block, data)}
${note}<details><summary>Figures</summary>${table}</details>`;
  return markup`<section id="${block.id}">${title}
${content}
${malloyText(block.id, data)}
</section>
`;
}

async function chart(block: ChartBlock, data: ReportData): Promise<Html> {
  const svg = await chartSvg(chartSpec(block, data, { width_px: chartPx }));
  return markup`<div class="chart" data-chart="${block.id}" role="img" aria-label="${block.title}: ${block.finding}">${raw(svg)}</div>`;
}

function bigValues(block: BigValuesBlock): Html {
  return markup`<h2>${block.title}</h2>
<div class="tiles">
${block.values.map(tile)}</div>
`;
}

function tile(value: BigValue): Html {
  const { delta } = value;
  const compared =
    delta &&
    markup`<div class="delta ${delta.verdict}" aria-label="${deltaInWords(delta)} ${delta.label}">${arrows[delta.direction]} ${delta.size} <span>${delta.label} (${delta.before})</span></div>
`;
  return markup`<div class="tile"${value.doc !== undefined && markup` title="${value.doc}"`}>
<div class="muted">${value.label}</div>
<div class="value">${value.text}</div>
${compared}</div>
`;
}

function figures(table: TextTable, name: string): Html {
  if (table.rows.length === 0) return markup`<p class="muted">No rows.</p>`;
  const side = (index: number) => table.columns[index]?.align === 'right' && markup` class="right"`;
  const heads = table.columns.map(
    (column, index) => markup`<th scope="col"${side(index)}>${column.label}</th>`,
  );
  const cells = (row: readonly string[]) => row.map((text, index) => markup`<td${side(index)}>${text}</td>`);
  return markup`<div class="scroll"><table aria-label="${name}">
<thead><tr>${heads}</tr></thead>
<tbody>
${table.rows.map((row) => markup`<tr>${cells(row)}</tr>\n`)}</tbody>
</table></div>`;
}

function malloyText(viewName: string, data: ReportData): Html | false {
  const malloy = data.views.find((view) => view.name === viewName)?.malloy;
  return malloy ? markup`<details><summary>Malloy</summary><pre>${malloy}</pre></details>` : false;
}

function definitions(data: ReportData): Html | false {
  const found = definitionsOf(data);
  if (found.length === 0) return false;
  return markup`<section><h2>How these figures are computed</h2>
<dl>
${found.map(({ label, doc }) => markup`<dt>${label}</dt><dd>${doc}</dd>\n`)}</dl>
</section>
`;
}
