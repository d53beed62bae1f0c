/**
 * Random numbers that depend on nothing but seed, stream and keys: a hash of them. DuckDB's own `random()` is not
 * reproducible over several threads, even after `setseed`. The outer hash matters: `hash(a, b)` ends in an exclusive-or
 * with `hash(b)`, so without it the draws of two contacts would differ by a constant.
 *
 * In SQL: `uniform('stream', key)` or `uniform('stream', key, n)`, likewise `normal`, `exponential` (mean 1),
 * `gamma_variate('stream', key, shape)` (rate 1) and `beta_variate('stream', key, a, b)`. A stream is a literal; each
 * (stream, key, n) is used for one purpose only.
 */
export function randomMacros(seed: number): string[] {
  const bits = `hash(xor(hash(key::bigint, n::bigint), hash(stream, ${Math.trunc(seed)}::bigint))) >> 12`;
  return [
    // Strictly between 0 and 1: 52 bits and a half, so ln() is safe.
    `create macro uniform(stream, key, n := 0) as ((${bits})::double + 0.5) * ${2 ** -52}`,
    `create macro exponential(stream, key, n := 0) as -ln(uniform(stream, key, n))`,
    // Box and Muller.
    `create macro normal(stream, key, n := 0) as
       sqrt(2 * exponential(stream || ':radius', key, n)) * cos(2 * pi() * uniform(stream || ':angle', key, n))`,
    // Marsaglia and Tsang 2000, shape >= 1. Each attempt is taken with more than 95 %; the fourth failure (some in a
    // million) gives the mean. Attempts are told apart by n.
    `create macro gamma_attempt(stream, key, d, x, n) as
       case when 1 + x / sqrt(9 * d) > 0
             and ln(uniform(stream || ':accept', key, n)) < x * x / 2 + d - d * pow(1 + x / sqrt(9 * d), 3)
                 + 3 * d * ln(greatest(1 + x / sqrt(9 * d), 1e-9))
            then d * pow(1 + x / sqrt(9 * d), 3) end`,
    `create macro gamma_from_one(stream, key, shape) as coalesce(${[0, 1, 2, 3]
      .map((n) => `gamma_attempt(stream, key, shape - 1 / 3.0::double, normal(stream, key, ${n}), ${n})`)
      .join(', ')}, shape)`,
    // A shape below 1 is lifted by one and brought back by a power of a uniform.
    `create macro gamma_variate(stream, key, shape) as
       case when shape < 1 then gamma_from_one(stream, key, shape + 1) * pow(uniform(stream || ':lift', key), 1.0 / shape)
            else gamma_from_one(stream, key, shape) end`,
    `create macro beta_variate(stream, key, a, b) as
       gamma_variate(stream || ':a', key, a)
       / (gamma_variate(stream || ':a', key, a) + gamma_variate(stream || ':b', key, b))`,
  ];
}

/**
 * SQL that turns a uniform column into one of several values by their shares (which need not sum to 1).
 * @param u SQL of a uniform; named several times, so better a column than a call
 * @param entries [SQL of the value, share]
 */
export function choose(u: string, entries: readonly (readonly [string, number])[]): string {
  const total = entries.reduce((sum, [, share]) => sum + share, 0);
  let reached = 0;
  const branches = entries.slice(0, -1).map(([value, share]) => {
    reached += share / total;
    return `when ${u} < ${reached} then ${value}`;
  });
  const last = entries.at(-1)?.[0] ?? 'null';
  return branches.length === 0 ? last : `case ${branches.join(' ')} else ${last} end`;
}

/** SQL that picks from a list of literals by a uniform, all alike. */
export function pick(u: string, values: readonly string[]): string {
  return `${list(values)}[1 + floor(${u} * ${values.length})::int]`;
}

/** A SQL list literal of texts. */
export function list(values: readonly string[]): string {
  return `[${values.map(text).join(', ')}]`;
}

/** A SQL text literal. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
