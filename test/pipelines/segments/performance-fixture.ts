import type { Session } from '../../../data/owner/session.ts';
import type { SegmentFixture } from './fixture.ts';

export interface Change {
  segment_id: string;
  contact_id: string;
  /** 'entered' or 'left' */
  change: string;
  changed_at: string;
}

/**
 * A membership history as evaluations would have written it, at times of the test's choosing. Each time in `evaluated` is a run
 * of all the segments.
 */
export async function recordChanges(
  { warehouse }: SegmentFixture,
  changes: readonly Change[],
  evaluated: readonly { segment_id: string; as_of: string }[],
): Promise<void> {
  await warehouse.build.transaction(async (tx) => {
    await tx.run(
      `insert into ops.segment_changes (segment_id, contact_id, change, changed_at, version, run_id, recorded_at)
       select segment_id, contact_id, change, changed_at, 1, 'test', changed_at
       from (select unnest(from_json($1, '[{"segment_id": "VARCHAR", "contact_id": "VARCHAR", "change": "VARCHAR", "changed_at": "TIMESTAMP"}]'), recursive := true))`,
      [JSON.stringify(changes)],
    );
    await tx.run(
      `insert into ops.segment_runs (run_id, segment_id, version, as_of, recorded_at)
       select 'test', segment_id, 1, as_of, as_of
       from (select unnest(from_json($1, '[{"segment_id": "VARCHAR", "as_of": "TIMESTAMP"}]'), recursive := true))`,
      [JSON.stringify(evaluated)],
    );
  });
}

export interface EmailRow {
  contact_id: string;
  message: string;
  event_type: string;
  occurred_at: string;
  agent_class?: string;
}

/** Events of messages; `message` names one to one recipient. */
export async function addEmails(tx: Session, rows: readonly EmailRow[]): Promise<void> {
  await tx.run(
    `insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, delivery_id, url, agent_class, occurred_at, source, recorded_at)
     select uuid()::varchar, event_type, contact_id, 'c1', 'm1', message, 'https://example.com/', coalesce(agent_class, 'human'), occurred_at, 'test', occurred_at
     from (select unnest(from_json($1, '[{"contact_id": "VARCHAR", "message": "VARCHAR", "event_type": "VARCHAR", "occurred_at": "TIMESTAMP", "agent_class": "VARCHAR"}]'), recursive := true))`,
    [JSON.stringify(rows)],
  );
}
