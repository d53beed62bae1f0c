import { DateTime } from 'luxon';
import type { ModelEngine, World } from '../../../models/engine/engine.ts';
import type { Catalogue } from '../../../models/engine/types.ts';
import { aboutContacts, dealsOfContacts } from '../../scores/one-person.ts';
import type { SegmentEngine } from '../types.ts';

/** All ids of the persons that were touched: `(contact_id)`. A temporary table of the build lane. */
export const touchedMembers = 'temp.touched_members';

/** The deals that these persons have or ever had: `(deal_id)`. Found once, for finding them reads all deals. */
export const touchedDeals = 'temp.touched_deal_ids';

/** Marts of which who was touched has rows of its own, in the order in which they are made: each reads those before it. */
export const ownMarts = ['deal_facts', 'contact_facts'] as const;

/**
 * Tables of which the rows of who was touched are copied first, for the models read them several times. The events' are read
 * once each, and of a few of their columns.
 */
export const copiedTables = [
  ...['contacts', 'contact_changes', 'consent_events'],
  ...['deals', 'deal_changes', 'deal_stage_changes'],
] as const;

/**
 * Marts that keep the value of the last build: what is relative to others (quintiles), what adds several contacts up, and scores.
 * Computed over some contacts only, the first two would be something else.
 */
const keptMarts = [
  ...['rfm', 'lead_scores', 'company_facts', 'owner_facts', 'customer_spans', 'email_performance'],
  'campaign_facts',
];

/**
 * Marks a table that `overTouched` puts another in place of. No text from outside can be it: a value's single quotes would be
 * doubled, a name's double ones.
 * The same in every process, so that the compiled world is kept between them. True: a table that nothing is put in place of is read
 * whole.
 */
const mark = `where 'who "was" touched' = 'who "was" touched'`;
const markedTable = new RegExp(`from (versions|mart)\\.(\\w+) ${mark}`, 'g');

function marked(text: string): string {
  return text.replaceAll(
    /duckdb\.table\('(versions|mart)\.(\w+)'\)/g,
    (all, schema: string, name: string) => {
      const isOurs =
        schema === 'mart'
          ? (ownMarts as readonly string[]).includes(name)
          : aboutContacts(name, '') !== undefined;
      return isOurs ? `duckdb.sql("""from ${schema}.${name} ${mark}""")` : all;
    },
  );
}

/** SQL of the models below, over who was touched. */
export function overTouched(sql: string): string {
  return sql.replaceAll(markedTable, (_all, schema: string, name: string) =>
    schema === 'mart' || (copiedTables as readonly string[]).includes(name)
      ? `from temp.touched_${name}`
      : rowsAboutTouched(name),
  );
}

const memberIds = `select contact_id from ${touchedMembers}`;

/** The rows of a versioned table that can be about who was touched. */
export function rowsAboutTouched(table: string): string {
  return `from versions.${table} where ${aboutContacts(table, memberIds, `select deal_id from ${touchedDeals}`)}`;
}

/** The rows of `touchedDeals`. */
export const dealsOfTouched = dealsOfContacts(memberIds);

/** SQL of an own mart's rows, as of a time; for `overTouched`. */
export function ownMart(engine: ModelEngine, mart: (typeof ownMarts)[number], asOf: Date): Promise<string> {
  const built = [...keptMarts, ...ownMarts.slice(0, ownMarts.indexOf(mart))];
  return engine.martInWorld({ name: `touched ${mart}`, rewrite: marked, built }, mart, { asOf });
}

/**
 * The engine for segments in which a contact's own rows decide, each by itself; its SQL is for `overTouched`. Segments that need more
 * do not compile here, and wait for the next evaluation of all: those over a project's own fields and sources, and
 * Malloy segments that do more than filter contact_facts.
 */
export function touchedEngine(engine: ModelEngine): SegmentEngine {
  const world: World = { name: 'touched contacts', rewrite: marked, built: [...keptMarts, ...ownMarts] };
  return {
    catalogue: async () => ownRowsOnly(await engine.catalogue()),
    compileSql: (malloy, options) => engine.compileInWorld(world, malloy, options),
  };
}

function ownRowsOnly(catalogue: Catalogue): Catalogue {
  return {
    ...catalogue,
    contact_source: 'contact_facts',
    fields: catalogue.fields.filter(({ source }) => source === undefined),
    sources: catalogue.sources.filter(({ layer }) => layer !== 'user'),
    segments: catalogue.segments.filter((segment) => segment.is_filter),
  };
}

/**
 * A time that stands for "now" in SQL that is compiled once for a day: to compile 100 segments takes 0.3 s of the event loop. It
 * is late on `now`'s day, and a moment that nobody writes by hand.
 * @param zone IANA zone of the account
 */
export function placeholderOf(now: Date, zone: string): Date {
  return DateTime.fromJSDate(now, { zone }).endOf('day').set({ millisecond: 987 }).toJSDate();
}

/** SQL that was compiled as of the placeholder, as of now. */
export function asOfNow(sql: string, placeholder: Date, now: Date): string {
  return sql.replaceAll(sqlText(placeholder), () => sqlText(now));
}

function sqlText(time: Date): string {
  return time.toISOString().replace('T', ' ').replace('Z', '');
}
