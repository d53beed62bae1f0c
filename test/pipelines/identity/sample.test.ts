import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { onTestFinished, expect, test } from 'vitest';
import { findDuplicates } from '../../../pipelines/identity/duplicates.ts';
import { readCanonicals } from '../../../pipelines/identity/canonicals.ts';
import { resolveIdentities } from '../../../pipelines/identity/resolve.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import { openTestWarehouse } from '../../support.ts';
import { openSample } from '../sample/open-sample.ts';
import { identity } from './support.ts';

test('the planted duplicates of the sample: every one that shares a key is found, nobody else is joined', async () => {
  const sample = await openSample({ contacts: 4_000 });
  onTestFinished(() => sample.close());
  const { project, warehouse } = await openTestWarehouse();
  const path = sample.files.find((file) => file.table === 'contacts')?.path ?? '';
  const name = basename(path);
  const staged = await stageFile(project, createReadStream(path), name);
  await loadTable(warehouse, { table: 'contacts', files: [{ path: staged, name }], source: 'sample' });

  const run = await resolveIdentities(warehouse, { identity: identity() });
  // Ids rise with the time of creation, and a duplicate comes after its original, which is nobody's duplicate itself.
  const truth = await sample.rows<{ contact_id: string; duplicate_of: string; duplicate_kind: string }>(
    `select contact_id, duplicate_of, duplicate_kind from truth_contacts where duplicate_of is not null order by contact_id`,
  );
  expect(truth.length).toBeGreaterThan(50);
  expect(truth).toHaveLength(sample.truth.counts.duplicate_contacts);
  const found = await warehouse.read((session) => readCanonicals(session));
  expect([...found]).toEqual(truth.map((pair) => [pair.contact_id, pair.duplicate_of]));
  const byPhone = truth.filter((pair) => pair.duplicate_kind === 'phone').length;
  expect(run.decisions).toEqual({
    shared_source_id: 0,
    shared_email: truth.length - byPhone,
    shared_phone: byPhone,
  });

  // What shares no key is a likeness at most: with phones left out, the report has those that matching by e-mail cannot find.
  const { warehouse: other } = await openTestWarehouse();
  const again = await stageFile(other.project, createReadStream(path), name);
  await loadTable(other, { table: 'contacts', files: [{ path: again, name }], source: 'sample' });
  await resolveIdentities(other, { identity: identity({ match_on: ['email'] }) });
  const report = await findDuplicates(other, { minScore: 0.8, limit: 10_000 });
  const likely = new Set(report.pairs.map((pair) => `${pair.other_contact_id} ${pair.contact_id}`));
  const missed = truth
    .filter((pair) => pair.duplicate_kind === 'phone')
    .filter((pair) => !likely.has(`${pair.contact_id} ${pair.duplicate_of}`));
  expect(missed).toEqual([]);
});
