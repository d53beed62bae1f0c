import { expect, test } from 'vitest';
import { shareStages } from '../../models/engine/shared-stages.ts';

const stages = (...bodies: string[]) =>
  `WITH ${bodies.map((body, index) => `__stage${index} AS (\n${body}\n)`).join('\n, ')}\n`;

test('what is aggregated twice is aggregated once, with what it reads', () => {
  const select = `  SELECT a FROM events WHERE note <> ')'`;
  const grouped = (from: string) => `  SELECT a, max("b(") FROM ${from} -- (\n  GROUP BY 1`;
  const sql = `${stages(select, grouped('__stage0'), select, grouped('__stage2'))}SELECT * FROM __stage1 JOIN __stage3 USING (a)`;
  expect(shareStages(sql)).toBe(
    `${stages(select, grouped('__stage0'))}SELECT * FROM __stage1 JOIN __stage1 USING (a)`,
  );
});

test('window functions too; what a shared stage alone had read goes', () => {
  const ranked = (from: string) => `SELECT a, row_number() OVER (ORDER BY b) AS n FROM ${from}`;
  const sql = `${stages('SELECT 1 AS a', ranked('__stage0'), 'SELECT 1 AS a', ranked('__stage2'), 'SELECT a FROM __stage3')}FROM __stage4, __stage1`;
  expect(shareStages(sql)).toBe(
    `WITH __stage0 AS (\nSELECT 1 AS a\n)\n, __stage1 AS (\n${ranked('__stage0')}\n)\n, __stage4 AS (\nSELECT a FROM __stage1\n)\nFROM __stage4, __stage1`,
  );
});

test('a text that looks like a stage stays what it is', () => {
  const grouped = (from: string) =>
    `SELECT a FROM ${from} WHERE b = '__stage3' OR c = E'it\\'s (' GROUP BY 1`;
  const select = 'SELECT a, b, c FROM t';
  const sql = `${stages(select, grouped('__stage0'), select, grouped('__stage2'))}SELECT '__stage3', "__stage3" FROM __stage1, __stage3`;
  expect(shareStages(sql)).toBe(
    `${stages(select, grouped('__stage0'))}SELECT '__stage3', "__stage3" FROM __stage1, __stage1`,
  );
});

test('stages that only select, that differ, or that raw SQL has of its own stay as they are', () => {
  for (const sql of [
    `${stages('SELECT a FROM t', 'SELECT a FROM t')}SELECT * FROM __stage0, __stage1`,
    `${stages('SELECT a FROM t GROUP BY 1', 'SELECT b FROM t GROUP BY 1')}SELECT * FROM __stage0, __stage1`,
    `${stages('SELECT * FROM (WITH __stage0 AS (SELECT 1 GROUP BY 1) FROM __stage0)', 'SELECT 1 GROUP BY 1')}FROM __stage0, __stage1`,
    'SELECT 1',
    'WITH __stage0 AS (\nSELECT (1\n',
  ])
    expect(shareStages(sql)).toBe(sql);
});
