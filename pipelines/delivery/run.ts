import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Mallard } from '../context.ts';
import type { MessageClass, MessageTemplate } from '../templates/template.ts';
import type { MailAddress } from './messages.ts';

/** What delivery needs of the house. */
export type DeliveryContext = Pick<Mallard, 'project' | 'warehouse' | 'clock' | 'account'>;

/** What delivery reads of a run's frozen definition; checked when it was saved (campaigns/definition.ts). */
export interface RunDefinition {
  campaign_id: string;
  message: { template: MessageTemplate; from?: MailAddress; reply_to?: string };
  message_class: MessageClass;
  topic?: string;
  arms: readonly { arm: string; template?: MessageTemplate }[];
  provider: string;
}

/** The template of each arm; key '' is the message of a campaign without arms. */
export function templatesByArm({
  message,
  arms,
}: Pick<RunDefinition, 'message' | 'arms'>): Record<string, MessageTemplate> {
  if (arms.length === 0) return { '': message.template };
  return Object.fromEntries(arms.map((arm) => [arm.arm, arm.template ?? message.template]));
}

/** When a run was launched, ISO UTC. Throws `not_found`. */
export async function launchedAt(session: Session, runId: string): Promise<string> {
  const run = await session.one<{ launched_at: string }>(
    'select launched_at from ops.campaign_runs where campaign_run_id = $1',
    [runId],
  );
  if (run) return run.launched_at;
  throw new MallardError('not_found', `There is no campaign run ${runId}.`, {
    fields: { campaign_run_id: runId },
  });
}
