import { raw, type Html } from '../../../reports/html.ts';

/** Beside reports/page-style.ts, whose colours it takes. */
export const lineageStyles: Html = raw(`
  main { max-width: 1680px; }
  .panes { display: grid; grid-template-columns: 270px minmax(0, 1fr); gap: 24px; align-items: start; }
  nav { position: sticky; top: 12px; display: flex; flex-direction: column; max-height: calc(100vh - 24px); }
  nav label { font-weight: 600; font-size: 14px; }
  #search { width: 100%; margin-top: 6px; padding: 9px 11px; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); color: var(--ink); font: inherit; }
  #keys, #found { margin: 6px 0 0; font-size: 12px; } #found { margin-bottom: 4px; }
  #names { position: relative; overflow-y: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); padding: 4px 0 8px; }
  #names h2 { position: sticky; top: -4px; padding: 8px 12px 4px; background: var(--surface); font-size: 13px; color: var(--muted); }
  #names ul { list-style: none; margin: 0; padding: 0; }
  #names a { display: block; padding: 4px 12px; color: inherit; text-decoration: none; font-size: 14px; overflow-wrap: anywhere; }
  #names a:hover { background: var(--canvas); }
  #names a[aria-current] { background: var(--brand); color: var(--surface); }
  a:focus-visible, button:focus-visible, input:focus-visible, .graph:focus-visible { outline: 2px solid var(--brand); outline-offset: 1px; }
  article:focus { outline: none; }
  article > section:first-of-type { margin-top: 0; }
  article h2 { overflow-wrap: anywhere; }
  article h3 { margin: 0 0 6px; font-size: 16px; }
  .tags { display: flex; flex-wrap: wrap; gap: 6px; margin: 10px 0 0; padding: 0; list-style: none; font-size: 13px; }
  .tags li { padding: 2px 9px; border: 1px solid var(--line); border-radius: 99px; }
  code { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
  .doc { margin: 10px 0 0; max-width: 75ch; }
  .formula { display: block; margin-top: 10px; padding: 10px 12px; background: var(--canvas); border-radius: 8px; }
  .graph { position: relative; overflow: auto; margin-top: 8px; max-height: 74vh; }
  .drawing { position: relative; }
  .drawing svg { position: absolute; inset: 0; }
  .edge { fill: none; stroke: var(--muted); stroke-opacity: .38; stroke-width: 1.4; }
  .edge.through { stroke-dasharray: 4 4; }
  .bands { position: sticky; top: 0; z-index: 2; height: 28px; background: var(--surface); }
  .band { position: absolute; top: 0; border-bottom: 1px solid var(--line); padding-bottom: 4px; font-size: 13px; font-weight: 600; color: var(--muted); white-space: nowrap; }
  .band span { position: sticky; left: 0; }
  .node { position: absolute; display: block; width: 164px; height: 42px; padding: 3px 9px; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); color: var(--ink); text-align: left; text-decoration: none; font-family: inherit; line-height: 1.35; cursor: pointer; overflow: hidden; }
  .node span, .node b { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .node span { font-size: 11px; color: var(--muted); }
  .node b { font-size: 13px; font-weight: 600; }
  .node.core { background: var(--canvas); }
  .node.chosen { border: 2px solid var(--brand); }
  .node.use { border-style: dashed; }
  .lit .node { opacity: .35; } .lit .edge { stroke-opacity: .1; }
  .lit .node.on { opacity: 1; } .lit .edge.on { stroke: var(--brand); stroke-opacity: 1; stroke-width: 2; }
  .about { min-height: 3.2em; margin: 10px 0 0; font-size: 14px; overflow-wrap: anywhere; }
  .steps { margin: 8px 0 0; padding: 0; list-style: none; }
  .steps > li { padding: 9px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
  .steps .muted { font-size: 13px; }
  .columns dt { overflow-wrap: anywhere; } .columns dd { overflow-wrap: anywhere; }
  article ul.plain { margin: 8px 0 0; padding-left: 20px; } article ul.plain li { margin: 3px 0; overflow-wrap: anywhere; }
  article a { color: var(--brand); }
  article a.node { color: var(--ink); }
  @media (max-width: 820px) {
    .panes { grid-template-columns: minmax(0, 1fr); gap: 14px; }
    nav { position: static; max-height: none; }
    #names { max-height: 215px; }
    .graph, .about { display: none; }
    details.steps-box > summary { display: none; }
  }
`);
