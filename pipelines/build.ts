import type { BuildResult } from '../models/engine/types.ts';
import type { Mallard } from './context.ts';
import { linkEvents } from './identity/contacts-by-email.ts';

/** Builds the marts (all, or those named) as of a time, after giving new events to their contacts. Errors: `ModelEngine.build`. */
export async function buildMarts(
  { engine, warehouse }: Mallard,
  options: { asOf: Date; marts?: readonly string[] | undefined },
): Promise<BuildResult[]> {
  await linkEvents(warehouse);
  return engine.build(options);
}
