import type { BuildResult } from '../models/engine/types.ts';
import { toTimestamp } from '../data/clock.ts';
import { forgetExpired } from './consent/requests.ts';
import type { Mallard } from './context.ts';
import { linkEvents } from './identity/contacts-by-email.ts';
import { resolveIdentities } from './identity/resolve.ts';

/**
 * Builds the marts (all, or those named) as of a time, after giving new events to their contacts, matching contacts that are
 * one person, and forgetting the addresses of who did not confirm in time. A load that runs is not waited for: what comes after it
 * matches. Errors: `ModelEngine.build`.
 */
export async function buildMarts(
  { engine, warehouse, account }: Mallard,
  options: { asOf: Date; marts?: readonly string[] | undefined },
): Promise<BuildResult[]> {
  await linkEvents(warehouse);
  if (account.identity.auto_merge && !warehouse.loads.isBusy) {
    await resolveIdentities(warehouse, { identity: account.identity });
  }
  await warehouse.ledger.transaction((tx) => forgetExpired(tx, toTimestamp(warehouse.clock.now())));
  return engine.build(options);
}
