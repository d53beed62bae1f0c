import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { kyselyOn } from '../../../data/kysely/dialect.ts';
import { json } from '../../../data/owner/values.ts';
import { openDuckDB } from './support.ts';

interface Db {
  t: { id: number; v: unknown };
}

/**
 * Writes each value through Kysely, reads it back through Kysely, and beside it a witness computed by DuckDB, so that two
 * errors that undo each other are seen.
 */
async function roundTrip(type: string, witness: string) {
  const { connection } = await openDuckDB();
  const db = kyselyOn<Db>(connection);
  await sql`create table t (id integer, v ${sql.raw(type)})`.execute(db);
  return async (values: readonly unknown[]) => {
    await db.deleteFrom('t').execute();
    await db
      .insertInto('t')
      .values(values.map((v, id) => ({ id, v })))
      .execute();
    const rows = await db
      .selectFrom('t')
      .select(['v', sql`${sql.raw(witness)}`.as('witness')])
      .orderBy('id')
      .execute();
    return { read: rows.map((row) => row.v), witness: rows.map((row) => row.witness) };
  };
}

const many = <T>(item: fc.Arbitrary<T>) => fc.array(fc.option(item), { minLength: 1, maxLength: 20 });
const runs = { numRuns: 60 };

test('the suite runs far from UTC', () => {
  expect(process.env['TZ']).toBe('Asia/Kolkata');
});

test('BIGINT is a bigint, to the last unit', async () => {
  const trip = await roundTrip('bigint', 'v::varchar');
  await fc.assert(
    fc.asyncProperty(many(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)), async (values) => {
      const { read, witness } = await trip(values);
      expect(read).toStrictEqual(values);
      expect(witness).toStrictEqual(values.map((value) => value?.toString() ?? null));
    }),
    runs,
  );
});

test('HUGEINT is a bigint, and what is larger is refused', async () => {
  const trip = await roundTrip('hugeint', 'v::varchar');
  const values = [2n ** 127n - 1n, -(2n ** 127n), 2n ** 63n, 0n];
  expect((await trip(values)).read).toStrictEqual(values);
  await expect(trip([2n ** 127n])).rejects.toThrow(
    'Parameter $2: 170141183460469231731687303715884105728 is larger',
  );
});

