import { DateTime } from 'luxon';
import type { SegmentExplanation } from '../../../pipelines/segments/explain.ts';
import type { ExplainedNode } from '../../../pipelines/segments/explain-tree.ts';
import type { ExplainedMove } from '../../../pipelines/segments/moves.ts';
import { note, printLine, type Streams } from '../output.ts';

/** "Why is she in it?": the verdict, the conditions one a line, and how she came in and went. Times in the account's zone. */
export function printExplanation(streams: Streams, answer: SegmentExplanation): void {
  const local = (iso: string) =>
    DateTime.fromISO(iso, { zone: 'utc' }).setZone(answer.time_zone).toFormat('yyyy-MM-dd HH:mm');
  const { contact_id: who, asked_contact_id: asked, is_member: isMember } = answer;
  const verb =
    answer.segment_id === null ? (isMember ? 'fits' : 'does not fit') : isMember ? 'is in' : 'is not in';
  const what = answer.segment_id === null ? 'the criteria' : (answer.title ?? answer.segment_id);
  const by = answer.version ? `, by version ${answer.version}` : '';
  printLine(streams, `${who} ${verb} ${what} as of ${local(answer.as_of)} (${answer.time_zone})${by}.`);
  if (asked !== who) printLine(streams, `${asked} is a record of ${who}.`);
  for (const node of answer.nodes) printLine(streams, nodeLine(node));
  const moves = [answer.entered, answer.left].filter((move) => move !== null);
  for (const move of moves.toSorted((a, b) => (a.at < b.at ? -1 : 1))) printMove(streams, move, local);
  if (answer.segment_id !== null && moves.length === 0) printLine(streams, '\nNever recorded as a member.');
  for (const line of answer.notes) note(streams, line);
}

function nodeLine({ depth, is_true: isTrue, kind, text }: ExplainedNode): string {
  return `${'  '.repeat(depth + 1)}${mark(isTrue)} ${text}${kind === 'condition' ? '' : ':'}`;
}

function printMove(streams: Streams, move: ExplainedMove, local: (iso: string) => string): void {
  const verb = move.change === 'entered' ? 'Entered' : 'Left';
  const before =
    move.previous_as_of === null ? '' : ` (evaluated before as of ${local(move.previous_as_of)})`;
  printLine(streams, `\n${verb} on ${local(move.at)}${before}: ${move.reason}.`);
  for (const { is_true: isTrue, text } of move.flipped) printLine(streams, `  ${mark(isTrue)} ${text}`);
}

function mark(isTrue: boolean): string {
  return isTrue ? '✓' : '✗';
}
