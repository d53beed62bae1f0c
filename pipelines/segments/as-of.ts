import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

/** What the built contact_facts is as of (UTC, ISO), or undefined where it was never built. */
export async function builtAsOf(session: Session): Promise<string | undefined> {
  const row = await session.one<{ as_of: string }>(
    `select as_of from ops.mart_builds where mart = 'contact_facts' order by built_at desc, as_of desc limit 1`,
  );
  return row?.as_of;
}

/** "Now" for segments is what the marts were built as of, so that they read tables, not definitions. */
export async function resolveAsOf(warehouse: Warehouse, asOf: Date | undefined): Promise<Date> {
  if (asOf) return asOf;
  const built = await warehouse.read(builtAsOf);
  if (built === undefined) {
    throw new MallardError('conflict', 'The marts have not been built yet.', {
      remedy: 'Run `mallard build` first.',
    });
  }
  return new Date(built);
}

/** What analysts' figures are as of by default: the newest build, so that they read tables; the clock where nothing was built. */
export async function builtOrNow(warehouse: Warehouse): Promise<Date> {
  const built = await warehouse.read(builtAsOf);
  return built === undefined ? warehouse.clock.now() : new Date(built);
}

/** ISO text of a time, as results carry it. */
export function utcText(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}
