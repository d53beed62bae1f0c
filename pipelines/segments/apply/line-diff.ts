/** A line of a comparison: in both, only in the old text, or only in the new one. */
export interface DiffLine {
  sign: ' ' | '-' | '+';
  line: string;
}

/** Cells of the table beyond which what differs is shown as replaced whole: 2,000 lines against 2,000, some 20 ms. */
const cellsMax = 4_000_000;

/** The fewest lines to take away and to add, by the longest common subsequence (Wagner and Fischer, 1974). */
export function lineDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  return [
    ...signed(' ', before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...signed(' ', before.slice(before.length - tail)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  if (before.length * after.length > cellsMax) return [...signed('-', before), ...signed('+', after)];
  const width = after.length + 1;
  // common[i, j]: the longest common subsequence of what follows line i of the one and line j of the other.
  const common = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: ' ', line: before[i++] ?? '' });
      j++;
    } else if (j === after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', line: before[i++] ?? '' });
    } else lines.push({ sign: '+', line: after[j++] ?? '' });
  }
  return lines;
}

function signed(sign: DiffLine['sign'], lines: readonly string[]): DiffLine[] {
  return lines.map((line) => ({ sign, line }));
}

/** The changed lines and `context` lines around them, each behind its sign; '…' where some are left out. Empty where none changed. */
export function shownDiff(lines: readonly DiffLine[], context: number): string[] {
  const shown: string[] = [];
  let skipped = false;
  for (const [index, { sign, line }] of lines.entries()) {
    const near = lines.slice(Math.max(0, index - context), index + context + 1);
    if (near.every((one) => one.sign === ' ')) skipped = true;
    else {
      if (skipped) shown.push('  …');
      skipped = false;
      shown.push(`${sign} ${line}`);
    }
  }
  if (skipped && shown.length > 0) shown.push('  …');
  return shown;
}
