import { markup, scriptJson } from '../../../reports/html.ts';
import { pageStyles } from '../../../reports/page-style.ts';
import { lineageGraph } from '../../catalogue/graph.ts';
import type { FieldCatalogue } from '../../catalogue/catalogue.ts';
import { lineageScript } from './script.ts';
import { lineageStyles } from './style.ts';

export type LineagePage = { account: string } & Awaited<ReturnType<FieldCatalogue['graph']>>;

/**
 * One page that works offline: look for a field or measure, and see the way from the warehouse's columns to it, and from it
 * to who uses it. Made from the compiled models, so that it cannot say what they do not.
 */
export function lineagePage({ account, catalogue, lineage }: LineagePage): string {
  const graph = lineageGraph(catalogue, lineage);
  const count = Object.keys(graph.entries).length;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Where figures come from</title>
<style>${pageStyles}${lineageStyles}</style>
</head>
<body>
<main>
<header>
<div class="brand">${account}</div>
<h1>Where figures come from</h1>
<p class="lead muted">${count} fields and measures, from the columns of the warehouse to who uses them. Read from the compiled models.</p>
</header>
<div class="panes">
<nav aria-label="Fields and measures">
<label for="search">Field or measure</label>
<input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="revenue, win_rate, clicks …" aria-controls="names" aria-describedby="found keys">
<p id="keys" class="muted">Arrow keys go through the list, Enter opens; / comes back here.</p>
<p id="found" class="muted" role="status"></p>
<div id="names"></div>
</nav>
<article id="field" tabindex="-1"><noscript><p class="notice">This page draws itself with a script, which this browser does not run. <code>mallard fields NAME</code> says the same in words.</p></noscript></article>
</div>
</main>
<script type="application/json" id="graph">${scriptJson(graph)}</script>
<script>${lineageScript}</script>
</body>
</html>
`.html;
}
