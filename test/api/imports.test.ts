import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { stageFile } from '../../pipelines/load/stage.ts';
import type { ImportResult } from '../../pipelines/sources/import/types.ts';
import { openTestApp, type TestApp } from './support.ts';

async function staged({ mallard }: TestApp, name: string, text: string) {
  const path = await stageFile(mallard.project, Readable.from([Buffer.from(text)]), name);
  return { name, staged: basename(path) };
}

const contacts = 'id,property_email\n1,a@x.test\n';

test('staged files are imported and accounted for; who asked stands beside the merges', async () => {
  const app = await openTestApp();
  const body = {
    files: [
      await staged(app, 'contact.csv', contacts),
      await staged(app, 'contact_merge_audit.csv', 'canonical_vid,vid_to_merge\n1,2\n'),
      await staged(app, 'ticket.csv', 'id\n1\n'),
    ],
  };
  const result = await app.client.request<ImportResult>('POST', '/v1/imports/hubspot', { body });
  expect(result.system).toBe('hubspot');
  expect(result.files.map(({ file, status, rows }) => [file, status, rows])).toEqual([
    ['contact.csv', 'mapped', 1],
    ['contact_merge_audit.csv', 'mapped', 1],
    ['ticket.csv', 'raw', 1],
  ]);
  expect(result.merges).toEqual([{ rule: 'hubspot_merge_audit', pairs: 1, recorded: 1 }]);
  const merges = await app.mallard.warehouse.read((session) =>
    session.rows(`select contact_id, recorded_by from core.contact_merges`),
  );
  expect(merges).toEqual([{ contact_id: 'hubspot-1', recorded_by: 'local' }]);
});

test('refused: another system, a file that is not staged, a path, no files, no table that is known', async () => {
  const app = await openTestApp();
  const post = (system: string, files: unknown) =>
    app.client.request('POST', `/v1/imports/${system}`, { body: { files } });
  const file = await staged(app, 'contact.csv', contacts);
  await expect(post('pipedrive', [file])).rejects.toMatchObject({ code: 'bad_request' });
  const missing = `${'0'.repeat(64)}-00000000-0000-0000-0000-000000000000.text`;
  await expect(post('hubspot', [{ name: 'contact.csv', staged: missing }])).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(
    post('hubspot', [{ name: 'contact.csv', staged: '../../mallard.duckdb' }]),
  ).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(post('hubspot', [])).rejects.toMatchObject({ code: 'bad_request' });
  await expect(post('hubspot', [{ ...file, name: 'zork.csv' }])).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('contact_property_history'),
  });
});

test('the models know a contact’s stage of any past day by the imported history', async () => {
  const app = await openTestApp();
  const body = {
    files: [
      await staged(
        app,
        'contact.csv',
        'id,property_email,property_lifecyclestage,property_createdate\n1,a@x.test,customer,2025-01-01 00:00:00\n2,b@x.test,lead,2025-01-01 00:00:00\n',
      ),
      await staged(
        app,
        'contact_property_history.csv',
        'contact_id,timestamp,name,value\n1,2025-03-01 00:00:00,lifecyclestage,lead\n1,2025-06-01 00:00:00,lifecyclestage,customer\n2,2025-01-01 00:00:00,lifecyclestage,lead\n',
      ),
    ],
  };
  await app.client.request('POST', '/v1/imports/hubspot', { body });
  const stagesAsOf = async (as_of: string) => {
    const query = 'run: contact_facts -> { select: contact_id, lifecycle_stage; order_by: contact_id }';
    const rows = await app.client.request<{ lifecycle_stage: string | null }[]>('POST', '/v1/query', {
      body: { query, as_of },
    });
    return rows.map((row) => row.lifecycle_stage);
  };
  expect(await stagesAsOf('2025-02-01')).toEqual([null, 'lead']);
  expect(await stagesAsOf('2025-04-01')).toEqual(['lead', 'lead']);
  expect(await stagesAsOf('2025-07-01')).toEqual(['customer', 'lead']);
});
