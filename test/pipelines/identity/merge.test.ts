import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeContacts, recordMerges, unmerge } from '../../../pipelines/identity/merge.ts';
import { resolveIdentities } from '../../../pipelines/identity/resolve.ts';
import { everyTable, identity, mapping, openIdentity } from './support.ts';

const decisionTables = ['core.contact_merges', 'core.contact_canonicals'];
const letters = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

test('a merge says who stands for both and which value wins by which rule; a dry run writes nothing', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    {
      contact_id: 'a',
      email: 'Ann@example.com',
      lifecycle_stage: 'lead',
      created_at: '2026-02-01',
      city: 'Rome',
    },
    {
      contact_id: 'b',
      email: 'ann@work.example.com',
      phone: '+4930123456',
      lifecycle_stage: 'customer',
      created_at: '2026-01-01',
      updated_at: '2026-03-01',
    },
    {
      contact_id: 'c',
      phone: '+4930999999',
      city: 'Oslo',
      first_name: 'Anna',
      created_at: '2026-03-01',
      updated_at: '2026-05-01',
    },
  );
  const before = await everyTable(warehouse);
  const dry = await mergeContacts(warehouse, 'a', 'ANN@work.example.com', { dryRun: true });
  expect(await everyTable(warehouse)).toEqual(before);
  expect(dry).toMatchObject({ canonical_contact_id: 'b', members: ['a', 'b'], dry_run: true });

  const merged = await mergeContacts(warehouse, 'a', 'b', { recordedBy: 'Ops' });
  expect({ ...merged, dry_run: true }).toEqual(dry);
  await mergeContacts(warehouse, 'c', 'a');
  const { values } = await mergeContacts(warehouse, 'c', 'b');
  const winner = (field: string) => values.find((value) => value.field === field);
  expect(winner('email')).toEqual({
    field: 'email',
    value: 'ann@work.example.com',
    contact_id: 'b',
    rule: 'own_then_latest',
  });
  // b has none: of a and c, c was updated last (a never was).
  expect(winner('city')).toMatchObject({ value: 'Oslo', contact_id: 'c' });
  expect(winner('first_name')).toMatchObject({ value: 'Anna', contact_id: 'c' });
  expect(winner('lifecycle_stage')).toMatchObject({
    value: 'customer',
    contact_id: 'b',
    rule: 'furthest_stage',
  });
  expect(winner('created_at')).toMatchObject({ contact_id: 'b', rule: 'earliest' });
  expect(await mapping(warehouse)).toEqual(['a>b', 'c>b']);
});