test('DECIMAL(18,2) is text with every digit', async () => {
  const trip = await roundTrip('decimal(18,2)', '(v::decimal(38, 2) * 100)::hugeint');
  const cents = fc.bigInt(-(10n ** 18n) + 1n, 10n ** 18n - 1n);
  const text = (value: bigint) => {
    const digits = (value < 0n ? -value : value).toString().padStart(3, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
  };
  await fc.assert(
    fc.asyncProperty(many(cents), async (values) => {
      const texts = values.map((value) => (value === null ? null : text(value)));
      const { read, witness } = await trip(texts);
      expect(read).toStrictEqual(texts);
      expect(witness).toStrictEqual(values);
    }),
    runs,
  );
});

const yearsOneTo9999 = {
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
};

test('TIMESTAMP is UTC text with its microseconds', async () => {
  const trip = await roundTrip('timestamp', 'epoch_us(v)');
  const micros = fc.tuple(fc.date(yearsOneTo9999), fc.integer({ min: 0, max: 999 }));
  await fc.assert(
    fc.asyncProperty(many(micros), async (values) => {
      const texts = values.map((value) => value && microsText(...value));
      const { read, witness } = await trip(texts);
      expect(read).toStrictEqual(texts);
      expect(witness).toStrictEqual(values.map((v) => v && BigInt(v[0].getTime()) * 1000n + BigInt(v[1])));
    }),
    runs,
  );
});

/** Of 0, 3 or 6 digits of fraction, the fewest that do. */
function microsText(date: Date, micros: number): string {
  const iso = date.toISOString();
  if (micros > 0) return `${iso.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
  return date.getUTCMilliseconds() === 0 ? `${iso.slice(0, -5)}Z` : iso;
}

test.each(['timestamp', 'timestamptz', 'timestamp_ms', 'timestamp_ns'])(
  'a Date for a %s keeps its instant',
  async (type) => {
    const trip = await roundTrip(type, type === 'timestamptz' ? `epoch_ms(v)` : 'epoch_ms(v::timestamp)');
    const dates = fc.date({ min: new Date('1700-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });
    await fc.assert(
      fc.asyncProperty(many(dates), async (values) => {
        const { read, witness } = await trip(values);
        expect(witness).toStrictEqual(values.map((value) => value && BigInt(value.getTime())));
        expect(read).toStrictEqual(values.map((value) => value && microsText(value, 0)));
        expect((await trip(read)).read).toStrictEqual(read);
      }),
      runs,
    );
  },
);

test('an invalid Date is refused', async () => {
  const trip = await roundTrip('timestamp', 'v');
  await expect(trip([new Date(NaN)])).rejects.toThrow('Parameter $2: an invalid Date.');
});

test('DATE is a calendar day in every zone', async () => {
  const trip = await roundTrip('date', "v - date '1970-01-01'");
  await fc.assert(
    fc.asyncProperty(many(fc.date(yearsOneTo9999)), async (values) => {
      const days = values.map((value) => value && value.toISOString().slice(0, 10));
      const { read, witness } = await trip(days);
      expect(read).toStrictEqual(days);
      expect(witness).toStrictEqual(
        values.map((value) => value && BigInt(Math.floor(value.getTime() / 86_400_000))),
      );
    }),
    runs,
  );
});

test('times at the edges read as text that DuckDB reads back', async () => {
  const moments = await roundTrip('timestamp', 'v::varchar');
  const edges = ['0044-03-15 (BC)T10:00:00Z', '12345-01-02T00:00:00.000001Z', 'infinity', '-infinity'];
  expect((await moments(edges)).read).toStrictEqual(edges);
  const nanos = await roundTrip('timestamp_ns', 'epoch_ns(v)');
  expect(await nanos(['2026-11-02T06:00:00.123456789Z'])).toStrictEqual({
    read: ['2026-11-02T06:00:00.123456789Z'],
    witness: [1793599200123456789n],
  });
  const days = await roundTrip('date', 'v::varchar');
  expect((await days(['infinity', '-infinity', '0044-03-15 (BC)'])).read).toStrictEqual([
    'infinity',
    '-infinity',
    '0044-03-15 (BC)',
  ]);
  const clock = await roundTrip('time', 'v::varchar');
  expect((await clock(['23:59:59.999999', '06:00:00'])).read).toStrictEqual(['23:59:59.999999', '06:00:00']);
});

test('an offset in the text of a TIMESTAMP is applied', async () => {
  const trip = await roundTrip('timestamp', 'v');
  const half = '2026-11-02T11:30:00.000001+05:30';
  expect((await trip([half, '2026-11-01 23:00-07', '2026-11-02T06:00:00-0000'])).read).toStrictEqual([
    '2026-11-02T06:00:00.000001Z',
    '2026-11-02T06:00:00Z',
    '2026-11-02T06:00:00Z',
  ]);
  const listed = await roundTrip('struct(x timestamp)[]', 'v::varchar');
  expect((await listed([[{ x: half }]])).read).toStrictEqual([[{ x: '2026-11-02T06:00:00.000001Z' }]]);
  const text = await roundTrip('varchar', 'v');
  expect((await text([half])).read).toStrictEqual([half]);
  await expect(trip(['2026-02-30T11:30:00+05:30'])).rejects.toThrow('is not a moment');
});

test('INTEGER and DOUBLE are numbers', async () => {
  const integers = await roundTrip('integer', 'v::varchar');
  expect((await integers([2 ** 31 - 1, -(2 ** 31), 0])).read).toStrictEqual([2 ** 31 - 1, -(2 ** 31), 0]);
  await expect(integers([2 ** 31])).rejects.toThrow('Conversion Error');
  const doubles = await roundTrip('double', 'v::varchar');
  await fc.assert(
    fc.asyncProperty(many(fc.double({ noNaN: false })), async (values) => {
      expect((await doubles(values)).read).toStrictEqual(values);
    }),
    runs,
  );
});

test('a safe integer beyond 32 bits is a BIGINT', async () => {
  const trip = await roundTrip('bigint', 'v');
  expect((await trip([Number.MAX_SAFE_INTEGER, 1])).read).toStrictEqual([
    BigInt(Number.MAX_SAFE_INTEGER),
    1n,
  ]);
});

test('VARCHAR keeps any text, BOOLEAN, BLOB, UUID and ENUM keep theirs', async () => {
  const texts = await roundTrip('varchar', 'length(v)');
  await fc.assert(
    fc.asyncProperty(many(fc.string({ unit: 'grapheme' })), async (values) => {
      expect((await texts(values)).read).toStrictEqual(values);
    }),
    runs,
  );
  const flags = await roundTrip('boolean', 'v');
  expect((await flags([true, false, null])).read).toStrictEqual([true, false, null]);
  const blobs = await roundTrip('blob', 'octet_length(v)');
  const bytes = [new Uint8Array([0, 255, 39, 92]), new Uint8Array(40).fill(7), new Uint8Array()];
  expect(await blobs(bytes)).toStrictEqual({ read: bytes, witness: [4n, 40n, 0n] });
  const uuids = await roundTrip('uuid', 'v::varchar');
  const uuid = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
  expect((await uuids([uuid])).read).toStrictEqual([uuid]);
  const enums = await roundTrip(`enum('hard', 'soft')`, 'v::varchar');
  expect((await enums(['soft', 'hard'])).read).toStrictEqual(['soft', 'hard']);
});

test('LIST is an array, empty ones, NULL items and nesting included', async () => {
  const bigints = await roundTrip('bigint[]', 'list_sum(v)');
  await fc.assert(
    fc.asyncProperty(many(fc.array(fc.option(fc.bigInt(-(2n ** 62n), 2n ** 62n)))), async (values) => {
      expect((await bigints(values)).read).toStrictEqual(values);
    }),
    runs,
  );
  const texts = await roundTrip('varchar[]', 'len(v)');
  await fc.assert(
    fc.asyncProperty(many(fc.array(fc.option(fc.string()))), async (values) => {
      expect((await texts(values)).read).toStrictEqual(values);
    }),
    runs,
  );
  const money = await roundTrip('decimal(18,2)[]', 'list_sum(v)');
  expect((await money([['9999999999999999.99', '-0.01']])).read).toStrictEqual([
    ['9999999999999999.99', '-0.01'],
  ]);
  const nested = await roundTrip('double[][]', 'flatten(v)');
  expect((await nested([[[1, 2.5], [], [null, 2 ** 40]]])).read).toStrictEqual([
    [[1, 2.5], [], [null, 2 ** 40]],
  ]);
  const sparse = await roundTrip('decimal(18,2)[][]', 'len(v)');
  expect((await sparse([[[], ['1.20'], [null]], []])).read).toStrictEqual([[[], ['1.20'], [null]], []]);
  await expect(nested([[[1.5, 'x']]])).rejects.toThrow('a list of both DOUBLE and VARCHAR');
  const fixed = await roundTrip('integer[3]', 'v::varchar');
  expect((await fixed([[1, 2, 3]])).read).toStrictEqual([[1, 2, 3]]);
  const days = await roundTrip('date[]', 'v::varchar');
  expect((await days([['2026-11-02', null]])).read).toStrictEqual([['2026-11-02', null]]);
  const jsons = await roundTrip('json[]', 'len(v)');
  expect((await jsons([[{ a: [1] }, { a: 'x' }]])).read).toStrictEqual([[{ a: [1] }, { a: 'x' }]]);
});

test('STRUCT is an object, by name, alone and in a list', async () => {
  const type =
    'struct(id bigint, amount decimal(18,2), occurred_at timestamp, tags varchar[], nested struct(x double))';
  const struct = fc.record(
    {
      id: fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
      amount: fc.constantFrom('1.20', '-99.99', null),
      occurred_at: fc.constantFrom('2026-11-02T06:00:00.000001Z', null),
      tags: fc.array(fc.string()),
      nested: fc.option(fc.record({ x: fc.double({ noNaN: true }) }, { noNullPrototype: true })),
    },
    { noNullPrototype: true },
  );
  const one = await roundTrip(type, 'v.id');
  const listed = await roundTrip(`${type}[]`, 'list_transform(v, lambda s: s.id)');
  await fc.assert(
    fc.asyncProperty(fc.array(struct, { minLength: 1, maxLength: 8 }), async (values) => {
      const { read, witness } = await one(values);
      expect(read).toStrictEqual(values);
      expect(witness).toStrictEqual(values.map((value) => value.id));
      expect((await listed([values])).read).toStrictEqual([values]);
    }),
    runs,
  );
  expect((await one([{ nested: null, id: 1n }])).read).toStrictEqual([
    { id: 1n, amount: null, occurred_at: null, tags: null, nested: null },
  ]);
  await expect(one([{ Id: 1n, amounts: '1.00' }])).rejects.toThrow('has no entry Id');
});

test('MAP is an object where its keys are text, else entries', async () => {
  const counts = await roundTrip('map(varchar, bigint)', 'cardinality(v)');
  const values = [{ opened: 2n, clicked: 2n ** 60n }, {}, { __proto__x: null }];
  expect((await counts(values)).read).toStrictEqual(values);
  const listed = await roundTrip('map(varchar, bigint)[]', 'len(v)');
  expect((await listed([[{}, { a: 1n }, { b: 2n ** 60n }]])).read).toStrictEqual([
    [{}, { a: 1n }, { b: 2n ** 60n }],
  ]);
  const days = await roundTrip('map(date, integer)', 'cardinality(v)');
  expect((await days([new Map([['2026-11-02', 3]])])).read).toStrictEqual([
    [{ key: '2026-11-02', value: 3 }],
  ]);
});

test('JSON is the parsed value, whatever it is', async () => {
  const trip = await roundTrip('json', 'json_type(v)');
  const structure = fc.jsonValue({ maxDepth: 4 }).filter((value) => !Object.is(value, -0));
  await fc.assert(
    fc.asyncProperty(fc.array(structure, { minLength: 1, maxLength: 8 }), async (values) => {
      expect((await trip(values.map(json))).read).toStrictEqual(JSON.parse(JSON.stringify(values)));
    }),
    runs,
  );
  // What is not a string needs no `json()`.
  const plain = [
    { a: [1, 'x', null], at: '2026' },
    [1, 'x', { b: true }],
    [],
    5,
    1.5,
    true,
    null,
    { n: 7n, big: 2n ** 60n },
  ];
  expect((await trip(plain)).read).toStrictEqual([
    ...plain.slice(0, -1),
    { n: 7, big: '1152921504606846976' },
  ]);
  await expect(trip(['not json'])).rejects.toThrow('Malformed JSON');
});
