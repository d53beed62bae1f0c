import { DateTime } from 'luxon';
import type { RuleExplanation, ScoreAt, ScoreExplanation } from '../../../pipelines/scores/explain.ts';
import { printLine, printTable, type Streams } from '../output.ts';

/** "Why 72, and why 64 last week": what each rule gives, and what has changed. Times in the account's zone. */
export function printExplanation(streams: Streams, { contact_id, time_zone, ...answer }: ScoreExplanation) {
  const local = (iso: string) =>
    DateTime.fromISO(iso, { zone: 'utc' }).setZone(time_zone).toFormat('yyyy-MM-dd HH:mm');
  const { at, vs, rules } = answer;
  printLine(
    streams,
    `${contact_id} scores ${score(at)} as of ${local(at.as_of)} (${time_zone}), by version ${at.rules_version} of the rules.`,
  );
  printTable(streams, [
    ...rules
      .filter((rule) => rule.is_in_force)
      .map((rule) => ({ points: amount(rule.points), rule: rule.title, why: behind(rule, local) })),
    ...(at.cut_points === 0
      ? []
      : [
          {
            points: amount(at.cut_points),
            rule: 'Cut to 0–100',
            why: `the rules add up to ${amount(at.points)}`,
          },
        ]),
    { points: score(at), rule: 'Score', why: '' },
  ]);
  if (!vs) return;
  printLine(
    streams,
    vs.score === null
      ? `\nAs of ${local(vs.as_of)} there was no such contact yet.`
      : `\nIt was ${score(vs)} as of ${local(vs.as_of)}, by version ${vs.rules_version}: a difference of ${signed((at.score ?? 0) - vs.score)}.`,
  );
  printTable(streams, [
    ...rules.flatMap(({ title, points, change }) =>
      change && reasons(change) !== ''
        ? [
            {
              rule: title,
              then: amount(change.points_then),
              now: amount(points),
              difference: signed(change.difference),
              why: reasons(change),
            },
          ]
        : [],
    ),
    ...(answer.cut_difference
      ? [
          {
            rule: 'Cut to 0–100',
            then: amount(vs.cut_points),
            now: amount(at.cut_points),
            difference: signed(answer.cut_difference),
            why: '',
          },
        ]
      : []),
    {
      rule: 'Score',
      then: score(vs),
      now: score(at),
      difference: signed((at.score ?? 0) - (vs.score ?? 0)),
      why: '',
    },
  ]);
}

function behind(rule: RuleExplanation, local: (iso: string) => string): string {
  if (rule.fact_count === null) return rule.points === 0 ? 'no' : 'yes';
  if (rule.fact_count === 0 || rule.newest_at === null) return 'none';
  const times = rule.fact_count === 1 ? 'once' : `${rule.fact_count} times`;
  return `${times}, last on ${local(rule.newest_at)}${rule.is_capped ? `; ${rule.max_points} is the most` : ''}`;
}

function reasons(change: NonNullable<RuleExplanation['change']>): string {
  const counted = (count: number, word: string) =>
    count === 0 ? word : `${count} ${word}${count === 1 ? '' : 's'}`;
  const parts: [number, string][] = [
    [change.decay, 'as the facts grew older'],
    [
      change.new_facts,
      change.new_fact_count === 0 ? 'as it holds now' : `by ${counted(change.new_fact_count, 'new fact')}`,
    ],
    [
      change.facts_gone,
      change.gone_fact_count === 0
        ? 'as it holds no more'
        : `by ${counted(change.gone_fact_count, 'fact')} that count no more`,
    ],
    [change.changed_rules, 'by a change of the rules'],
  ];
  return parts
    .filter(([points]) => points !== 0)
    .map(([points, why]) => `${signed(points)} ${why}`)
    .join(', ');
}

function score({ score: value }: ScoreAt): string {
  return value === null ? 'nothing' : amount(value);
}

function amount(value: number): string {
  return value.toFixed(2);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(2)}`;
}