test('itself, an unknown one, one that is merged already, one that is merged with nobody', async () => {
  const { warehouse, add } = await openIdentity();
  await add({ contact_id: 'a', email: 'a@example.com' }, { contact_id: 'b' }, { contact_id: 'c' });
  await expect(mergeContacts(warehouse, 'a', 'A@example.com')).rejects.toMatchObject({ code: 'bad_request' });
  await expect(mergeContacts(warehouse, 'a', 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  await expect(unmerge(warehouse, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  await expect(unmerge(warehouse, 'b')).rejects.toMatchObject({ code: 'conflict' });

  await mergeContacts(warehouse, 'a', 'b');
  const once = await everyTable(warehouse);
  // A merge of a merged contact joins the whole group; of two that are one already it decides nothing.
  expect(await mergeContacts(warehouse, 'b', 'a')).toMatchObject({ is_merged_already: true });
  expect(await everyTable(warehouse)).toEqual(once);
  expect(await mergeContacts(warehouse, 'b', 'c')).toMatchObject({
    canonical_contact_id: 'a',
    members: ['a', 'b', 'c'],
  });
  await unmerge(warehouse, 'c');
  await expect(unmerge(warehouse, 'c')).rejects.toMatchObject({ code: 'conflict' });
  expect(await mapping(warehouse)).toEqual(['b>a']);
});

test('the canonical is a described contact before a stub, then the first created, then the smallest id', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    { contact_id: 'a', is_stub: true, created_at: null },
    { contact_id: 'b', created_at: null },
    { contact_id: 'c', created_at: '2026-02-02' },
    { contact_id: 'd', created_at: '2026-02-02' },
    { contact_id: 'e', created_at: '2026-01-01' },
  );
  const canonicals: string[] = [];
  for (const next of ['b', 'c', 'd', 'e']) {
    canonicals.push((await mergeContacts(warehouse, 'a', next)).canonical_contact_id);
  }
  expect(canonicals).toEqual(['b', 'c', 'c', 'e']);
  // A load that tells more of a contact changes who stands for the group, with the next matching.
  await warehouse.loads.transaction((tx) =>
    tx.run(
      `update core.contacts set created_at = timestamp '2025-01-01', is_stub = false where contact_id = 'a'`,
    ),
  );
  await resolveIdentities(warehouse, { identity: identity() });
  expect(await mapping(warehouse)).toEqual(['b>a', 'c>a', 'd>a', 'e>a']);
});

test('pairs of another system: recorded once, never against a decision made here, and of ids that nobody has', async () => {
  const { warehouse, add } = await openIdentity();
  await add({ contact_id: 'a' }, { contact_id: 'b' }, { contact_id: 'c' });
  const pair = (contact_id: string, other_contact_id: string) => ({
    ...{ contact_id, other_contact_id, rule: 'hubspot_merge_audit', evidence: 'audit 1', source: 'hubspot' },
  });
  const pairs = [pair('a', 'b'), pair('a', 'gone'), pair('c', 'c'), pair('b', 'a')];
  expect(await recordMerges(warehouse, pairs)).toEqual({ recorded: 2, known: 1, kept_apart: 0, itself: 1 });
  const once = await everyTable(warehouse);
  expect(await recordMerges(warehouse, pairs)).toEqual({ recorded: 0, known: 3, kept_apart: 0, itself: 1 });
  expect(await everyTable(warehouse)).toEqual(once);
  // An id without a contact never stands for one that has, however small.
  expect(await mapping(warehouse)).toEqual(['b>a', 'gone>a']);
  expect((await unmerge(warehouse, 'b')).undone).toBe(1);
  expect(await recordMerges(warehouse, pairs)).toMatchObject({ recorded: 0 });
  expect(await recordMerges(warehouse, [pair('b', 'c'), pair('c', 'gone')])).toEqual({
    ...{ recorded: 1, known: 0, kept_apart: 1, itself: 0 },
  });
  expect(await mapping(warehouse)).toEqual(['c>b', 'gone>a']);
  // A person's word takes back what kept them apart.
  expect(await mergeContacts(warehouse, 'c', 'a')).toMatchObject({ members: ['a', 'b', 'c', 'gone'] });
  expect((await unmerge(warehouse, 'gone')).others.map((other) => other.contact_id)).toEqual(['a', 'b', 'c']);
});

test('who is taken out of a group leaves the others together by the key that they share', async () => {
  const { warehouse, add } = await openIdentity();
  const email = 'shared@example.com';
  await add(
    { contact_id: 'a', email },
    { contact_id: 'b', email },
    { contact_id: 'c', email },
    { contact_id: 'd' },
  );
  await resolveIdentities(warehouse, { identity: identity() });
  await mergeContacts(warehouse, 'a', 'd');
  expect(await mapping(warehouse)).toEqual(['b>a', 'c>a', 'd>a']);
  // d was held by a alone.
  expect(await unmerge(warehouse, 'a')).toMatchObject({
    others: [
      { contact_id: 'b', canonical_contact_id: 'b' },
      { contact_id: 'c', canonical_contact_id: 'b' },
      { contact_id: 'd', canonical_contact_id: 'd' },
    ],
  });
  await resolveIdentities(warehouse, { identity: identity() });
  expect(await mapping(warehouse)).toEqual(['c>b']);
});

function refused(error: unknown): void {
  const { code } = error as { code?: string };
  if (code !== 'conflict' && code !== 'bad_request') throw error;
}

const person = fc.record({
  created: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
  is_stub: fc.boolean(),
});
const pairOf = fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...letters)).filter(([a, b]) => a !== b);

