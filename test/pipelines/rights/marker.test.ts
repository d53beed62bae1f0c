import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import { compact, readCompaction } from '../../../data/owner/compaction.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import type { Project } from '../../../data/project.ts';
import { exportPerson } from '../../../pipelines/rights/export.ts';
import { forgetPerson } from '../../../pipelines/rights/forget.ts';
import { personalTables } from '../../../pipelines/rights/tables.ts';
import { openTestMallard } from '../../api/support.ts';
import { testClock } from '../../support.ts';
import { plantFiles, plantTables, type Planted } from './plant.ts';

const marker = 'zq7xmarker';

function planted(contactId: string): Planted {
  return {
    marker,
    contactId,
    email: `${marker}.p@example.com`,
    phone: '+49 (170) 555-01987',
    deliveryId: `dlv${marker}0123`,
    dealId: 'deal-1',
  };
}

const other: Planted = {
  marker: 'somebody',
  contactId: 'other',
  email: 'other@example.com',
  phone: '+49 171 2223334',
  deliveryId: 'dlv-other-0001',
  dealId: 'deal-2',
};

/** Every row of every table as JSON, by table. */
async function dump(warehouse: Warehouse): Promise<Map<string, string[]>> {
  return warehouse.read(async (session) => {
    const rows = new Map<string, string[]>();
    for (const { name, sql } of await personalTables(session))
      rows.set(
        name,
        (
          await session.rows<{ row: string }>(
            `select cast(to_json(t) as varchar) as row from ${sql} t order by rowid`,
          )
        ).map(({ row }) => row),
      );
    return rows;
  });
}

function filesWith(project: Project, pattern: RegExp): string[] {
  return readdirSync(project.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path);
      return pattern.test((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1'));
    });
}

const traces = /zq7xmarker|1705550198|170\W{1,3}555\W?01987/i;

test.each([['17'], [`p-${marker}-1`]])(
  'who is forgotten (contact %s) is in no table, no file, and no byte of the database; the others are as they were',
  async (contactId) => {
    const mallard = await openTestMallard();
    const { warehouse, project } = mallard;
    const who = planted(contactId);
    await plantTables(warehouse, other);
    const before = await dump(warehouse);
    const tableCount = await plantTables(warehouse, who);
    expect(tableCount).toBeGreaterThan(60);
    const { gone, left } = await plantFiles(project, warehouse, who);

    // Everything planted is there and exported, or the search below would prove nothing.
    const full = await dump(warehouse);
    const exported = await exportPerson(mallard, contactId);
    const grown = [...full].filter(([table, rows]) => rows.length > (before.get(table)?.length ?? 0));
    expect(grown).toHaveLength(tableCount);
    for (const [table, rows] of grown) {
      expect(exported.tables, table).toHaveProperty([table]);
      const isMarked = rows.some((row) => traces.test(row));
      // These have ids alone, and hashes.
      const isBare = /contact_canonicals$|^ops\.suppressions$/.test(table) && contactId === '17';
      expect([table, isMarked || isBare]).toEqual([table, true]);
    }

    const outcome = await forgetPerson(mallard, {
      reference: contactId,
      requestedBy: 'test',
      reason: `asked by ${who.email}`,
    });
    expect(outcome.status).toBe('forgotten');

    const after = await dump(warehouse);
    for (const [table, rows] of after)
      expect(
        rows.filter((row) => traces.test(row)),
        table,
      ).toEqual([]);
    // What the others have is untouched; rows that stay for their counts are as many as before.
    for (const [table, rows] of before) expect(after.get(table)?.slice(0, rows.length), table).toEqual(rows);
    for (const table of [
      'core.orders',
      'core.email_events',
      'core.web_events',
      'core.activities',
      'core.deals',
      'ops.deliveries',
      'ops.audience',
      'ops.action_runs',
      'raw.rejects',
      'ops.audit_log',
    ])
      expect(after.get(table), table).toHaveLength(full.get(table)?.length ?? 0);
    for (const table of [
      'core.contacts',
      'core.contact_changes',
      'ops.tasks',
      'raw.upload',
      'raw.hubspot_contact',
      'raw.notes',
      'mart.mine',
    ])
      expect(after.get(table), table).toHaveLength(before.get(table)?.length ?? 0);

    for (const file of gone) expect(existsSync(join(project.dir, file)), file).toBe(false);
    for (const [file, content] of Object.entries(left))
      expect(readFileSync(join(project.dir, file), 'utf8'), file).toBe(content);
    expect(existsSync(join(project.outbox, 'other.eml'))).toBe(true);

    // The hash is what is kept.
    const hash = addressKey(who.email);
    expect(after.get('ops.suppressions')?.filter((row) => row.includes(hash))).toHaveLength(1);
    expect(
      [...after].filter(([, rows]) => rows.some((row) => row.includes(hash))).map(([table]) => table),
    ).toEqual(['ops.erasures', 'ops.suppressions']);

    await warehouse.close();
    expect(filesWith(project, traces), 'before the compaction only the database has it').toEqual([
      project.warehouseFile,
    ]);
    expect(readCompaction(project)).toEqual({ due_at: '2026-11-09T06:00:00.000Z' });
    await compact(project, testClock.now());
    expect(filesWith(project, traces)).toEqual([]);
    expect(readdirSync(project.spill)).toEqual([]);
    expect(readCompaction(project)).toBeUndefined();

    const reopened = await Warehouse.open(project, { clock: testClock });
    try {
      const compacted = await dump(reopened);
      compacted.delete('ops.erasures');
      after.delete('ops.erasures');
      expect(compacted).toEqual(after);
    } finally {
      await reopened.close();
    }
  },
  120_000,
);
