import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { hubspot } from '../../pipelines/sources/hubspot/mapping.ts';
import { accountsOf, fileOf, importFolder } from '../pipelines/sources/import-support.ts';
import { rowsOf } from '../pipelines/load/support.ts';
import { openTestWarehouse, sharedData } from '../support.ts';

const folder = sharedData('hubspot');
type Line = Record<string, string>;

/** The export's own rows, read without DuckDB and without us. */
function linesOf(table: string): Line[] {
  const text = readFileSync(join(folder ?? '', `${table}_data.csv`), 'utf8');
  return parse<Line>(text, { columns: true, bom: true, relax_column_count: true });
}

/** `2020-12-30 3:15:52` and `2020-05-08 14:54:29.658`, as a number to compare. */
function timeOf(text: string): number {
  const [date = '', clock = ''] = text.split(' ');
  return Date.parse(`${date}T${clock.padStart(clock.includes('.') ? clock.length : 8, '0')}Z`);
}

/** Names are hashed in this sample: MD5, in base64. */
const hashed = (name: string) => createHash('md5').update(name).digest('base64');

function countBy(lines: readonly Line[], column: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) counts[line[column] ?? ''] = (counts[line[column] ?? ''] ?? 0) + 1;
  return counts;
}

describe.skipIf(folder === undefined)('HubSpot’s real schema (skipped without ../shared/data)', () => {
  test('every row of every file is accounted for; the figures are those of the files; again nothing changes', async () => {
    const { warehouse } = await openTestWarehouse();
    const look = <T = Line>(sql: string) => rowsOf<T>(warehouse, sql);
    const first = await importFolder(warehouse, hubspot, folder as string);
    expect(accountsOf(first)).toEqual([]);
    const files = readdirSync(folder as string);
    expect(first.files.map(({ file }) => file).sort()).toEqual(files.sort());
    expect(first.files.map(({ file, rows }) => [file, rows])).toEqual(
      first.files.map(({ file }) => [file, linesOf(file.replace('_data.csv', '')).length]),
    );
    for (const one of first.files.filter(({ rows_raw }) => rows_raw > 0)) {
      expect([one.file, await look(`select count(*)::int as rows from ${one.raw_table}`)]).toEqual([
        one.file,
        [{ rows: one.rows_raw }],
      ]);
    }
    for (const file of first.files)
      for (const into of file.into) expect([into.table, into.rejects]).toEqual([into.table, []]);

    const [things] = await look<Record<string, number>>(
      `select (select count(*)::int from core.contacts where not is_stub) as contacts, (select count(*)::int from core.deals) as deals,
         (select count(*)::int from core.deal_stages) as stages, (select count(*)::int from core.companies where name <> company_id) as companies,
         (select count(*)::int from core.owners where email is not null) as owners, (select count(*)::int from core.web_events) as forms`,
    );
    expect(things).toEqual({
      contacts: linesOf('contact').length,
      deals: linesOf('deal').length,
      stages: linesOf('deal_pipeline_stage').length,
      companies: linesOf('company').length,
      owners: linesOf('owner').length,
      forms: linesOf('contact_form_submission').length,
    });
    expect(things).toMatchObject({
      contacts: 22,
      deals: 44,
      stages: 71,
      companies: 24,
      owners: 100,
      forms: 5,
    });

    const types = countBy(linesOf('email_event'), 'type');
    expect(types).toEqual({ OPEN: 90, SENT: 4, DELIVERED: 3, PROCESSED: 3 });
    expect(
      await look(
        `select event_type, count(*)::int as rows from core.email_events group by 1 order by 2 desc, 1`,
      ),
    ).toEqual([
      { event_type: 'opened', rows: types['OPEN'] },
      { event_type: 'sent', rows: types['SENT'] },
      { event_type: 'delivered', rows: types['DELIVERED'] },
    ]);
    expect(fileOf(first, 'email_event_data.csv').rows_raw).toBe(types['PROCESSED']);
    const bots = linesOf('email_event').filter(
      (line) => line['type'] === 'OPEN' && line['filtered_event'] === 'true',
    );
    expect(
      await look(`select count(*)::int as rows from core.email_events where agent_class = 'machine'`),
    ).toEqual([{ rows: bots.length }]);

    const kinds = ['call', 'email', 'meeting', 'note', 'task'];
    expect(
      await look(`select activity_type, count(*)::int as rows from core.activities group by 1 order by 1`),
    ).toEqual(kinds.map((kind) => ({ activity_type: kind, rows: linesOf(`engagement_${kind}`).length })));

    const entered = linesOf('deal_stage').map(
      (line) => `hubspot-${line['deal_id']} ${line['value']} ${timeOf(line['date_entered'] ?? '')}`,
    );
    const changes = await look<{ deal_id: string; to_stage: string; occurred_at: string }>(
      `select deal_id, to_stage, occurred_at from core.deal_stage_changes`,
    );
    const found = changes.map((one) => `${one.deal_id} ${one.to_stage} ${Date.parse(one.occurred_at)}`);
    expect(found.sort()).toEqual(entered.sort());

    const second = await importFolder(warehouse, hubspot, folder as string);
    for (const file of second.files)
      for (const into of file.into)
        expect([file.file, into.table, into.rows_unchanged]).toEqual([file.file, into.table, into.rows_read]);
    expect(second.merges.map(({ recorded }) => recorded)).toEqual(second.merges.map(() => 0));
    for (const one of second.files.filter(({ rows_raw }) => rows_raw > 0)) {
      expect([one.file, await look(`select count(*)::int as rows from ${one.raw_table}`)]).toEqual([
        one.file,
        [{ rows: one.rows_raw }],
      ]);
    }
  });

  test('merges are those of the audit and of the swallowed ids; a past day is what it was that day', async () => {
    const { warehouse } = await openTestWarehouse();
    await importFolder(warehouse, hubspot, folder as string);
    await checkMerges(warehouse);
    await checkHistory(
      warehouse,
      'company_id',
      'associatedcompanyid',
      44,
      (line) => `hubspot-${line['value']}`,
    );
    // The sample has no row of `lifecyclestage` itself, but of the date at which HubSpot made somebody a lead.
    expect(
      linesOf('contact_property_history').filter((line) => line['name'] === hashed('lifecyclestage')),
    ).toEqual([]);
    await checkHistory(warehouse, 'lifecycle_stage', 'hs_lifecyclestage_lead_date', 12, () => 'lead');
  });
});

