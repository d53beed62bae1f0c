/**
 * The name most like `wanted`, or undefined where none is near (more than half of it would have to change). Near is a small
 * edit distance, to the whole name or to the last part of a dotted one ('clicks' is near 'email.last_30_days.clicks'), and a
 * name that begins with the one wanted ('lifecycle' is near 'lifecycle_stage').
 */
export function nearestName(wanted: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.floor(wanted.length / 2) + 1;
  for (const name of names) {
    const distance = Math.min(
      editDistance(wanted, name),
      editDistance(lastPart(wanted), lastPart(name)) + 1,
      wanted.length >= 3 && name.startsWith(wanted) ? 2 : Infinity,
    );
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** Levenshtein distance in UTF-16 units, two rows of the table at a time (Wagner and Fischer, 1974). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
