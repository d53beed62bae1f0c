import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { packageRoot } from '../../data/package-root.ts';
import type { Why } from '../../models/engine/why/types.ts';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

const models = (index: string, least: string) => `##! experimental.givens
import '${index}'

source: sales is deals extend {
  measure:
    closed_count is won_count + lost_count
    #(metric) time=closed_at numerator=big_won_count denominator=closed_count
    # percent
    close_rate is big_won_count / nullif(closed_count, 0)
    big_won_count is count() { where: is_won and reporting_amount >= ${least} }
}
`;
const header = 'deal_id,name,stage,amount,created_at,closed_at\n';
const time = /20\d\d-\d\d-\d\dT[\d:.]+Z/g;

test('mallard why, for a person and as JSON', async () => {
  const dir = join(tempFolder(), 'project');
  mkdirSync(join(dir, 'models'), { recursive: true });
  const cli = async (...args: string[]) => {
    const ended = await callCli(['--project', dir, ...args]);
    expect(ended).toMatchObject({ code: 0, stderr: expect.any(String) as string });
    return ended.stdout;
  };
  const loads = async (table: string, text: string) => {
    const file = join(dir, '..', `${table}.csv`);
    writeFileSync(file, text);
    await cli('load', table, file, '--source', 'crm');
  };
  const defines = (least: string) =>
    writeFileSync(
      join(dir, 'models', 'own.malloy'),
      models(relative(join(dir, 'models'), join(packageRoot, 'models', 'index.malloy')), least),
    );

  defines('0');
  await loads(
    'deals',
    `${header}d1,Big,Won,900,2026-01-01,2026-02-01\nd2,Small,Won,20,2026-01-01,2026-02-02\nd3,Gone,Lost,50,2026-01-01,2026-02-03\nd4,Late to close,Open,70,2026-01-01,\n`,
  );
  await cli('build');
  await sleep(20);
  const vs = new Date().toISOString();
  await sleep(20);
  defines('100');
  await loads('deals', `${header}d5,Found,Lost,60,2026-01-01,2026-02-04\n`);
  await cli('build');

  const asked = [
    'why',
    'close_rate',
    '--vs',
    vs,
    '--from',
    '2026-01-01',
    '--to',
    '2027-01-01',
    '--by-row',
    '2',
  ];
  const text = await cli(...asked);
  expect(text.replaceAll(time, '<time>')).toMatchInlineSnapshot(`
    "close_rate: -41.67 points

          value    of     as of                     known                        period
    then  66.67 %  2 ÷ 3  <time>  by <time>  2026-01-01 to 2027-01-01
    now   25 %     1 ÷ 4  <time>  everything                   2026-01-01 to 2027-01-01

    part                 change         rows
    changed definitions  -33.33 points  1
    merged people        0 points       0
    late facts           -8.33 points   1
    corrected facts      0 points       0
    time passed          0 points       0
    new facts            0 points       0
    together             -41.67 points

    Changed definitions: models/own.malloy
      big_won_count
        - big_won_count is count() { where: is_won and reporting_amount >= 0 }
        + big_won_count is count() { where: is_won and reporting_amount >= 100 }

    changed definitions
    row  change         before  after  closed_at             name   stage  reporting_amount
    d2   -33.33 points  1 ÷ 1   0 ÷ 1  <time>  Small  Won               20.00

    late facts
    row  change        before  after  closed_at             name   stage  reporting_amount  recorded
    d5   -8.33 points  –       0 ÷ 1  <time>  Found  Lost              60.00  <time>, crm
    "
  `);

  const why = JSON.parse(await cli('--json', ...asked)) as Why;
  expect(why).toMatchObject({
    metric: 'close_rate',
    unit: 'ratio',
    then: { value: '0.666666666667' },
    now: { value: '0.25' },
    change: { value: '-0.416666666667' },
  });

  expect(await callCli(['--project', dir, 'why', 'close_rate'])).toMatchObject({ code: 2 });
  const unknown = await callCli(['--project', dir, 'why', 'nothing', '--vs', vs]);
  expect(unknown).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("There is no metric 'nothing'") as string,
  });
  expect(await cli('why', '--help')).toContain('Example: mallard why win_rate');
});
