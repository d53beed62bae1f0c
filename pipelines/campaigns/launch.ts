import { createHash } from 'node:crypto';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { audienceSql } from './audience-sql.ts';
import { messageId, parseCampaign, type CampaignDefinition } from './definition.ts';
import { prepareCampaign, type CampaignContext } from './prepare.ts';
import { getCampaign } from './store.ts';

export type RunStatus = 'launching' | 'sending' | 'paused' | 'completed' | 'cancelled' | 'failed';

export interface CampaignRun {
  campaign_run_id: string;
  campaign_id: string;
  definition: CampaignDefinition;
  status: RunStatus;
  as_of: string;
  launched_at: string;
  launched_by: string | null;
  completed_at: string | null;
  /** Contacts decided about, and how; null while launching. */
  audience_count: bigint | null;
  send_count: bigint | null;
  holdout_count: bigint | null;
  excluded_count: bigint | null;
  error: string | null;
  updated_at: string;
}

export interface LaunchOptions {
  /** The same key gives the same run. Default: the definition's version, so a campaign launched again unchanged is not sent again. */
  idempotencyKey?: string;
  launchedBy?: string;
}

/**
 * Freezes the audience and opens the batches; resolves when all is committed. Launching again with the same key answers
 * the same run.
 * @throws `not_found`, `template_invalid`, `conflict`
 */
export async function launchCampaign(
  context: CampaignContext,
  campaignId: string,
  options: LaunchOptions = {},
): Promise<CampaignRun> {
  const { definition, version } = await getCampaign(context.warehouse, campaignId);
  const key = options.idempotencyKey ?? `version ${version}`;
  const runId = createHash('sha256').update(`${campaignId}\n${key}`).digest('hex').slice(0, 16);
  const known = await findRun(context.warehouse, runId);
  // Checked before anything is written: a campaign that cannot be launched leaves no run behind.
  if (!known) await prepareCampaign(context, definition);
  await beginRun(context, runId, definition, options.launchedBy ?? null);
  return finishLaunch(context, runId);
}

