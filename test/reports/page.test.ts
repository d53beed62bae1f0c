import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { renderPage } from '../../reports/page.ts';
import { vegaRuntime } from '../../reports/page-script.ts';
import { weeklyFixture } from './fixture.ts';
import { golden } from './golden.ts';

describe('renderPage', () => {
  it('is as reviewed', async () => {
    const page = await renderPage(weeklyFixture);
    // The runtime is Vega's own; the static charts have pictures of their own to look at.
    const reviewed = page.replace(vegaRuntime(), '[vega]').replaceAll(/<svg.*?<\/svg>/gs, '<svg></svg>');
    expect(reviewed).toBe(golden('weekly.page.html', reviewed));
  });

  it('is one file that loads nothing from elsewhere', async () => {
    const page = (await renderPage(weeklyFixture)).replace(vegaRuntime(), '');
    expect([...page.matchAll(/<(?:script|link|img|iframe)[^>]*(?:src|href)=/g)]).toEqual([]);
    expect(page).not.toContain('@import');
  });

  it('has the figures without any script', async () => {
    const page = await renderPage(weeklyFixture, { runtime: 'none' });
    expect(page).not.toContain('<script');
    expect([...page.matchAll(/<svg/g)]).toHaveLength(2);
    for (const figure of ['$48,210', '$36,000', '$184,300', '18,204']) expect(page).toContain(figure);
    expect(page).toContain('query: won_by_source is deals');
  });

  it('carries charts that its own Vega draws, with the same figures', async () => {
    const page = await renderPage(weeklyFixture);
    const specs = JSON.parse(
      /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page)?.[1] ?? '',
    ) as Record<string, unknown>;
    expect(Object.keys(specs)).toEqual(['revenue_by_week', 'won_by_source']);
    // The browser build, as the page has it, in a world without the modules of Node.
    const context: Record<string, unknown> = { console, setTimeout, clearTimeout, structuredClone };
    context['self'] = context['globalThis'] = context;
    runInNewContext(vegaRuntime(), context);
    const svg = (await runInNewContext(
      `new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()`,
      Object.assign(context, { spec: specs['won_by_source'] }),
    )) as string;
    expect(svg).toContain('$184,300');
  });

  it('loads Vega from a URL where asked', async () => {
    const page = await renderPage(weeklyFixture, { runtime: { url: '/assets/vega.js' } });
    expect(page).toContain('<script src="/assets/vega.js"></script>');
    expect(page.length).toBeLessThan(100_000);
  });

  it('keeps data from ending its script, and says that a report was not sent', async () => {
    const page = await renderPage(
      {
        ...weeklyFixture,
        is_due: false,
        due_reason: 'The condition ‘news’ does not hold.',
        views: weeklyFixture.views.map((view) => ({
          ...view,
          rows: view.rows.map((row) =>
            'lead_source' in row ? { ...row, lead_source: '</script><script>alert(1)</script>' } : row,
          ),
        })),
      },
      { runtime: { url: '/v.js' } },
    );
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('Not sent by mail: The condition ‘news’ does not hold.');
  });
});
