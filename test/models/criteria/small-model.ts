import { DateTime } from 'luxon';
import { InMemoryURLReader, SingleConnectionRuntime } from '@malloydata/malloy';
import { WarehouseConnection } from '../../../models/engine/connection.ts';
import { membershipQuery } from '../../../models/criteria/query.ts';
import type {
  Criteria,
  CriteriaCatalogue,
  CriteriaField,
  SegmentDefinitions,
} from '../../../models/criteria/types.ts';
import { openTestWarehouse } from '../../support.ts';

/**
 * A model of three small tables, so that criteria are tried on real Malloy and DuckDB without the shipped models. AS_OF is
 * 2026-11-02T06:00:00Z throughout.
 */
const model = `##! experimental.givens
given:
  AS_OF :: timestamp
  TODAY :: timestamp
source: contact_facts is duckdb.table('mart.small_facts') extend { primary_key: contact_id }
source: clicks is duckdb.table('mart.small_events') extend {
  where: occurred_at < $AS_OF
  dimension: is_big is amount >= 10
  measure: click_count is count(), spent is amount.sum(), mean_spent is amount.avg(), last_at is occurred_at.max()
  measure: big_count is count() { where: is_big }, spent_on_x is amount.sum() { where: campaign_id = 'x' }
}
source: visits is duckdb.table('mart.small_visits') extend {
  where: visited_date < $AS_OF::date
  measure: visit_count is count()
}
source: bobs is contact_facts -> { where: name = 'bob' group_by: contact_id }`;

const factFields: CriteriaField[] = [
  { path: 'contact_id', type: 'string' },
  { path: 'name', type: 'string' },
  { path: 'score', type: 'number' },
  { path: 'revenue', type: 'number' },
  { path: 'is_active', type: 'boolean' },
  { path: 'born_date', type: 'date' },
  { path: 'seen_at', type: 'timestamp' },
  { path: 'email.last_30_days.clicks', type: 'number' },
];

export const smallCatalogue: CriteriaCatalogue = {
  contactSource: 'contact_facts',
  fields: factFields,
  sources: [
    {
      name: 'clicks',
      contactField: 'contact_id',
      timeField: { path: 'occurred_at', type: 'timestamp' },
      fields: [
        { path: 'campaign_id', type: 'string' },
        { path: 'amount', type: 'number' },
        { path: 'occurred_at', type: 'timestamp' },
      ],
      measures: [
        { path: 'click_count', type: 'number' },
        { path: 'spent', type: 'number' },
        { path: 'mean_spent', type: 'number' },
        { path: 'last_at', type: 'timestamp' },
        { path: 'big_count', type: 'number', countedWhere: ['is_big'] },
        { path: 'spent_on_x', type: 'number', countedWhere: [`campaign_id = 'x'`] },
      ],
    },
    {
      name: 'visits',
      contactField: 'contact_id',
      timeField: { path: 'visited_date', type: 'date' },
      fields: [
        { path: 'url', type: 'string' },
        { path: 'visited_date', type: 'date' },
      ],
      measures: [{ path: 'visit_count', type: 'number' }],
    },
  ],
};

export interface SmallFact {
  contact_id: string;
  name?: string | null;
  score?: number | null;
  revenue?: string | null;
  is_active?: boolean | null;
  born_date?: string | null;
  seen_at?: string | null;
  clicks?: number | null;
}

/** [contact_id, occurred_at, campaign_id, amount] */
export type SmallEvent = [string | null, string, string | null, number | null];

/** [contact_id, visited_date, url] */
export type SmallVisit = [string | null, string, string | null];

export interface SmallWarehouse {
  /** Members of each tree, ascending, by one query for all. Throws the first error. */
  members(...trees: Criteria[]): Promise<string[][]>;
  /** Likewise, where segments may be named. */
  membersWith(segments: SegmentDefinitions, ...trees: Criteria[]): Promise<string[][]>;
  /** The events and visits there are, in the place of those before. */
  replaceEvents(events: readonly SmallEvent[], visits?: readonly SmallVisit[]): Promise<void>;
}

export async function openSmallWarehouse(
  facts: SmallFact[],
  events: SmallEvent[] = [],
  zone = 'UTC',
): Promise<SmallWarehouse> {
  const { warehouse } = await openTestWarehouse();
  await warehouse.build.transaction(async (tx) => {
    await tx.run(`create table mart.small_facts (contact_id varchar, name varchar, score double, revenue decimal(18,2),
      is_active boolean, born_date date, seen_at timestamp, email struct(last_30_days struct(clicks integer)))`);
    await tx.run(
      `create table mart.small_events (contact_id varchar, occurred_at timestamp, campaign_id varchar, amount double)`,
    );
    for (const fact of facts) {
      await tx.run(
        `insert into mart.small_facts select $1, $2, $3::double, $4::varchar::decimal(18,2), $5::boolean, $6::varchar::date,
           $7::varchar::timestamp, {last_30_days: {clicks: $8::integer}}`,
        [
          fact.contact_id,
          fact.name ?? null,
          fact.score ?? null,
          fact.revenue ?? null,
          fact.is_active ?? null,
          fact.born_date ?? null,
          fact.seen_at ?? null,
          fact.clicks ?? null,
        ],
      );
    }
    await tx.run(`create table mart.small_visits (contact_id varchar, visited_date date, url varchar)`);
  });
  const replaceEvents = (clicks: readonly SmallEvent[], visits: readonly SmallVisit[] = []) =>
    warehouse.build.transaction(async (tx) => {
      await tx.run('delete from mart.small_events');
      await tx.run('delete from mart.small_visits');
      for (const event of clicks) {
        await tx.run(
          `insert into mart.small_events select $1, $2::varchar::timestamp, $3, $4::double`,
          event,
        );
      }
      for (const visit of visits)
        await tx.run('insert into mart.small_visits select $1, $2::varchar::date, $3', visit);
    });
  await replaceEvents(events);
  const runtime = new SingleConnectionRuntime({
    connection: new WarehouseConnection((work) => warehouse.read(work)),
    urlReader: new InMemoryURLReader(new Map()),
  });
  const compiled = runtime.loadModel(model);
  const asOf = '2026-11-02T06:00:00';
  const today = DateTime.fromISO(asOf, { zone: 'utc' })
    .setZone(zone)
    .startOf('day')
    .toUTC()
    .toISO({ includeOffset: false });
  return {
    replaceEvents,
    members: (...trees) => membersWith(new Map(), ...trees),
    membersWith,
  };

  async function membersWith(segments: SegmentDefinitions, ...trees: Criteria[]): Promise<string[][]> {
    const query = membershipQuery(
      trees.map((criteria, index) => ({ id: String(index), criteria })),
      { catalogue: smallCatalogue, zone, segments },
    );
    for (const error of query.errors.values()) throw error;
    const sql = await compiled
      .loadRestrictedQuery(query.malloy ?? '')
      .getSQL({ givens: { AS_OF: asOf, TODAY: today } });
    const rows = await warehouse.read((session) => session.rows(sql));
    return trees.map((_, index) => {
      const column = query.columns.get(String(index)) ?? '';
      return rows
        .filter((row) => {
          if (typeof row[column] !== 'boolean') throw new Error(`${column} is ${String(row[column])}`);
          return row[column];
        })
        .map((row) => String(row['contact_id']))
        .sort();
    });
  }
}
