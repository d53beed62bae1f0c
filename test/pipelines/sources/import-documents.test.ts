import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../data/package-root.ts';
import { contractOf } from '../../../pipelines/load/contracts/index.ts';
import { documentMapping } from '../../../pipelines/sources/import/document.ts';
import { columnsOfLoad, tablesRead } from '../../../pipelines/sources/import/mapping.ts';
import { systems, type SystemName } from '../../../pipelines/sources/import/systems.ts';

const names = Object.keys(systems) as SystemName[];
const marker = '<!-- mapping -->';

/** Prettier aligns tables, and breaks no line of text: what is left when both are undone. */
function plain(markdown: string): string {
  return markdown
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \t]+/g, ' ')
    .trim();
}

/** `UPDATE_GOLDEN=1` writes the pages anew; run Prettier over them afterwards. */
test.each(names)('the page of %s says what its mapping does', (name) => {
  const path = join(packageRoot, 'pipelines', 'sources', name, 'README.md');
  const expected = documentMapping(systems[name]);
  const [head = ''] = readFileSync(path, 'utf8').split(marker);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(path, `${head}${marker}\n\n${expected}\n`);
  const [, written = ''] = readFileSync(path, 'utf8').split(marker);
  expect(plain(written)).toBe(plain(expected));
});

test.each(names)(
  'every load of %s fills columns that its table has, each required one among them',
  (name) => {
    for (const load of systems[name].loads) {
      const contract = contractOf(load.target);
      const known = contract.columns.filter((column) => !column.derivedFrom).map((column) => column.name);
      const filled = Object.keys(load.fields ?? {});
      const where = `${load.from} -> ${load.target}`;
      expect([where, filled.filter((field) => !known.includes(field))]).toEqual([where, []]);
      if (!load.fields) continue;
      const needed = contract.columns.filter((column) => column.required).map((column) => column.name);
      expect([where, needed.filter((field) => !filled.includes(field))]).toEqual([where, []]);
      // What a value reads is what it says that it reads: by that a missing column leaves ours alone.
      for (const [field, value] of Object.entries(load.fields)) {
        const read: string[] = [];
        value.sql((column) => {
          read.push(column);
          return 'null';
        });
        expect([where, field, value.reads.filter((column) => !read.includes(column))]).toEqual([
          where,
          field,
          [],
        ]);
      }
      expect(columnsOfLoad(load).has(load.from)).toBe(true);
    }
  },
);

test.each(names)('no table of %s is both read and kept as it is', (name) => {
  const read = tablesRead(systems[name]);
  expect(Object.keys(systems[name].keptRaw).filter((table) => read.has(table))).toEqual([]);
});
