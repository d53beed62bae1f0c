import type { Clock } from '../data/clock.ts';
import { readAccount } from '../data/account.ts';
import { errorMessage } from '../data/errors.ts';
import type { Project } from '../data/project.ts';
import { deliverReport, fileTransport, reportTransport } from '../reports/deliver.ts';
import { escapeHtml } from '../reports/html.ts';
import type { ReportMail } from '../reports/mail-render.ts';

export interface JobFailure {
  job: string;
  error: string;
}

/** Tells people that a job failed. */
export type Alert = (failure: JobFailure) => Promise<void>;

export interface AlertOptions {
  project: Project;
  clock: Clock;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * Mails failures to the account's `report_recipients`, the way reports are mailed: through `MALLARD_SMTP_URL`, else into the
 * outbox. Where SMTP itself is what fails, the mail lies in the outbox, and the error is thrown.
 */
export function mailAlerts({ project, clock, env }: AlertOptions): Alert {
  return async (failure) => {
    const account = readAccount(project);
    const at = clock.now();
    const mail = alertMail(failure, { at, account: account.name });
    const send = (transport: ReturnType<typeof reportTransport>) =>
      deliverReport(mail, account.report_recipients, transport, { from: account, sentAt: at });
    try {
      await send(reportTransport(env, project.outbox));
    } catch (error) {
      await send(fileTransport(project.outbox));
      throw error;
    }
  };
}

/**
 * Alerts of a job's first failure only, until it has succeeded again: a job that is due every few seconds would fill a
 * mailbox. What cannot be delivered goes to `onError`.
 */
export class Alerts {
  readonly #alert: Alert;
  readonly #onError: (failure: JobFailure, error: string) => void;
  readonly #failing = new Set<string>();

  constructor(alert: Alert, onError: (failure: JobFailure, error: string) => void) {
    this.#alert = alert;
    this.#onError = onError;
  }

  succeeded(job: string): void {
    this.#failing.delete(job);
  }

  async failed(failure: JobFailure): Promise<void> {
    if (this.#failing.has(failure.job)) return;
    this.#failing.add(failure.job);
    try {
      await this.#alert(failure);
    } catch (error) {
      this.#onError(failure, errorMessage(error));
    }
  }
}

function alertMail({ job, error }: JobFailure, { at, account }: { at: Date; account: string }): ReportMail {
  const lines = [
    `The job ${job} of ${account} failed at ${at.toISOString()}:`,
    error,
    'There is no further mail about it until it has succeeded again. `mallard jobs list` shows its runs.',
  ];
  return {
    report_run_id: `alert.${job.replace(/[^A-Za-z0-9_-]/g, '_')}.${at.toISOString().replace(/[^0-9TZ]/g, '')}`,
    subject: `Mallard: the job ${job} failed`,
    text: `${lines.join('\n\n')}\n`,
    html: lines.map((line) => `<p style="white-space:pre-wrap">${escapeHtml(line)}</p>`).join('\n'),
    attachments: [],
  };
}
