import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { completeRun } from '../delivery/lease.ts';
import { getRun, type CampaignRun, type RunStatus } from './launch.ts';

/** No batch of the run is handed out any more; what senders hold, they finish. */
export function pauseRun(warehouse: Warehouse, runId: string): Promise<CampaignRun> {
  return changeStatus(warehouse, runId, ['sending'], 'paused');
}

export function resumeRun(warehouse: Warehouse, runId: string): Promise<CampaignRun> {
  return changeStatus(warehouse, runId, ['paused'], 'sending');
}

/** For good: who has not been sent to, will not be. */
export function cancelRun(warehouse: Warehouse, runId: string): Promise<CampaignRun> {
  return changeStatus(warehouse, runId, ['sending', 'paused'], 'cancelled');
}

async function changeStatus(
  warehouse: Warehouse,
  runId: string,
  from: readonly RunStatus[],
  to: RunStatus,
): Promise<CampaignRun> {
  const run = await getRun(warehouse, runId);
  const now = toTimestamp(warehouse.clock.now());
  const changed = await warehouse.ledger.transaction(async (tx) => {
    const rows = await tx.run(
      `update ops.campaign_runs set status = $to, updated_at = $now::timestamp,
         completed_at = case when $to = 'cancelled' then $now::timestamp else completed_at end
       where campaign_run_id = $run and status in (select unnest(from_json($from, '["VARCHAR"]')))`,
      { to, run: runId, from: JSON.stringify(from), now },
    );
    // The last batch may have been finished during the pause.
    await completeRun(tx, runId, now);
    return rows;
  });
  if (changed === 1 || run.status === to) return getRun(warehouse, runId);
  throw new MallardError(
    'conflict',
    `Run ${runId} is ${run.status}; only ${from.join(' or ')} can become ${to}.`,
    {
      fields: { campaign_run_id: runId, status: run.status },
    },
  );
}
