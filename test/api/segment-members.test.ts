import { buffer, text } from 'node:stream/consumers';
import { tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { mediaTypes } from '../../api/results/formats.ts';
import { openTestApp } from './support.ts';

test('everybody in a segment, now and then, streamed as Arrow and CSV; JSON stays a page', async () => {
  const { mallard, client } = await openTestApp();
  await client.request('PUT', '/v1/segments/it', {
    body: { title: 'It', criteria: { field: 'contact_id', operator: 'is_set' } },
  });
  await mallard.warehouse.build.transaction(async (tx) => {
    await tx.run(
      `insert into ops.segment_memberships_open
       select 'it', 'c' || lpad(i::varchar, 6, '0'), timestamp '2026-10-01', null, 'r1' from range(5000) t(i)`,
    );
    await tx.run(
      `insert into ops.segment_changes
       select 'it', 'c' || lpad(i::varchar, 6, '0'), 'entered', if(i % 2 = 0, timestamp '2026-09-01', timestamp '2026-10-01'), 1, 'r1', timestamp '2026-10-01'
       from range(5000) t(i)`,
    );
  });
  const members = (accept: string, query: Record<string, string> = {}) =>
    client.stream('GET', '/v1/segments/it/members', { headers: { accept }, query });

  const table = tableFromIPC(await buffer((await members(mediaTypes.arrow)).body));
  expect(table.numRows).toBe(5000);
  expect(table.get(4999)?.toJSON()).toMatchObject({ contact_id: 'c004999' });

  const then = await text((await members(mediaTypes.csv, { as_of: '2026-09-15' })).body);
  const lines = then.trimEnd().split('\n');
  expect(lines).toHaveLength(2501);
  expect(lines.slice(0, 2).map((line) => line.trim())).toEqual([
    'contact_id,entered_at',
    'c000000,2026-09-01T00:00:00Z',
  ]);

  const page = await client.request<{ members: object[]; next: string }>('GET', '/v1/segments/it/members', {
    query: { limit: 10 },
  });
  expect(page.members).toHaveLength(10);
  expect(page.next).toBe('c000009');
  await expect(members(mediaTypes.arrow.replace('arrow', 'avro'))).rejects.toThrow(/does not travel/);
  await expect(
    client.stream('GET', `/v1/segments/${encodeURIComponent("x' or true --")}/members`, {
      headers: { accept: mediaTypes.csv },
    }),
  ).rejects.toThrow(/There is no segment/);
});
