import { malloyPath } from '../../../models/criteria/literal.ts';
import { farFuture, usesAsOfForRowsOnly } from '../../../models/engine/timelines/events.ts';
import type { SegmentEngine } from '../types.ts';
import type { EventsPlan } from './plan.ts';
import type { Workspace } from './workspace.ts';

/**
 * The measure of each contact at each time it has events: a table `(contact_id, moment, value)`, made by the models. Undefined
 * where what an event counts depends on when it is looked at, or where sums are not exact (floating point).
 */
export async function eventValues(
  work: Workspace,
  engine: SegmentEngine,
  { source, measure, filters, kind }: EventsPlan,
): Promise<string | undefined> {
  const contact = malloyPath(source.contactField);
  const where = filters.length === 0 ? '' : ` { where: ${filters.join(', ')} }`;
  const malloy = `run: ${malloyPath(source.name)} -> {
    where: ${contact} is not null
    group_by: event_contact is ${contact}, event_at is ${malloyPath(source.timeField.path)}
    aggregate: event_value is ${malloyPath(measure)}${where}
  } -> { select: * }`;
  const { sql } = await engine.compileSql(malloy, { asOf: farFuture, restricted: true });
  if (!usesAsOfForRowsOnly(sql, source.timeField.path)) return undefined;
  const described = await work.session.rows<{ column_name: string; column_type: string }>(`describe ${sql}`);
  const type = described.find(({ column_name }) => column_name === 'event_value')?.column_type ?? '';
  if (kind === 'sum' && /DOUBLE|FLOAT/.test(type)) return undefined;
  const value = type === 'BIGINT' && kind === 'sum' ? 'event_value::integer' : 'event_value';
  return work.keep(
    'events',
    `select event_contact as contact_id, event_at as moment, ${value} as value from (${sql})
     where event_at < ${work.factsUntil} and event_value is not null${kind === 'sum' ? ' and event_value <> 0' : ''}`,
  );
}
