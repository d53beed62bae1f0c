import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { EventBatch } from './email-events.ts';
import { findRecipients, type FindRecipient } from './intake-recipients.ts';
import { writeEvents, type IntakeCounts } from './intake-write.ts';

export type { IntakeCounts };

/** A request that waits for its commit. */
interface Waiting {
  batch: EventBatch;
  resolve: (counts: IntakeCounts) => void;
  reject: (error: unknown) => void;
}

interface Door {
  waiting: Waiting[];
  isOpen: boolean;
}

/** More rows than this wait for the next commit: one group stays well under the ledger lane's 50 ms. */
const groupRowsMax = 2_000;

const doors = new WeakMap<Warehouse, Door>();

/**
 * Takes the events of one request and resolves after the commit that holds them, so that a 2xx may be answered.
 *
 * Group commit: while one transaction is written, arriving requests gather, and the next transaction takes them all.
 * One commit a request would cost an fsync each and queue behind one another (FACTS.md).
 * Events that are stored already, by (source, event_id), are counted as duplicates. Unsubscribes, complaints and hard
 * bounces suppress the address in the same transaction.
 */
export function acceptEmailEvents(warehouse: Warehouse, batch: EventBatch): Promise<IntakeCounts> {
  const door = doors.get(warehouse) ?? { waiting: [], isOpen: false };
  doors.set(warehouse, door);
  const answer = new Promise<IntakeCounts>((resolve, reject) =>
    door.waiting.push({ batch, resolve, reject }),
  );
  if (!door.isOpen) {
    door.isOpen = true;
    void admit(warehouse, door);
  }
  return answer;
}

/** Looks the next group's recipients up while one is being written: both take about as long. */
async function admit(warehouse: Warehouse, door: Door): Promise<void> {
  let writing = Promise.resolve();
  while (door.waiting.length > 0) {
    const group = nextGroup(door.waiting);
    const finding = findRecipients(
      warehouse,
      group.flatMap(({ batch }) => batch.rows),
    );
    await Promise.all([writing, finding.catch(() => undefined)]);
    writing = admitGroup(warehouse, group, finding);
    if (door.waiting.length === 0) await writing;
  }
  door.isOpen = false;
}

function nextGroup(waiting: Waiting[]): Waiting[] {
  let rows = 0;
  const end = waiting.findIndex(({ batch }) => (rows += batch.rows.length) > groupRowsMax);
  return waiting.splice(0, end < 0 ? waiting.length : Math.max(end, 1));
}

/** Never throws: each request of the group is answered. */
async function admitGroup(
  warehouse: Warehouse,
  group: Waiting[],
  finding: Promise<FindRecipient>,
): Promise<void> {
  try {
    const counts = await writeEvents(
      warehouse,
      group.map(({ batch }) => batch),
      await finding,
    );
    group.forEach(({ resolve }, index) => resolve(counts[index] as IntakeCounts));
  } catch (error) {
    if (group.length === 1) return group[0]?.reject(error);
    // One request's events must not fail its neighbours: each alone.
    for (const one of group) await admitGroup(warehouse, [one], findRecipients(warehouse, one.batch.rows));
  }
}
