import type { Session } from '../../data/owner/session.ts';
import type { Sample } from '../../models/statistics/standardised-difference.ts';

/** Who is compared: `sql` has a row per contact with columns f0, f1, …, and the boolean `column` says who fits. */
export interface Compared {
  sql: string;
  column: string;
}

/** Counts of one value, null being unknown. */
export interface ValueCount {
  value: string | null;
  preview_count: number;
  base_count: number;
}

export interface Counts {
  preview_count: number;
  base_count: number;
  /** By column, of texts. */
  values: ReadonlyMap<string, ValueCount[]>;
  /** By column, of numbers: those who fit, and the others. */
  samples: ReadonlyMap<string, { preview: Sample; others: Sample }>;
}

/** One scan: how often each value of `texts` occurs, and number, mean and variance of `numbers`. */
export async function countAll(
  session: Session,
  { sql, column }: Compared,
  texts: readonly string[],
  numbers: readonly string[],
): Promise<Counts> {
  const sides = { preview: column, others: `not ${column}` };
  const figures = Object.entries(sides).flatMap(([side, condition]) => {
    const only = `filter (where ${condition})`;
    return [
      `${side}: { total: count(*) ${only}, values: [${texts
        .map(
          (name) =>
            `{ known: map_entries(histogram(${name}::varchar) ${only}), unknown: count(*) ${only} - count(${name}) ${only} }`,
        )
        .join(', ')}], samples: [${numbers
        .map((name) => {
          const number = `${name}::double`;
          return `{ n: count(${name}) ${only}, mean: avg(${number}) ${only}, variance: var_samp(${number}) ${only} }`;
        })
        .join(', ')}] }`,
    ];
  });
  const row = await session.one<{ counted: string }>(
    `select to_json({ ${figures.join(', ')} })::varchar as counted from (${sql})`,
  );
  const { preview, others } = JSON.parse(row?.counted ?? '') as Record<'preview' | 'others', Side>;
  return {
    preview_count: preview.total,
    base_count: preview.total + others.total,
    values: new Map(texts.map((name, i) => [name, valueCounts(preview.values[i], others.values[i])])),
    samples: new Map(
      numbers.map((name, i) => [
        name,
        { preview: sampleOf(preview.samples[i]), others: sampleOf(others.samples[i]) },
      ]),
    ),
  };
}

interface Side {
  total: number;
  values: Histogram[];
  samples: { n: number; mean: number | null; variance: number | null }[];
}

interface Histogram {
  known: { key: string; value: number }[] | null;
  unknown: number;
}

function valueCounts(preview?: Histogram, others?: Histogram): ValueCount[] {
  const counts = new Map<string | null, ValueCount>();
  const add = (value: string | null, count: number, fits: boolean) => {
    const known = counts.get(value) ?? { value, preview_count: 0, base_count: 0 };
    counts.set(value, known);
    known.base_count += count;
    if (fits) known.preview_count += count;
  };
  for (const [side, fits] of [
    [preview, true],
    [others, false],
  ] as const) {
    for (const { key, value } of side?.known ?? []) add(key, value, fits);
    if (side && side.unknown > 0) add(null, side.unknown, fits);
  }
  return [...counts.values()];
}

function sampleOf(side: Side['samples'][number] | undefined): Sample {
  return { n: side?.n ?? 0, mean: side?.mean ?? 0, variance: side?.variance ?? 0 };
}

export interface Medians {
  preview_median: number | null;
  base_median: number | null;
}

/** One scan: exact medians of those who have a value, by linear interpolation (R's type 7). */
export async function readMedians(
  session: Session,
  { sql, column }: Compared,
  numbers: readonly string[],
): Promise<Map<string, Medians>> {
  if (numbers.length === 0) return new Map();
  const figures = numbers.flatMap((name) => [
    `quantile_cont(${name}::double, 0.5) filter (where ${column}) as p_${name}`,
    `quantile_cont(${name}::double, 0.5) as b_${name}`,
  ]);
  const row = await session.one<Record<string, number | null>>(`select ${figures.join(', ')} from (${sql})`);
  return new Map(
    numbers.map((name) => [
      name,
      { preview_median: row?.[`p_${name}`] ?? null, base_median: row?.[`b_${name}`] ?? null },
    ]),
  );
}
