import { saveSegment } from '../../../pipelines/segments/store.ts';
import { addContacts, openFixture, type SegmentFixture } from './fixture.ts';

export const leads = { field: 'lifecycle_stage', operator: 'equals', value: 'lead' };

/** Segments, campaigns, triggers and workflows as they would be saved. */
export async function withUsers(): Promise<SegmentFixture> {
  const fixture = await openFixture();
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'a', lifecycle_stage: 'lead' }]));
  for (const id of ['mine', 'other'])
    await saveSegment(fixture.context, { segment_id: id, title: id, criteria: leads });
  const segment = (id: string, status: string, criteria: object) =>
    `insert into ops.segments values ('${id}', '${id}', null, 'criteria', '${JSON.stringify(criteria)}', 1, '${status}', null, '2026-01-01', '2026-01-01')`;
  const campaign = (id: string, definition: object) =>
    `insert into ops.campaigns values ('${id}', '${id}', '${JSON.stringify(definition)}', 1, '2026-01-01', '2026-01-01')`;
  const workflow = (id: string, status: string, definition: object) =>
    `insert into ops.workflows values ('${id}', '${id}', '${JSON.stringify(definition)}', '${status}', 1, '2026-01-01', '2026-01-01')`;
  await fixture.warehouse.ledger.transaction(async (tx) => {
    for (const statement of [
      segment('deep', 'active', { all: [leads, { not: { any: [{ segment: 'mine' }, leads] } }] }),
      segment('gone', 'archived', { segment: 'mine' }),
      segment('value', 'active', { field: 'rfm.segment', operator: 'in', value: ['mine'] }),
      campaign('autumn', {
        segment_ids: ['mine', 'other'],
        exclude_segment_ids: [],
        message: { subject: 'mine' },
      }),
      campaign('spring', { segment_ids: ['other'], exclude_segment_ids: ['mine'] }),
      campaign('unrelated', { segment_ids: ['other'], title: 'mine' }),
      `insert into ops.segment_triggers values ('hello', 'mine', 'entered', '{"type": "export_list"}', 10, 'active', '2026-01-01', null, '2026-01-01', '2026-01-01')`,
      workflow('welcome', 'active', { trigger: { type: 'entered', segment_id: 'mine' } }),
      workflow('paused', 'paused', { trigger: { segment_id: 'mine' } }),
    ])
      await tx.run(statement);
  });
  return fixture;
}
