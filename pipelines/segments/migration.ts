import { readAccount } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { readMoment } from '../../models/criteria/literal.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { matrixOf, type CountRow, type MigrationKind, type SegmentMigration } from './migration-matrix.ts';
import { recordedSince } from './runs.ts';
import { listSegments, unknownSegment } from './listing.ts';
import { stretchesSql } from './recorded-intervals.ts';
import type { Segment, SegmentContext } from './types.ts';

export interface MigrationOptions {
  /** A day (its start) or a time, ISO; in the account's zone without an offset. */
  from: string;
  /** Default: the last build. */
  to?: string | undefined;
  /** Default: all active ones. */
  segmentIds?: readonly string[] | undefined;
}

/**
 * Who was in which segment at two times, by the recorded changes; a change counts from its own moment on. Persons: whoever is
 * merged now counts as one at both times.
 * @throws `not_found` (segments); `bad_request` (from, to); `conflict` where `to` is left out and nothing was built
 */
export async function segmentMigration(
  context: SegmentContext,
  options: MigrationOptions,
): Promise<SegmentMigration> {
  const { warehouse, engine } = context;
  const zone = readAccount(warehouse.project).time_zone;
  const from = momentOf('from', options.from, zone);
  const to =
    options.to === undefined ? await resolveAsOf(warehouse, undefined) : momentOf('to', options.to, zone);
  if (to <= from) {
    throw new MallardError('bad_request', `to: ${utcText(to)} is not after ${utcText(from)}.`, {
      fields: { field: 'to' },
      remedy: 'Name the earlier date as `from`.',
    });
  }
  const segments = await segmentsOf(context, options.segmentIds);
  const contactsAt = async (asOf: Date) =>
    (await engine.compileSql('run: contacts -> { select: contact_id }', { asOf, restricted: false })).sql;
  const sql = migrationSql(await contactsAt(from), await contactsAt(to));
  const counts = await warehouse.read((session) =>
    session.rows<CountRow>(sql, {
      segments: JSON.stringify(segments.map(({ segment_id }) => segment_id)),
      from: toTimestamp(from),
      to: toTimestamp(to),
    }),
  );
  const since = await warehouse.read(recordedSince);
  const sides = segments.map(({ segment_id, title }) => {
    const recorded = since.get(segment_id);
    return { segment_id, title, recorded_since: recorded === undefined ? null : utcText(recorded) };
  });
  return matrixOf(sides, counts, { from: utcText(from), to: utcText(to) });
}

function momentOf(field: string, text: string, zone: string): Date {
  const moment = readMoment(text, zone);
  if (moment) return moment.at.toJSDate();
  throw new MallardError(
    'bad_request',
    `${field}: ${text} is not a day such as 2026-10-01, nor an ISO 8601 time.`,
    {
      fields: { field, value: text },
    },
  );
}

async function segmentsOf(context: SegmentContext, ids: readonly string[] | undefined): Promise<Segment[]> {
  const all = await listSegments(context, { includeArchived: ids !== undefined });
  if (ids === undefined) return all;
  return [...new Set(ids)].map((id) => {
    const found = all.find(({ segment_id }) => segment_id === id);
    if (found) return found;
    throw unknownSegment(
      id,
      all.map(({ segment_id }) => segment_id),
    );
  });
}

/** @param before, after contacts at the two times, as SQL */
function migrationSql(before: string, after: string): string {
  const placesAt = (at: string, contacts: string, absent: MigrationKind) => `
      select e.contact_id, coalesce(m.segment_id, '') as segment_id,
        case when m.segment_id is not null then 'segment' when c.contact_id is not null then 'none' else '${absent}' end as kind
      from everybody e left join (${contacts}) c using (contact_id) left join (${membersAt(at)}) m using (contact_id)`;
  const membersAt = (at: string) =>
    `select distinct segment_id, contact_id from stretches where entered_at <= ${at} and left_at > ${at}`;
  const [from, to] = ['$from::timestamp', '$to::timestamp'];
  return `with stretches as materialized (
      ${stretchesSql(`segment_id in (select unnest(from_json($segments, '["VARCHAR"]'))) and changed_at <= ${to}`)}),
    everybody as materialized (
      (${before}) union (${after})
      union select contact_id from (${membersAt(from)}) union select contact_id from (${membersAt(to)})),
    was as materialized (${placesAt(from, before, 'new')}),
    is_now as materialized (${placesAt(to, after, 'gone')})
    select w.kind as from_kind, w.segment_id as from_segment, n.kind as to_kind, n.segment_id as to_segment, count(*)::int as persons
    from was w join is_now n using (contact_id) group by all
    union all select kind, segment_id, null, null, count(*)::int from was group by all
    union all select null, null, kind, segment_id, count(*)::int from is_now group by all
    union all select null, null, null, null, count(*)::int from everybody`;
}
