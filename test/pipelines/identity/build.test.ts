import { expect, test } from 'vitest';
import { buildMarts } from '../../../pipelines/build.ts';
import { openTestMallard } from '../../api/support.ts';
import { loadText } from '../load/support.ts';
import { identity, mapping } from './support.ts';

test('a build matches first, unless the account says not to', async () => {
  const mallard = await openTestMallard();
  const { warehouse } = mallard;
  await loadText(warehouse, 'contacts', 'contact_id,email\na,x@example.com\nb,X@example.com\n');
  const build = (auto_merge: boolean) =>
    buildMarts(
      { ...mallard, account: { ...mallard.account, identity: identity({ auto_merge }) } },
      { asOf: mallard.clock.now(), marts: ['deal_facts'] },
    );
  await build(false);
  expect(await mapping(warehouse)).toEqual([]);
  await build(true);
  expect(await mapping(warehouse)).toEqual(['b>a']);
});
