import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hubspot } from '../../../pipelines/sources/hubspot/mapping.ts';
import { openTestWarehouse } from '../../support.ts';
import { rowsOf } from '../load/support.ts';
import { accountsOf, folderOf, importFolder } from './import-support.ts';

interface Said {
  contact: number;
  name: 'lifecyclestage' | 'city' | 'hs_score';
  value: string;
  day: number;
}

const start = Date.parse('2025-01-01T00:00:00Z');
const timeOf = (day: number) => new Date(start + day * 86_400_000).toISOString();

const said: fc.Arbitrary<Said> = fc.record({
  contact: fc.integer({ min: 1, max: 3 }),
  name: fc.constantFrom('lifecyclestage', 'city', 'hs_score'),
  value: fc.constantFrom('lead', 'customer', 'Bonn', 'opportunity'),
  day: fc.integer({ min: -3, max: 30 }),
});

/** HubSpot has one value of a property of a contact at a time. */
const histories = fc.uniqueArray(said, {
  minLength: 1,
  maxLength: 25,
  selector: ({ contact, name, day }) => `${contact} ${name} ${day}`,
});

const contacts = `id,property_email,property_createdate\n${[1, 2].map((id) => `${id},c${id}@x.test,${timeOf(0)}`).join('\n')}\n`;
const stages: Record<string, string> = { lead: 'lead', customer: 'customer', opportunity: 'opportunity' };

function folder(rows: readonly Said[]): string {
  const lines = rows.map((one) => `${one.contact},${timeOf(one.day)},${one.name},${one.value}`);
  return folderOf({
    'contact.csv': contacts,
    'contact_property_history.csv': ['contact_id,timestamp,name,value', ...lines, ''].join('\n'),
  });
}

async function changesAfter(exports: readonly (readonly Said[])[]) {
  const { warehouse } = await openTestWarehouse();
  for (const rows of exports)
    expect(accountsOf(await importFolder(warehouse, hubspot, folder(rows)))).toEqual([]);
  return rowsOf<{ contact_id: string; field: string; value: string | null; at: number }>(
    warehouse,
    `select contact_id, field, value, epoch_ms(valid_from)::double as at from core.contact_changes
     where valid_from >= timestamp '1000-01-01' order by all`,
  );
}

/** By the history alone: what the property said last. */
function expectedAt(rows: readonly Said[], contact: number, name: Said['name'], day: number): string | null {
  const before = rows.filter((one) => one.contact === contact && one.name === name && one.day <= day);
  const last = before.toSorted((a, b) => a.day - b.day).at(-1);
  if (!last) return null;
  return name === 'city' ? last.value : (stages[last.value] ?? null);
}

test('law: on every day a field is what the history said last; in two exports, whole or only what is new, as in one', async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.integer({ min: -3, max: 30 }), async (rows, cut) => {
      const [old, fresh] = [rows.filter(({ day }) => day < cut), rows.filter(({ day }) => day >= cut)];
      const once = await changesAfter([rows]);
      expect(await changesAfter([old, rows])).toEqual(once);
      expect(await changesAfter([old, fresh])).toEqual(once);
      for (const contact of [1, 2, 3]) {
        for (const [field, name] of [
          ['lifecycle_stage', 'lifecyclestage'],
          ['city', 'city'],
        ] as const) {
          const changes = once.filter(
            (one) => one.contact_id === `hubspot-${contact}` && one.field === field,
          );
          for (let day = -4; day <= 31; day += 1) {
            const at = start + day * 86_400_000;
            const known = changes
              .filter((one) => one.at <= at)
              .toSorted((a, b) => a.at - b.at)
              .at(-1);
            expect([contact, field, day, known?.value ?? null]).toEqual([
              contact,
              field,
              day,
              expectedAt(rows, contact, name, day),
            ]);
          }
        }
      }
    }),
    { numRuns: 3 },
  );
});
