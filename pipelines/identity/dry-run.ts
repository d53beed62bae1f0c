import type { Lane } from '../../data/owner/lane.ts';
import { inTransaction, type Session } from '../../data/owner/session.ts';

class Undo<T> extends Error {
  readonly answer: T;
  constructor(answer: T) {
    super('a dry run ends with a rollback');
    this.answer = answer;
  }
}

/** Runs `work` in a transaction of the lane; `dryRun` rolls it back, so that what it answers is what would have been. */
export function rolledBack<T>(lane: Lane, dryRun: boolean, work: (tx: Session) => Promise<T>): Promise<T> {
  if (!dryRun) return lane.transaction(work);
  return lane.exclusive(async (session) => {
    try {
      return await inTransaction(session, async () => {
        throw new Undo(await work(session));
      });
    } catch (error) {
      if (error instanceof Undo) return error.answer as T;
      throw error;
    }
  });
}
