import type { Warehouse } from '../data/owner/warehouse.ts';
import { stringify } from './plugins/serializer.ts';

/** `ops.report_runs`, append only: what was sent, to whom, or why not. */
export interface ReportRun {
  report_run_id: string;
  report_id: string;
  as_of: string;
  status: 'sent' | 'skipped' | 'failed';
  recipients: string[];
  message_id: string | null;
  error: string | null;
  occurred_at: string;
}

const columns = 'report_run_id, report_id, as_of, status, recipients, message_id, error, occurred_at';

export async function recordReportRun(
  warehouse: Warehouse,
  run: Omit<ReportRun, 'occurred_at' | 'as_of'> & { as_of: Date },
): Promise<void> {
  await warehouse.ledger.transaction((tx) =>
    tx.run(`insert into ops.report_runs (${columns}) values ($1, $2, $3, $4, $5::json, $6, $7, $8)`, [
      run.report_run_id,
      run.report_id,
      run.as_of,
      run.status,
      stringify(run.recipients),
      run.message_id,
      run.error,
      warehouse.clock.now(),
    ]),
  );
}

/** The newest first. */
export function listReportRuns(warehouse: Warehouse, reportId: string, limit: number): Promise<ReportRun[]> {
  return warehouse.read((session) =>
    session.rows<ReportRun>(
      `select ${columns} from ops.report_runs where report_id = $1 order by occurred_at desc, rowid desc limit $2`,
      [reportId, limit],
    ),
  );
}
