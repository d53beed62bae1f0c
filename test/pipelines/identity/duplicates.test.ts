import { expect, test } from 'vitest';
import { blockSizeMax, findDuplicates } from '../../../pipelines/identity/duplicates.ts';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { everyTable, openIdentity, type Person } from './support.ts';

const person = (contact_id: string, name: string, more: Partial<Person> = {}): Person => {
  const [first_name = null, last_name = null] = name.split(' ');
  return { contact_id, first_name, last_name, ...more };
};
const pairs = (report: Awaited<ReturnType<typeof findDuplicates>>) =>
  report.pairs.map((pair) => `${pair.contact_id}-${pair.other_contact_id}`);

test('likely pairs with their parts, the likeliest first; what was decided is left out, and nothing is written', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    person('a', 'Anna Meier', { email: 'anna.meier@example.com', phone: '030 1234567', city: 'Berlin' }),
    person('b', 'Ana Meyer', { email: 'anna.meier@other.example', phone: '+49 30 1234567', city: 'Berlin' }),
    person('c', 'Anna Maier', { email: 'anna.maier@third.example', city: 'Potsdam' }),
    person('d', 'Zoe Quist', { email: 'zoe@example.com', phone: '040 7654321', city: 'Berlin' }),
    person('e', 'Bo Lind', { email: 'sales.team@example.com' }),
    person('f', 'Ida Falk', { email: 'sales.team@other.example' }),
  );
  const before = await everyTable(warehouse);
  const report = await findDuplicates(warehouse, { minScore: 0.6 });
  expect(await everyTable(warehouse)).toEqual(before);
  expect(pairs(report)).toEqual(['a-b', 'a-c']);
  expect(report.pairs[0]?.score).toBeGreaterThan(0.85);
  expect(report.pairs[0]).toMatchObject({
    parts: { phone: 1, local_part: 1, city: 1, company: null },
    contact: { name: 'anna meier', city: 'berlin' },
  });
  // The score is the weighted mean of the parts that both have.
  const { name = 0, local_part: local = 0, phone = 0, city = 0 } = report.pairs[0]?.parts ?? {};
  const sum = 0.4 * (name ?? 0) + 0.2 * (local ?? 0) + 0.2 * (phone ?? 0) + 0.1 * (city ?? 0);
  expect(report.pairs[0]?.score).toBeCloseTo(sum / 0.9, 3);
  expect(pairs(await findDuplicates(warehouse, { minScore: 0 }))).toContain('e-f');
  expect((await findDuplicates(warehouse, { minScore: 0.6, limit: 1 })).pair_count).toBe(2);

  await mergeContacts(warehouse, 'a', 'c');
  expect(pairs(await findDuplicates(warehouse, { minScore: 0.6 }))).toEqual(['a-b']);
  await mergeContacts(warehouse, 'a', 'b');
  expect(pairs(await findDuplicates(warehouse, { minScore: 0.6 }))).toEqual([]);
  await unmerge(warehouse, 'b');
  expect(pairs(await findDuplicates(warehouse, { minScore: 0.6 }))).toEqual([]);
});

test('a block that is too large is skipped and counted', async () => {
  const { warehouse, add } = await openIdentity();
  const namesakes = Array.from({ length: blockSizeMax + 1 }, (_, i) => person(`n${i}`, 'Ann Smith'));
  await add(
    ...namesakes,
    person('p', 'Otto Berg', { city: 'Oslo' }),
    person('q', 'Otto Berg', { city: 'Oslo' }),
  );
  const report = await findDuplicates(warehouse);
  expect([report.blocks_skipped, report.compared_count, pairs(report)]).toEqual([1, 1, ['p-q']]);
});
