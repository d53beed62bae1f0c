import { raw, type Html } from './html.ts';
import { darkPalette, palette } from './palette.ts';

/** The system's sans-serif: a mail carries no web fonts. */
export const mailFont = `-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif`;

/** Inline styles, since many clients drop the style element; line heights 1.2 for headings and figures, 1.4 for text. */
export const style = {
  brand: `color:${palette.brand};font-size:13px;line-height:1.4;font-weight:600;letter-spacing:.02em`,
  title: `margin:4px 0 0;color:${palette.ink};font-size:26px;line-height:1.2;font-weight:700;letter-spacing:-.01em`,
  period: `margin:6px 0 0;color:${palette.muted};font-size:15px;line-height:1.4`,
  heading: `margin:0;color:${palette.ink};font-size:18px;line-height:1.3;font-weight:700`,
  subtitle: `margin:2px 0 0;color:${palette.muted};font-size:13px;line-height:1.4`,
  finding: `margin:10px 0 14px;color:${palette.ink};font-size:14px;line-height:1.4`,
  note: `margin:8px 0 0;color:${palette.muted};font-size:12px;line-height:1.4`,
  label: `color:${palette.muted};font-size:13px;line-height:1.3`,
  value: `padding-top:4px;color:${palette.ink};font-size:25px;line-height:1.2;font-weight:700;letter-spacing:-.01em;font-variant-numeric:tabular-nums;white-space:nowrap`,
  delta: `padding-top:6px;font-size:14px;line-height:1.3;font-weight:700;font-variant-numeric:tabular-nums`,
  before: `color:${palette.muted};font-size:11px;line-height:1.4;font-variant-numeric:tabular-nums`,
  head: `padding:6px 0 6px 12px;color:${palette.muted};font-size:12px;line-height:1.3;font-weight:600;border-bottom:1px solid ${palette.line};vertical-align:bottom`,
  cell: `padding:7px 0 7px 12px;color:${palette.ink};font-size:14px;line-height:1.3;border-bottom:1px solid ${palette.line};vertical-align:top`,
  small: `color:${palette.muted};font-size:12px;line-height:1.4`,
} as const;

/** What the inline styles cannot say: the dark scheme, a phone's margins, links that clients make of dates. */
export const mailStyles: Html = raw(`
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  body { margin: 0; padding: 0; -webkit-text-size-adjust: 100%; }
  table { border-collapse: separate; border-spacing: 0; }
  img { border: 0; display: block; }
  a[x-apple-data-detectors] { color: inherit !important; text-decoration: none !important; }
  @media (max-width: 480px) {
    .outer { padding: 12px 8px !important; }
    .part { padding-left: 16px !important; padding-right: 16px !important; }
    .title { font-size: 23px !important; }
    .tile { width: 50% !important; }
    .cell:not(:first-child), .head:not(:first-child) { padding-left: 7px !important; }
    .cell { font-size: 13px !important; }
    .head { font-size: 11px !important; }
  }
  @media (prefers-color-scheme: dark) {
${darkRules('    ')}
  }
${darkRules('  ', '[data-ogsc] ')}
`);

/** Outlook.com marks a dark mail by an attribute instead of the media query. */
function darkRules(indent: string, prefix = ''): string {
  const rules: [selector: string, declarations: string][] = [
    ['.canvas', `background-color: ${darkPalette.canvas} !important;`],
    ['.surface', `background-color: ${darkPalette.surface} !important;`],
    ['.tile-box', `background-color: #1f2624 !important;`],
    ['.ink', `color: ${darkPalette.ink} !important;`],
    ['.muted', `color: ${darkPalette.muted} !important;`],
    ['.brand', `color: ${darkPalette.brand} !important;`],
    ['.good', `color: ${darkPalette.good} !important;`],
    ['.bad', `color: ${darkPalette.bad} !important;`],
    ['.rule', `border-color: ${darkPalette.line} !important;`],
  ];
  return rules
    .map(([selector, declarations]) => `${indent}${prefix}${selector} { ${declarations} }`)
    .join('\n');
}
