import type { Job } from '../run-job.ts';
import { sendReport } from '../send-report.ts';

/** Sends the report `report_id`, as of the time it was due. */
export const job: Job = {
  run: (context) =>
    sendReport(context, {
      report_id: context.arguments['report_id'] ?? 'weekly',
      as_of: context.scheduledFor ?? context.clock.now(),
    }),
};
