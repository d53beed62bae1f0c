/** Milliseconds. */
export interface Took {
  wall: number;
  /** Of all threads. What else the machine does is not in it. */
  cpu: number;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs, and says how long it took. */
export async function timed<T>(what: string, work: () => Promise<T>): Promise<Took & { result: T }> {
  const took = await measure(work);
  print(`${what}: ${Math.round(took.wall)} ms, ${Math.round(took.cpu)} ms of processor time`);
  return took;
}

export async function measure<T>(work: () => Promise<T>): Promise<Took & { result: T }> {
  const started = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const wall = performance.now() - started;
  const used = process.cpuUsage(before);
  return { result, wall, cpu: (used.user + used.system) / 1000 };
}

/** The quickest of several runs: what else the machine did is in the others. */
export function best(runs: readonly Took[], what: keyof Took): number {
  return Math.min(...runs.map((run) => run[what]));
}
