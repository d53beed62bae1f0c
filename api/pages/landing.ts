import type { LandingFigures } from './figures.ts';

export interface Landing {
  version: string;
  account: string;
  project: string;
  outbox: string;
  /** Left out where tokens guard the server. */
  figures: LandingFigures | undefined;
}

const style = `
:root{color-scheme:light dark;--line:light-dark(#d9dee3,#3a4148);--quiet:light-dark(#5b6670,#9aa5af)}
body{font:16px/1.55 system-ui,sans-serif;max-width:56rem;margin:3rem auto;padding:0 1.25rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .5rem}
p,li{max-width:44rem}small,.quiet{color:var(--quiet)}
nav{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;margin:1.2rem 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem;margin:1rem 0}
dl div{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
dt{font-size:.85rem;color:var(--quiet)}dd{margin:0;font-size:1.35rem;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
td.number{text-align:right;font-variant-numeric:tabular-nums}
code{font:0.9em ui-monospace,monospace;overflow-wrap:anywhere}`;

/** The page at /: what is here, and where to look. No script, no asset of its own. */
export function landingPage(landing: Landing): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mallard</title><style>${style}</style></head>
<body>
<h1>Mallard <small>${escapeHtml(landing.version)}</small></h1>
<p>The marketing warehouse of ${escapeHtml(landing.account)}.</p>
<nav><a href="/docs">API reference</a><a href="/openapi.json">OpenAPI</a>${landing.figures ? links : ''}<a href="/ready">Readiness</a></nav>
${landing.figures ? figures(landing.figures, landing) : '<p>This server asks for a token: send <code>Authorization: Bearer …</code>.</p>'}
</body></html>
`;
}

const links =
  '<a href="/v1/reports/weekly/page">Weekly report</a><a href="/v1/lineage/page">Where figures come from</a><a href="/v1/fields">Fields</a><a href="/v1/segments">Segments</a><a href="/v1/campaigns">Campaigns</a>';

function figures(now: LandingFigures, landing: Landing): string {
  const build = now.last_build;
  const campaign = now.last_campaign;
  return `<h2>Data</h2>
<dl>${now.counts.map(({ name, rows }) => `<div><dt>${escapeHtml(name.replaceAll('_', ' '))}</dt><dd>${count(rows)}</dd></div>`).join('')}</dl>
<p>${build ? `Models built as of ${time(build.as_of)}: ${count(build.mart_count)} marts.` : 'No models are built yet: <code>mallard build</code>.'}</p>
<h2>Segments</h2>
${now.segments.length === 0 ? '<p class="quiet">None yet.</p>' : segmentTable(now.segments)}
<h2>Last campaign</h2>
<p>${campaign ? `${escapeHtml(campaign.title)}: ${escapeHtml(campaign.status)}, launched ${time(campaign.launched_at)}. ${count(campaign.sent)} to send, ${count(campaign.holdout)} held out, ${count(campaign.excluded)} excluded.` : 'None yet.'}</p>
<p>Mails of the file provider lie in <code>${escapeHtml(landing.outbox)}</code>.</p>
<h2>Last report</h2>
<p>${now.last_report ? `${escapeHtml(now.last_report.report_id)}: ${escapeHtml(now.last_report.status)} ${time(now.last_report.occurred_at)}.` : 'None yet.'}</p>
<h2>Jobs</h2>
${now.job_runs.length === 0 ? '<p class="quiet">None has run yet.</p>' : jobTable(now.job_runs)}
<p class="quiet">Project folder: <code>${escapeHtml(landing.project)}</code></p>`;
}

function segmentTable(segments: LandingFigures['segments']): string {
  const rows = segments.map(
    ({ title, segment_id, member_count }) =>
      `<tr><td>${escapeHtml(title)}</td><td><code>${escapeHtml(segment_id)}</code></td><td class="number">${member_count === null ? '–' : count(member_count)}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function jobTable(runs: LandingFigures['job_runs']): string {
  const rows = runs.map(
    (run) =>
      `<tr><td>${escapeHtml(run.job)}</td><td>${escapeHtml(run.status)}</td><td>${time(run.started_at)}</td><td class="quiet">${escapeHtml(run.error ?? '')}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function time(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
