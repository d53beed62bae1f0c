import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identifier, literal } from '../../../pipelines/load/sql.ts';
import { aboutContacts, forPerson, onePersonWorld } from '../../../pipelines/scores/one-person.ts';
import { overTouched } from '../../../pipelines/segments/touched/world.ts';

const person = { contact_id: 'c1', asked_contact_id: 'c1', members: ["c'1", 'c2'] };

test('the ids of one person stand where the compiled SQL leaves room for them', () => {
  const compiled = onePersonWorld.rewrite(`duckdb.table('versions.orders')`);
  expect(compiled).not.toContain('c2');
  expect(forPerson(compiled, person)).toBe(
    `duckdb.sql("""select * from versions.orders where contact_id in ('c''1', 'c2')""")`,
  );
});

test('tables are replaced by the rows of who was touched', () => {
  const mark = `where 'who "was" touched' = 'who "was" touched'`;
  expect(overTouched(`(from versions.orders ${mark}) o, (from versions.deals ${mark}) d`)).toBe(
    '(from versions.orders where contact_id in (select contact_id from temp.touched_members)) o, (from temp.touched_deals) d',
  );
});

test('property: no value from outside is taken for what stands in for ids or tables', () => {
  const [, placeholder = ''] =
    /contact_id in \((.*?)\)/.exec(onePersonWorld.rewrite(`duckdb.table('versions.orders')`)) ?? [];
  const pieces = [
    placeholder,
    placeholder.slice(1, -1),
    `'members'`,
    '||',
    `'of one "person"'`,
    `from versions.deals where 'who "was" touched' = 'who "was" touched'`,
    "'",
    "''",
    'x',
  ];
  const values = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 3 }), (texts) => {
      const sql = `select 1 where x in (${texts.map(literal).join(', ')}) or ${texts.map(identifier).join(' or ')}`;
      expect(forPerson(sql, person)).toBe(sql);
      expect(overTouched(sql)).toBe(sql);
    }),
    { numRuns: 500 },
  );
  expect(aboutContacts('orders', 'select 1')).toBe('contact_id in (select 1)');
});
