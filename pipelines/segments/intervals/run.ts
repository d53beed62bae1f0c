import { Slots } from '../../../data/slots.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { segmentDefinitions } from '../definitions.ts';
import { accountZone } from '../zone.ts';
import { segmentIntervals, type IntervalEngine, type SegmentIntervals } from './intervals.ts';
import type { Span } from './span.ts';
import { Workspace } from './workspace.ts';

export interface IntervalContext {
  readonly warehouse: Warehouse;
  readonly engine: IntervalEngine;
}

export interface IntervalRun {
  segments: readonly { id: string; criteria: Criteria }[];
  span: Span;
  /** When conditions that cannot be followed exactly are evaluated: ascending, within the span. */
  sampleTimes: readonly Date[];
  /** Default: none. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * One at a time: each holds a connection of the readers' pool while the models, which it asks, take another, so that as many as
 * there are connections would wait for each other for ever.
 */
const turns = new Slots(1);

/** Works out intervals and hands them to `work`; the tables are gone afterwards. Writes nothing. */
export async function withIntervals<T>(
  context: IntervalContext,
  { segments, span, sampleTimes, timeoutMs, signal }: IntervalRun,
  work: (space: Workspace, intervals: SegmentIntervals) => Promise<T>,
): Promise<T> {
  const { warehouse, engine } = context;
  const definitions = await segmentDefinitions(context);
  const give = await turns.take(signal);
  try {
    return await warehouse.read(
      async (session) => {
        const space = new Workspace(session, span);
        try {
          const zone = accountZone(warehouse);
          const options = { zone, definitions, sampleTimes };
          return await work(space, await segmentIntervals(space, engine, segments, options));
        } finally {
          await space.end();
        }
      },
      { timeoutMs, signal },
    );
  } finally {
    give();
  }
}
