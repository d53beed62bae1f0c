import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../data/package-root.ts';
import { asOfFiles } from '../../models/engine/as-of.ts';
import { generatedFiles } from '../../models/engine/windows.ts';
import { scoreFiles } from '../../models/scores/generate.ts';
import { asOf } from './fixture.ts';
import { sharedBase } from './support.ts';

const base = sharedBase();
const models = join(packageRoot, 'models');
const malloyFiles = readdirSync(models, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.malloy'),
);

test('every dimension and measure of every source compiles to SQL that runs', async () => {
  const { engine } = base();
  const { sources, broken } = await engine.catalogue();
  expect(broken).toEqual([]);
  expect(sources.map((source) => source.name)).toEqual(
    expect.arrayContaining([
      'contacts',
      'email_events',
      'deals',
      'orders',
      'contact_facts',
      'rfm',
      'lead_scores',
      'deal_facts',
    ]),
  );
  for (const source of sources) {
    const fields = source.fields.map((field, index) => `f${index} is ${quoted(field.path)}`);
    await engine.query(`run: ${source.name} -> { select: ${fields.join(', ')} limit: 1 }`, {
      asOf,
      restricted: true,
    });
    if (source.measures.length > 0) {
      await engine.query(`run: ${source.name} -> { aggregate: ${source.measures.join(', ')} }`, {
        asOf,
        restricted: true,
      });
    }
  }
});

test('every field and measure of the marts and every source is documented', async () => {
  const { fields, measures, sources } = await base().engine.catalogue();
  expect(
    fields.filter((field) => field.doc === undefined).map((field) => `${field.mart}.${field.path}`),
  ).toEqual([]);
  expect(
    measures
      .filter((measure) => measure.doc === undefined)
      .map((measure) => `${measure.source}.${measure.name}`),
  ).toEqual([]);
  expect(sources.filter((source) => source.doc === undefined).map((source) => source.name)).toEqual([]);
});

test('the catalogue names fields by path, metrics with their dimensions, and segments', async () => {
  const catalogue = await base().engine.catalogue();
  const facts = new Map(
    catalogue.fields.filter((field) => field.mart === 'contact_facts').map((field) => [field.path, field]),
  );
  expect(facts.get('lifecycle_stage')).toEqual({
    path: 'lifecycle_stage',
    type: 'string',
    doc: 'subscriber, lead, mql, sql, opportunity or customer; of merged contacts the furthest.',
    mart: 'contact_facts',
  });
  expect(facts.get('email.last_30_days.clicks')).toEqual({
    path: 'email.last_30_days.clicks',
    type: 'number',
    unit: 'clicks',
    doc: 'Clicks by a person; unsubscribe links excluded. In the last 30 days.',
    mart: 'contact_facts',
  });
  expect(facts.get('rfm.segment')?.type).toBe('string');
  expect(facts.get('lead_scores.score')?.type).toBe('number');
  expect(facts.get('is_suppressed')?.type).toBe('boolean');
  expect(facts.get('last_ordered_at')?.type).toBe('timestamp');
  expect(
    [...facts.keys()].filter((path) => /states|conversions|_events\.|_now$|attributes/.test(path)),
  ).toEqual([]);

  const metrics = catalogue.measures.filter((measure) => measure.is_metric);
  expect(metrics.map((metric) => `${metric.source}.${metric.name}`)).toEqual(
    expect.arrayContaining([
      'deal_facts.win_rate',
      'deal_facts.average_deal_size',
      'contact_facts.lead_conversion_rate',
      'email_performance.open_rate',
      'customer_spans.lapse_rate',
    ]),
  );
  for (const metric of metrics) {
    const fields =
      catalogue.sources.find((source) => source.name === metric.source)?.fields.map((field) => field.path) ??
      [];
    expect(fields, `${metric.source}.${metric.name}`).toEqual(expect.arrayContaining(metric.dimensions));
  }
  expect(catalogue.segments.map((segment) => [segment.name, segment.source])).toEqual([
    ['champions', 'segment_champions'],
    ['at_risk', 'segment_at_risk'],
    ['hot_leads', 'segment_hot_leads'],
  ]);
});

test('the segments yield contacts', async () => {
  const { engine } = base();
  for (const segment of (await engine.catalogue()).segments) {
    const { columns } = await engine.query(`run: ${segment.source} -> { group_by: contact_id }`, {
      asOf,
      restricted: true,
    });
    expect(columns.map((column) => column.name)).toEqual(['contact_id']);
  }
});

test('the generated files are those of the lists of windows, of tracked fields and of the score’s rules', async () => {
  for (const [file, text] of [...generatedFiles(), ...asOfFiles(), ...(await scoreFiles())]) {
    expect(readFileSync(join(models, file), 'utf8'), `${file}: run npx tsx models/engine/generate.ts`).toBe(
      text,
    );
  }
});

test('raw SQL stands in one place, and no model asks for the present', () => {
  const raw: string[] = [];
  for (const file of malloyFiles) {
    const text = readFileSync(join(models, file), 'utf8').replaceAll(/\/\/.*$/gm, '');
    // Into the account's zone and back, for which Malloy has a statement that takes no given; and tables of a few words, for it has no union.
    const allowed = /timezone!timestamp(tz)?\(|\.sql\("select unnest\(\[[^\]]*\]\) as \w+"\)/g;
    for (const match of text
      .replaceAll(allowed, '')
      .matchAll(/\w+!\w*\(|\.sql\(|sql_(?:number|string|boolean|date|timestamp)\(/g))
      raw.push(`${file} ${match[0]}`);
    expect({ file, asks: /\bnow\b/.test(text) }).toEqual({ file, asks: false });
  }
  expect(raw).toEqual(['base/contacts.malloy sha256!string(']);
});

test('only base files name a table, and each table is named by one', () => {
  const named = malloyFiles.flatMap((file) =>
    [...readFileSync(join(models, file), 'utf8').matchAll(/duckdb\.table\('([^']+)'\)/g)].map((match) => ({
      file,
      table: match[1],
    })),
  );
  expect(named.filter(({ file }) => !file.startsWith('base/'))).toEqual([]);
  const filesOf = new Map<string | undefined, Set<string>>();
  for (const { file, table } of named) filesOf.set(table, (filesOf.get(table) ?? new Set()).add(file));
  expect([...filesOf].filter(([, files]) => files.size > 1)).toEqual([]);
});

/** Some columns bear names that Malloy reserves. */
function quoted(path: string): string {
  return path
    .split('.')
    .map((name) => `\`${name}\``)
    .join('.');
}

test('an `or` in a condition stands in brackets: in the condition of a join Malloy writes none of its own', () => {
  const bare = malloyFiles.flatMap((file) =>
    [...readFileSync(join(models, file), 'utf8').matchAll(/^\s*where: (.*)$/gm)]
      .map((match) => ({ file, condition: (match[1] ?? '').replaceAll(/\([^()]*\)/g, '') }))
      .filter(({ condition }) => / or /.test(condition.replaceAll(/\([^()]*\)/g, ''))),
  );
  expect(bare.filter(({ file }) => file.startsWith('base/'))).toEqual([]);
});
