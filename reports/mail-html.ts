import type { BigValue, BigValuesBlock, ChartBlock, ReportBlock, TableBlock, TextTable } from './blocks.ts';
import { definitionsOf } from './definitions.ts';
import { arrows, deltaInWords } from './delta.ts';
import { formatAsOf } from './format.ts';
import { markup, raw, type Html } from './html.ts';
import { mailFont, mailStyles, style } from './mail-style.ts';
import { palette } from './palette.ts';
import { periodText, previewText } from './summary.ts';
import type { ReportData } from './types.ts';

/** The text column of the mail, in CSS pixels: 640 less its margins. */
export const mailColumnPx = 592;

/** Under a chart the mail writes at most so many figures; the page has them all. */
const mailRows = { line: 5, bar: 12 } as const;

/** White space after the preview text, so that clients do not fill their line with the mail's first words. */
const previewFill = raw('&#847;&zwnj;&nbsp;'.repeat(60));

/**
 * The mail as HTML: tables for layout, at most 640 px wide, readable without images, without a style element (Gmail with
 * foreign accounts), in the dark, and on a phone (tiles wrap by themselves).
 * @param pictures the CID of each chart's picture, by block id
 */
export function mailHtml(
  data: ReportData,
  blocks: readonly ReportBlock[],
  pictures: ReadonlyMap<string, string>,
): string {
  const parts = [
    header(data),
    ...blocks.map((block, index) => part(blockHtml(block, pictures), index > 0)),
    ...(data.page_url ? [part(button(data.page_url), false)] : []),
    part(footer(data), true),
  ];
  return markup`<!doctype html>
<html lang="en" dir="ltr" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<meta name="x-apple-disable-message-reformatting">
<title>${data.title}</title>
${outlook('<style>* { font-family: Arial, sans-serif !important; }</style><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml>')}
<style>${mailStyles}</style>
</head>
<body class="canvas" style="margin:0;padding:0;background-color:${palette.canvas};font-family:${raw(mailFont)}">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${previewText(blocks)}${previewFill}</div>
<table role="presentation" class="canvas" width="100%" cellpadding="0" cellspacing="0" style="background-color:${palette.canvas}"><tr><td class="outer" align="center" style="padding:28px 12px">
${outlook('<table role="presentation" width="640" cellpadding="0" cellspacing="0"><tr><td>')}
<table role="presentation" class="surface" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;margin:0 auto;text-align:left;background-color:${palette.surface};border-radius:12px;border-top:5px solid ${palette.brand}">
${parts}</table>
${outlook('</td></tr></table>')}
</td></tr></table>
</body>
</html>
`.html;
}

/** Seen by Outlook on Windows alone. */
function outlook(html: string): Html {
  return raw(`<!--[if mso]>${html}<![endif]-->`);
}

function part(content: Html, hasRule: boolean): Html {
  const rule = markup`<div class="rule" style="border-top:1px solid ${palette.line};font-size:0;line-height:0">&nbsp;</div>${space(26)}`;
  return markup`<tr><td class="part" style="padding:0 24px 30px">${hasRule && rule}${content}</td></tr>
`;
}

function space(px: number): Html {
  return markup`<div style="height:${px}px;font-size:0;line-height:${px}px">&nbsp;</div>`;
}

function header(data: ReportData): Html {
  return markup`<tr><td class="part" style="padding:26px 24px 22px">
<div class="brand" style="${style.brand}">${data.account_name}</div>
<h1 class="title ink" style="${style.title}">${data.title}</h1>
<p class="muted" style="${style.period}">${periodText(data)}</p>
</td></tr>
`;
}

function blockHtml(block: ReportBlock, pictures: ReadonlyMap<string, string>): Html {
  if (block.kind === 'big_values') return bigValues(block);
  return block.kind === 'chart' ? chart(block, pictures.get(block.id)) : table(block);
}

function heading(block: ReportBlock): Html {
  const subtitle = markup`
<p class="muted" style="${style.subtitle}">${block.subtitle}</p>`;
  return markup`<h2 class="ink" style="${style.heading}">${block.title}</h2>${block.subtitle !== undefined && subtitle}`;
}

function noteHtml(note: string | undefined): Html | false {
  return note ? markup`<p class="muted" style="${style.note}">${note}</p>` : false;
}

/** Tiles are inline blocks: where they do not fit beside one another they wrap, with no media query. Outlook gets a table. */
function bigValues(block: BigValuesBlock): Html {
  const count = block.values.length;
  const perRow = count <= 4 ? count : count % 3 === 0 ? 3 : 4;
  // The outer tiles' margins lie outside of the column.
  const width = Math.floor((mailColumnPx + 8) / perRow);
  const share = Math.floor(10_000 / perRow) / 100;
  const tiles = block.values.map((value, index) => {
    const row = index > 0 && index % perRow === 0 ? '</tr><tr>' : '';
    return markup`${outlook(`${row}<td width="${width - 2}" valign="top">`)}<div class="tile" style="display:inline-block;width:${share}%;min-width:132px;vertical-align:top;font-size:14px">${tile(value)}</div>${outlook('</td>')}`;
  });
  return markup`<div style="margin:0 -4px;font-size:0;text-align:left">${outlook('<table role="presentation" cellpadding="0" cellspacing="0"><tr>')}${tiles}${outlook('</tr></table>')}</div>`;
}

