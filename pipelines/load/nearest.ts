/** Compared without case and separators: "Contact ID" is `contact_id`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** The candidate that is most like `name`, if any is near: at most a third of its letters differ, or one contains the other. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const plain = plainName(name);
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const other = plainName(candidate);
    const contained =
      plain.length > 2 && other.length > 2 && (other.includes(plain) || plain.includes(other));
    const difference = Math.abs(plain.length - other.length);
    const distance = contained ? Math.min(1, difference / 20) : editDistance(plain, other);
    if (!contained && distance > Math.max(plain.length, other.length) / 3) continue;
    if (!best || distance < best.distance) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
