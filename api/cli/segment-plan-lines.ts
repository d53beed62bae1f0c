import type { ApplyPlan, PlannedSegment } from '../../pipelines/segments/apply/plan.ts';

/** The plan as people read it: what is to be done, whom it moves, and the changed lines. */
export function planLines({ as_of: asOf, segments, left_alone: leftAlone }: ApplyPlan): string[] {
  const changes = segments.filter(({ action }) => action !== 'unchanged');
  const unchanged = segments.length - changes.length;
  return [
    ...changes.flatMap((segment) => [
      `${segment.action}  ${segment.segment_id}: ${effect(segment, asOf)}`,
      ...segment.diff.map((line) => `    ${line}`),
    ]),
    ...(unchanged > 0 ? [`unchanged  ${counted(unchanged, 'segment')}`] : []),
    ...(leftAlone.length > 0
      ? [`left alone, without a file: ${leftAlone.join(', ')} (--prune archives them)`]
      : []),
    ...(changes.length > 0 && asOf !== null ? [`Contacts are as of ${asOf}.`] : []),
  ];
}

function effect({ membership, error, action }: PlannedSegment, asOf: string | null): string {
  if (error !== null) return `cannot be evaluated: ${error}`;
  if (membership === null) return asOf === null ? 'nothing is built yet' : 'the same contacts';
  const { entered, left, before, after } = membership;
  const moves = action === 'archived' ? '' : `+${grouped(entered)} `;
  return `${moves}−${grouped(left)} contacts (${grouped(before)} -> ${grouped(after)})`;
}

export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
