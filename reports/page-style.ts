import { raw, type Html } from './html.ts';
import { darkPalette, palette } from './palette.ts';

function variables(colours: Record<string, string>): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ');
}

export const pageStyles: Html = raw(`
  :root { color-scheme: light dark; ${variables(palette)} }
  @media (prefers-color-scheme: dark) { :root { ${variables(darkPalette)} } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--canvas); color: var(--ink); font: 15px/1.4 system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
  main { max-width: 960px; margin: 0 auto; padding: 32px 20px 56px; }
  header { border-top: 5px solid var(--brand); padding-top: 22px; margin-bottom: 26px; }
  .brand { color: var(--brand); font-size: 14px; font-weight: 600; }
  h1 { margin: 4px 0 0; font-size: 32px; line-height: 1.2; letter-spacing: -.01em; }
  h2 { margin: 0; font-size: 20px; line-height: 1.3; }
  .muted { color: var(--muted); }
  .lead { margin: 6px 0 0; font-size: 17px; }
  section { margin-top: 20px; padding: 24px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
  section > .muted { margin: 2px 0 0; font-size: 14px; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin-top: 20px; }
  .tile { padding: 18px 20px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
  .tile .value { margin-top: 4px; font-size: 32px; line-height: 1.2; font-weight: 700; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
  .tile .delta { margin-top: 6px; font-weight: 700; font-variant-numeric: tabular-nums; }
  .tile .delta span { font-weight: 400; font-size: 13px; color: var(--muted); }
  .good { color: var(--good); } .bad { color: var(--bad); } .neutral { color: var(--neutral); }
  .finding { margin: 12px 0 14px; max-width: 70ch; }
  .chart { width: 100%; overflow-x: auto; }
  .chart svg { display: block; max-width: 100%; height: auto; }
  .scroll { overflow-x: auto; }
  table { width: 100%; border-collapse: collapse; margin-top: 12px; }
  th { padding: 8px 0 8px 16px; color: var(--muted); font-size: 13px; font-weight: 600; text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--line); }
  td { padding: 9px 0 9px 16px; border-bottom: 1px solid var(--line); vertical-align: top; }
  th:first-child, td:first-child { padding-left: 0; }
  .right { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
  details { margin-top: 14px; } summary { cursor: pointer; color: var(--muted); font-size: 14px; }
  pre { overflow-x: auto; padding: 14px 16px; background: var(--canvas); border-radius: 8px; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
  dl { display: grid; grid-template-columns: minmax(120px, max-content) 1fr; gap: 6px 20px; margin: 14px 0 0; font-size: 14px; }
  dt { font-weight: 600; } dd { margin: 0; color: var(--muted); }
  footer { margin-top: 26px; color: var(--muted); font-size: 13px; }
  .notice { margin-top: 20px; padding: 14px 18px; border-left: 4px solid var(--brand); background: var(--surface); }
  #tip { position: fixed; z-index: 9; padding: 8px 11px; border-radius: 7px; background: var(--ink); color: var(--surface); font-size: 13px; line-height: 1.4; pointer-events: none; box-shadow: 0 4px 14px #0004; }
  #tip b { font-variant-numeric: tabular-nums; }
  @media (max-width: 520px) { main { padding: 16px 12px 40px; } section { padding: 18px; } h1 { font-size: 26px; } dl { grid-template-columns: 1fr; gap: 2px; } dd { margin-bottom: 8px; } .tiles { grid-template-columns: repeat(2, 1fr); gap: 10px; } .tile { padding: 14px; } .tile .value { font-size: 24px; } }
`);