async function checkMerges(warehouse: Warehouse): Promise<void> {
  const audited = linesOf('contact_merge_audit').map((line) => [line['canonical_vid'], line['vid_to_merge']]);
  const swallowed = linesOf('contact').flatMap((line) =>
    (line['property_hs_merged_object_ids'] ?? '')
      .split(';')
      .filter((id) => id !== '')
      .map((id) => [line['id'], id]),
  );
  expect([audited.length, swallowed.length]).toEqual([4, 3]);
  const expected = [...audited, ...swallowed].map(([stays, goes]) => `hubspot-${stays} <- hubspot-${goes}`);
  const merges = await rowsOf<{ pair: string }>(
    warehouse,
    `select contact_id || ' <- ' || other_contact_id as pair from core.contact_merges where decision = 'same'`,
  );
  expect(merges.map(({ pair }) => pair).sort()).toEqual(expected.sort());
  // Every id that was merged is known as somebody's.
  const known = await rowsOf(
    warehouse,
    `select 1 from core.contact_identities where kind = 'hubspot' and value in ('11111', '9999', '2222')`,
  );
  expect(known).toHaveLength(3);
}

/** Before, between and after its changes, a field is what the file's rows say. */
async function checkHistory(
  warehouse: Warehouse,
  field: string,
  property: string,
  rows: number,
  value: (line: Line) => string,
): Promise<void> {
  const lines = linesOf('contact_property_history').filter((line) => line['name'] === hashed(property));
  expect(lines).toHaveLength(rows);
  const times = lines.map((line) => timeOf(line['timestamp'] ?? '')).sort((a, b) => a - b);
  const [earliest = 0, middle = 0, latest = 0] = [times[0], times[rows >> 1], times.at(-1)];
  for (const time of [earliest - 1, earliest + 1, middle, middle + 1, latest + 1]) {
    const found = await rowsOf<{ contact_id: string; value: string | null }>(
      warehouse,
      `select contact_id, arg_max(struct_pack(v := value), (valid_from, recorded_at)).v as value from core.contact_changes
       where field = '${field}' and valid_from >= timestamp '1000-01-01' and valid_from < timestamp '${new Date(time).toISOString().replace('Z', '')}' group by 1`,
    );
    expect(new Map(found.map((one) => [one.contact_id, one.value]))).toEqual(stateAt(lines, time, value));
  }
}

/** The last value before a time, of each contact with the property; computed from the file's rows alone. */
function stateAt(
  lines: readonly Line[],
  time: number,
  value: (line: Line) => string,
): Map<string, string | null> {
  const state = new Map<string, { at: number; value: string | null }>();
  for (const line of lines) {
    const id = `hubspot-${line['contact_id']}`;
    const at = timeOf(line['timestamp'] ?? '');
    const known = state.get(id) ?? { at: Number.NEGATIVE_INFINITY, value: null };
    state.set(id, at < time && at >= known.at ? { at, value: value(line) } : known);
  }
  return new Map([...state].map(([id, known]) => [id, known.value]));
}
