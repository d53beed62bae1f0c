import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { generateSample } from '../../../pipelines/sample/generate.ts';
import { MallardError } from '../../../data/errors.ts';
import { openSample, type OpenSample } from './open-sample.ts';

const opened: OpenSample[] = [];
afterAll(() => opened.forEach((sample) => sample.close()));

/** One hash a table, of its rows in the order in which they stand. */
async function fingerprints(options: Parameters<typeof openSample>[0]): Promise<Record<string, string>> {
  const sample = await openSample(options);
  opened.push(sample);
  const prints: Record<string, string> = {};
  for (const { table, path } of sample.files) {
    if (path.endsWith('.parquet')) {
      const [row] = await sample.rows<{ print: string }>(
        `select md5(string_agg(hash(t)::varchar, ',' order by file_row_number)) as print from read_parquet('${path}', file_row_number = true) t`,
      );
      prints[table] = row?.print ?? '';
    } else prints[table] = readFileSync(path, 'utf8');
  }
  return prints;
}

test('the same seed gives the same rows in the same order, whatever the threads', async () => {
  const one = await fingerprints({ contacts: 3000, threads: 1 });
  const four = await fingerprints({ contacts: 3000, threads: 4 });
  expect(Object.keys(one)).toHaveLength(19);
  // Names only: a difference of two files is no reading.
  expect(Object.keys(one).filter((table) => four[table] !== one[table])).toEqual([]);
  expect(opened[1]?.truth).toEqual(opened[0]?.truth);
});

test('another seed gives other rows', async () => {
  const one = await fingerprints({ contacts: 200, seed: 1 });
  const two = await fingerprints({ contacts: 200, seed: 2 });
  for (const table of ['contacts', 'orders', 'email_events', 'deals'])
    expect(two[table]).not.toBe(one[table]);
});

test.each([
  [{ contacts: 50 }, 'contacts'],
  [{ contacts: 1000.5 }, 'contacts'],
  [{ seed: 0.5 }, 'seed'],
  [{ endDate: 'tomorrow' }, 'end_date'],
])('%o is refused, naming the field', async (wrong, field) => {
  const failure = await generateSample({ dir: '/nonexistent', endDate: '2026-11-02', ...wrong }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(MallardError);
  expect(failure).toMatchObject({ code: 'bad_request', fields: { [field]: expect.anything() as unknown } });
});
