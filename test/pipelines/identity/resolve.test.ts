import { expect, test } from 'vitest';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { resolveIdentities } from '../../../pipelines/identity/resolve.ts';
import { addressKey } from '../../../data/address.ts';
import { loadText, rowsOf } from '../load/support.ts';
import { everyTable, identity, mapping, openIdentity } from './support.ts';

test('any shared key joins, through thirds too; the decision says the rule and the hash, and the second run changes nothing', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    { contact_id: 'a', email: 'Ann@Example.com ' },
    { contact_id: 'b', email: 'ann@example.com', phone: '+49 30 123456' },
    { contact_id: 'c', phone: '(030) 123456', country: 'Germany' },
    { contact_id: 'd', email: 'dan@example.com' },
  );
  await warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.contact_identities values ('c', 'crm', '7', 'test', '2026-01-01'), ('e', 'crm', '7', 'test', '2026-01-01'),
      ('d', 'crm', '8', 'test', '2026-01-01'), ('f', 'email', 'DAN@example.com', 'test', '2026-01-01')`),
  );
  await add({ contact_id: 'e' }, { contact_id: 'f' });
  const before = await everyTable(warehouse);
  const dry = await resolveIdentities(warehouse, { identity: identity(), dryRun: true });
  expect(await everyTable(warehouse)).toEqual(before);
  const run = await resolveIdentities(warehouse, { identity: identity() });
  expect(run).toMatchObject({
    decisions: { shared_email: 2, shared_phone: 1, shared_source_id: 1 },
    merged_count: 4,
    phones_keyed: 2,
    is_skipped: false,
  });
  expect({ ...dry, dry_run: false }).toEqual(run);
  expect(await mapping(warehouse)).toEqual(['b>a', 'c>a', 'e>a', 'f>d']);
  const decided = await rowsOf(
    warehouse,
    `select contact_id, other_contact_id, decision, evidence from core.contact_merges where rule = 'shared_email' order by 1`,
  );
  expect(decided).toEqual([
    { contact_id: 'a', other_contact_id: 'b', decision: 'same', evidence: addressKey('ann@example.com') },
    { contact_id: 'd', other_contact_id: 'f', decision: 'same', evidence: addressKey('dan@example.com') },
  ]);
  const after = await everyTable(warehouse);
  expect(await resolveIdentities(warehouse, { identity: identity() })).toMatchObject({ is_skipped: true });
  // Other settings: looked at again, and nothing new.
  expect(await resolveIdentities(warehouse, { identity: identity({ max_shared: 9 }) })).toMatchObject({
    is_skipped: false,
    decisions: { shared_email: 0, shared_phone: 0, shared_source_id: 0 },
    opened_count: 0,
    closed_count: 0,
  });
  expect(await everyTable(warehouse)).toEqual(after);
});

test('match_on and gmail decide what matches; what is written to stays as given', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    { contact_id: 'a', email: 'Ann.Lee@gmail.com', phone: '+4930123456' },
    { contact_id: 'b', email: 'annlee+news@googlemail.com' },
    { contact_id: 'c', email: 'ann.lee@example.com', phone: '+49 30 123 456' },
    { contact_id: 'd', email: 'annlee+x@example.com' },
  );
  const emails = await rowsOf(warehouse, 'select email, email_key from core.contacts order by contact_id');
  await resolveIdentities(warehouse, { identity: identity({ match_on: ['email'] }) });
  expect(await mapping(warehouse)).toEqual([]);
  await resolveIdentities(warehouse, { identity: identity({ match_on: ['email'], gmail: true }) });
  expect(await mapping(warehouse)).toEqual(['b>a']);
  await resolveIdentities(warehouse, { identity: identity({ match_on: ['phone'] }) });
  expect(await mapping(warehouse)).toEqual(['b>a', 'c>a']);
  expect(await rowsOf(warehouse, 'select email, email_key from core.contacts order by contact_id')).toEqual(
    emails,
  );
});

test('a key of many matches nobody and is reported', async () => {
  const { warehouse, add } = await openIdentity();
  const many = Array.from({ length: 4 }, (_, index) => ({
    contact_id: `m${index}`,
    email: 'info@example.com',
  }));
  await add(
    ...many,
    { contact_id: 'a', email: 'a@example.com' },
    { contact_id: 'b', email: 'a@example.com' },
  );
  const run = await resolveIdentities(warehouse, { identity: identity({ max_shared: 3 }) });
  expect(run.shared_by_many).toEqual([
    {
      rule: 'shared_email',
      evidence: addressKey('info@example.com'),
      contact_count: 4,
      contact_ids: ['m0', 'm1', 'm2'],
    },
  ]);
  expect(await mapping(warehouse)).toEqual(['b>a']);
  await resolveIdentities(warehouse, { identity: identity({ max_shared: 4 }) });
  expect(await mapping(warehouse)).toEqual(['b>a', 'm1>m0', 'm2>m0', 'm3>m0']);
});

test('what was decided different is never joined by matching, even through a third', async () => {
  const { warehouse, add } = await openIdentity();
  await add(
    { contact_id: 'a', email: 'x@example.com', phone_key: '+4930111111' },
    { contact_id: 'b', email: 'x@example.com', phone_key: '+4930222222' },
  );
  await resolveIdentities(warehouse, { identity: identity() });
  await unmerge(warehouse, 'b');
  // c by phone with a, and by another address with d, which has b's phone.
  await add(
    { contact_id: 'c', email: 'y@example.com', phone_key: '+4930111111' },
    { contact_id: 'd', email: 'y@example.com', phone_key: '+4930222222' },
    { contact_id: 'e', email: 'x@example.com' },
  );
  const run = await resolveIdentities(warehouse, { identity: identity() });
  // The address is disputed, so e is told apart by it from nobody; c and d are one, and a is theirs: then b cannot be.
  expect(await mapping(warehouse)).toEqual(['c>a', 'd>a']);
  expect(run.disputed.map(({ rule, contact_ids }) => [rule, ...contact_ids])).toEqual([
    ['shared_email', 'a', 'b', 'e'],
    ['shared_phone', 'b', 'd'],
  ]);
  const after = await everyTable(warehouse);
  await resolveIdentities(warehouse, { identity: identity({ max_shared: 9 }) });
  expect(await everyTable(warehouse)).toEqual(after);
  await mergeContacts(warehouse, 'a', 'b');
  await resolveIdentities(warehouse, { identity: identity() });
  expect(await mapping(warehouse)).toEqual(['b>a', 'c>a', 'd>a', 'e>a']);
});

test('an id of a source that moves to another contact is reported and decides nothing; two that hold it are one', async () => {
  const { warehouse, add } = await openIdentity();
  await add({ contact_id: 'a' }, { contact_id: 'b' });
  await loadText(warehouse, 'contact_identities', 'contact_id,kind,value\na,crm,7\n');
  await loadText(warehouse, 'contact_identities', 'contact_id,kind,value\nb,crm,7\n');
  // What the loader keeps of a corrected row.
  const kept = await rowsOf(warehouse, 'from history.contact_identities');
  if (kept.length === 0) {
    await warehouse.loads.transaction((tx) =>
      tx.run(
        `insert into history.contact_identities values ('a', 'crm', '7', 'test', '2026-01-01', '2026-01-02')`,
      ),
    );
  }
  const run = await resolveIdentities(warehouse, { identity: identity() });
  expect(run.moved_ids).toMatchObject([{ kind: 'crm', from_contact_id: 'a', to_contact_id: 'b' }]);
  expect(await mapping(warehouse)).toEqual([]);
  await mergeContacts(warehouse, 'a', 'b');
  expect((await resolveIdentities(warehouse, { identity: identity() })).moved_ids).toEqual([]);
});