/** What PLAN says, by hand: not a stub, then the first created, then the smallest id. */
function expectedMapping(
  people: readonly { contact_id: string; is_stub: boolean; created_at: string | null }[],
  sets: readonly (readonly string[])[],
): string[] {
  return sets
    .flatMap((ids) => {
      const rank = (id: string) => {
        const one = people.find((each) => each.contact_id === id);
        return `${one?.is_stub ? 1 : 0} ${one?.created_at ?? '9'} ${id}`;
      };
      const [canonical] = ids.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
      return ids.filter((id) => id !== canonical).map((id) => `${id}>${canonical ?? ''}`);
    })
    .toSorted();
}

function connected(pairs: readonly (readonly [string, string])[]): string[][] {
  let sets: string[][] = letters.map((letter) => [letter]);
  for (const [a, b] of pairs) {
    const joined = sets.filter((set) => set.includes(a) || set.includes(b));
    sets = [...sets.filter((set) => !joined.includes(set)), joined.flat()];
  }
  return sets;
}

test('no order of merges changes the result', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(person, { minLength: 6, maxLength: 6 }),
      fc.array(pairOf, { maxLength: 6 }),
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      async (traits, pairs, draws) => {
        const { warehouse, add } = await openIdentity();
        const people = letters.map((contact_id, index) => ({
          contact_id,
          is_stub: traits[index]?.is_stub ?? false,
          created_at: traits[index]?.created ? `2026-01-0${traits[index].created}` : null,
        }));
        await add(...people);
        const shuffled = pairs
          .map((pair, index) => ({ pair, draw: draws[index] ?? 0 }))
          .toSorted((x, y) => x.draw - y.draw)
          .map(({ pair: [a, b], draw }) => (draw % 2 ? ([b, a] as const) : ([a, b] as const)));
        for (const [a, b] of shuffled) await mergeContacts(warehouse, a, b);
        expect(await mapping(warehouse)).toEqual(expectedMapping(people, connected(pairs)));
        await warehouse.close();
      },
    ),
    { numRuns: 15 },
  );
});

test('merge then unmerge leaves every table as it was, and at any past time the mapping is what it was', async () => {
  const some = fc.constantFrom(...letters.slice(0, 5));
  const steps = fc.array(
    fc.oneof(
      fc.tuple(some, some).map(([a, b]) => ({ merge: true as const, a, b })),
      some.map((a) => ({ merge: false as const, a, b: a })),
    ),
    { minLength: 1, maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (ops) => {
      const { warehouse, add, now } = await openIdentity();
      await add(...letters.map((contact_id) => ({ contact_id, email: `${contact_id}@example.com` })));
      const start = await everyTable(warehouse, decisionTables);
      const known: { at: Date; was: string[] }[] = [];
      for (const { merge, a, b } of ops) {
        // A contact with itself, one that is merged with nobody: refused, and nothing happens.
        await (merge ? mergeContacts(warehouse, a, b) : unmerge(warehouse, a)).catch(refused);
        // The mapping as read now, of which the next step must take nothing from the past.
        known.push({ at: new Date(now().getTime() + 30_000), was: await mapping(warehouse) });
      }
      expect(await everyTable(warehouse, decisionTables)).toEqual(start);
      for (const { at, was } of known) expect(await mapping(warehouse, at)).toEqual(was);
      // f is nobody else; to join it with somebody and to part them again leaves the mapping of all as it was.
      await mergeContacts(warehouse, 'f', ops[0]?.a ?? 'a');
      await unmerge(warehouse, 'f');
      expect(await mapping(warehouse)).toEqual(known.at(-1)?.was);
      expect(await everyTable(warehouse, decisionTables)).toEqual(start);
      await warehouse.close();
    }),
    { numRuns: 15 },
  );
});