function tile(value: BigValue): Html {
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td style="padding:4px"><table role="presentation" class="tile-box" width="100%" cellpadding="0" cellspacing="0" style="background-color:${palette.canvas};border-radius:8px"><tr><td style="padding:14px 8px 12px 12px"><table role="presentation" cellpadding="0" cellspacing="0">
<tr><td class="muted" style="${style.label}">${value.label}</td></tr>
<tr><td class="ink" style="${style.value}">${value.text}</td></tr>
${value.delta && deltaRows(value.delta)}</table></td></tr></table></td></tr></table>`;
}

function deltaRows(delta: NonNullable<BigValue['delta']>): Html {
  const tone = delta.verdict === 'neutral' ? 'muted' : delta.verdict;
  return markup`<tr><td class="${tone}" style="${style.delta};color:${palette[delta.verdict]}"><span aria-hidden="true">${arrows[delta.direction]}</span>&nbsp;<span aria-label="${deltaInWords(delta)}">${delta.size}</span></td></tr>
<tr><td class="muted" style="${style.before}">${delta.before} ${delta.label.replace(/^vs\.? /, '')}</td></tr>
`;
}

function chart(block: ChartBlock, cid: string | undefined): Html {
  const limit = mailRows[block.mark];
  const all = block.table.rows;
  // A line's latest points matter most, newest first; a bar's order is its own.
  const rows = block.mark === 'line' ? all.slice(-limit).reverse() : all.slice(0, limit);
  const cut =
    rows.length < all.length &&
    `${block.mark === 'line' ? 'The latest' : 'The first'} ${rows.length} of ${all.length}.`;
  const picture = markup`<img src="cid:${cid}" width="${mailColumnPx}" alt="${block.title}: ${block.finding}" style="width:100%;max-width:${mailColumnPx}px;height:auto;color:${palette.muted};font-size:13px;line-height:1.4">
`;
  return markup`${heading(block)}
<p class="ink" style="${style.finding}">${block.finding}</p>
${cid !== undefined && picture}${space(12)}
${figures({ columns: block.table.columns, rows }, block.title)}
${noteHtml([block.note, cut].filter(Boolean).join(' '))}`;
}

function table(block: TableBlock): Html {
  return markup`${heading(block)}
${space(10)}
${figures(block.table, block.title)}
${noteHtml(block.note)}`;
}

/** A real table of figures: named for screen readers, with column heads, figures flush right in tabular numerals. */
function figures(shown: TextTable, name: string): Html {
  if (shown.rows.length === 0) return markup`<p class="muted" style="${style.note}">No rows.</p>`;
  const heads = shown.columns.map(
    (column, index) =>
      markup`<th scope="col" class="head muted rule" style="${style.head}${aligned(shown, index)}">${column.label}</th>`,
  );
  const cells = (row: readonly string[]) =>
    row.map(
      (text, index) =>
        markup`<td class="cell ink rule" style="${style.cell}${aligned(shown, index)}">${text}</td>`,
    );
  return markup`<table width="100%" cellpadding="0" cellspacing="0" aria-label="${name}">
<thead><tr>${heads}</tr></thead>
<tbody>
${shown.rows.map((row) => markup`<tr>${cells(row)}</tr>\n`)}</tbody>
</table>`;
}

function aligned(shown: TextTable, index: number): string {
  const first = index === 0 ? ';padding-left:0' : '';
  return shown.columns[index]?.align === 'right'
    ? `;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums${first}`
    : `;text-align:left${first}`;
}

function button(url: string): Html {
  return markup`<table role="presentation" cellpadding="0" cellspacing="0"><tr><td style="background-color:${palette.brand};border-radius:7px"><a href="${url}" style="display:inline-block;padding:11px 20px;color:#ffffff;font-size:14px;line-height:1.2;font-weight:600;text-decoration:none">Open the interactive page</a></td></tr></table>`;
}

function footer(data: ReportData): Html {
  const definitions = definitionsOf(data).map(
    ({ label, doc }) =>
      markup`<tr><td class="ink" valign="top" style="padding:2px 14px 4px 0;width:25%;color:${palette.ink};font-size:12px;line-height:1.4;font-weight:600">${label}</td><td class="muted" valign="top" style="padding:2px 0 4px;${style.small}">${doc}</td></tr>\n`,
  );
  const computed = markup`<h2 class="ink" style="margin:0 0 8px;color:${palette.ink};font-size:14px;line-height:1.3;font-weight:700">How these figures are computed</h2>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
${definitions}</table>
`;
  return markup`${definitions.length > 0 && computed}<p class="muted" style="margin:14px 0 0;${style.small}">As of ${formatAsOf(data.as_of, data)}: what had happened, and was recorded, by then. Days and weeks are cut in ${data.time_zone}; amounts without a sign of their own are in ${data.currency}.</p>
<p class="muted" style="margin:6px 0 0;${style.small}">Made by Mallard for ${data.account_name} from the report <em>${data.report_id}</em>.</p>`;
}