/** Step 1, ledger: the run exists and says it is launching, with the definition it was launched with. */
export async function beginRun(
  context: CampaignContext,
  runId: string,
  definition: CampaignDefinition,
  launchedBy: string | null,
): Promise<void> {
  const now = toTimestamp(context.clock.now());
  await context.warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.campaign_runs (campaign_run_id, campaign_id, definition, status, as_of, launched_at, launched_by, updated_at)
       select $run, $campaign, $definition, 'launching', $now::timestamp, $now::timestamp, $by::varchar, $now::timestamp
       where not exists (from ops.campaign_runs where campaign_run_id = $run)`,
      {
        run: runId,
        campaign: definition.campaign_id,
        definition: JSON.stringify(definition),
        now,
        by: launchedBy,
      },
    ),
  );
}

/** Steps 2 and 3 of a run that is launching; a run past it is left as it is. */
export async function finishLaunch(context: CampaignContext, runId: string): Promise<CampaignRun> {
  const run = await getRun(context.warehouse, runId);
  if (run.status === 'launching') {
    await freezeAudience(context, run);
    await openBatches(context, run);
  }
  return getRun(context.warehouse, runId);
}

/** Step 2, build lane: one INSERT … SELECT, all or nothing; nothing where it is done. */
export async function freezeAudience(context: CampaignContext, run: CampaignRun): Promise<void> {
  const prepared = await prepareCampaign(context, run.definition);
  const { sql, params } = audienceSql(run.definition, {
    campaignRunId: run.campaign_run_id,
    at: run.launched_at,
    permittedAt: null,
    account: context.account,
    ...prepared,
  });
  await context.warehouse.build.transaction(async (tx) => {
    const done = await tx.one('select 1 as one from ops.audience where campaign_run_id = $1 limit 1', [
      run.campaign_run_id,
    ]);
    if (!done)
      await tx.run(
        `insert into ops.audience by name select * from (${sql}) order by position nulls last, contact_id`,
        params,
      );
  });
}

/** Step 3, ledger: batches of contiguous positions, counts, and `sending`, in one transaction. */
export async function openBatches({ warehouse, clock }: CampaignContext, run: CampaignRun): Promise<void> {
  const now = toTimestamp(clock.now());
  await warehouse.ledger.transaction(async (tx) => {
    const params = { run: run.campaign_run_id, now };
    const opened = await tx.run(
      `update ops.campaign_runs set status = case when a.sent > 0 then 'sending' else 'completed' end,
         completed_at = case when a.sent > 0 then null else $now::timestamp end, updated_at = $now::timestamp,
         audience_count = a.decided, send_count = a.sent, holdout_count = a.held, excluded_count = a.excluded
       from (select count(*) as decided, count(*) filter (decision = 'send') as sent,
               count(*) filter (decision = 'holdout') as held, count(*) filter (decision = 'excluded') as excluded
             from ops.audience where campaign_run_id = $run) a
       where campaign_run_id = $run and status = 'launching'`,
      params,
    );
    if (opened === 0) return;
    // A batch never mixes times: it may be claimed as a whole when its time has come.
    await tx.run(
      `insert into ops.delivery_batches (batch_id, campaign_run_id, message_id, position_from, position_to, status, attempt, updated_at)
       select $run || '-' || min(position), $run, $message_id, min(position), max(position), 'pending', 0, $now::timestamp
       from (select position, send_at, (row_number() over (partition by send_at order by position) - 1) // $batch_size as slice
             from ops.audience where campaign_run_id = $run and decision = 'send')
       group by send_at, slice`,
      { ...params, message_id: messageId(run.definition), batch_size: run.definition.batch_size },
    );
  });
}

/**
 * Finishes launches that a crash interrupted. To be called at boot, before senders start. A run that cannot be
 * finished (its segment or template is gone) becomes `failed` with the reason; nothing of it was sent.
 */
export async function recover(context: CampaignContext): Promise<CampaignRun[]> {
  const launching = await context.warehouse.read((s) =>
    s.rows<{ campaign_run_id: string }>(
      `select campaign_run_id from ops.campaign_runs where status = 'launching' order by launched_at`,
    ),
  );
  const finished: CampaignRun[] = [];
  for (const { campaign_run_id: runId } of launching) {
    try {
      finished.push(await finishLaunch(context, runId));
    } catch (error) {
      if (!(error instanceof MallardError) || error.code === 'shutting_down') throw error;
      await failRun(context, runId, error.message);
      finished.push(await getRun(context.warehouse, runId));
    }
  }
  return finished;
}

async function failRun({ warehouse, clock }: CampaignContext, runId: string, reason: string): Promise<void> {
  await warehouse.ledger.transaction((tx) =>
    tx.run(
      `update ops.campaign_runs set status = 'failed', error = $reason, updated_at = $now::timestamp
       where campaign_run_id = $run and status = 'launching'`,
      { run: runId, reason, now: toTimestamp(clock.now()) },
    ),
  );
}

/** Throws `not_found`. */
export async function getRun(warehouse: Warehouse, runId: string): Promise<CampaignRun> {
  const run = await findRun(warehouse, runId);
  if (run) return run;
  throw new MallardError('not_found', `There is no campaign run ${runId}.`, {
    fields: { campaign_run_id: runId },
  });
}

export async function listRuns(
  warehouse: Warehouse,
  campaignId?: string,
): Promise<Omit<CampaignRun, 'definition'>[]> {
  return warehouse.read((s) =>
    s.rows(
      `select * exclude (definition) from ops.campaign_runs where $campaign::varchar is null or campaign_id = $campaign
       order by launched_at desc, campaign_run_id`,
      { campaign: campaignId ?? null },
    ),
  );
}

async function findRun(warehouse: Warehouse, runId: string): Promise<CampaignRun | undefined> {
  const run = await warehouse.read((s) =>
    s.one<CampaignRun>('select * from ops.campaign_runs where campaign_run_id = $1', [runId]),
  );
  return run && { ...run, definition: parseCampaign(run.definition) };
}
