import { toTimestamp } from '../../data/clock.ts';
import { errorMessage } from '../../data/errors.ts';
import { classifyAgents, type ActedEvent } from '../tracking/classify.ts';
import type { EmailEventRow, EmailEventType, EventBatch, EventReject } from './email-events.ts';

const eventTypes: Readonly<Record<string, EmailEventType>> = {
  processed: 'sent',
  delivered: 'delivered',
  deferred: 'deferred',
  bounce: 'bounced',
  dropped: 'dropped',
  open: 'opened',
  click: 'clicked',
  unsubscribe: 'unsubscribed',
  group_unsubscribe: 'unsubscribed',
  spamreport: 'complained',
};

type RawEvent = Record<string, unknown>;

/** Why an event was refused. */
interface Refusal {
  column_name: string | null;
  value: string | null;
  reason: string;
}

/**
 * Maps the body of one webhook request. Opens and clicks are classified together, so that a scanner going through the
 * links of one mail is seen. Never throws: what cannot be read is among the rejects, a body that is no JSON whole.
 * @param body the raw bytes, verified before
 */
export function readSendgridEvents(body: Uint8Array): EventBatch {
  const whole = Buffer.from(body).toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(whole);
  } catch (error) {
    return {
      rows: [],
      rejects: [
        reject(1, { column_name: null, value: null, reason: `not JSON: ${errorMessage(error)}` }, whole),
      ],
    };
  }
  const batch: EventBatch = { rows: [], rejects: [] };
  const machineOpens = new Set<EmailEventRow>();
  (Array.isArray(parsed) ? (parsed as unknown[]) : [parsed]).forEach((event, index) => {
    const mapped = mapEvent(event);
    if ('event_id' in mapped) {
      batch.rows.push(mapped);
      if ((event as RawEvent)['sg_machine_open'] === true) machineOpens.add(mapped);
    } else {
      batch.rejects.push(reject(index + 1, mapped, JSON.stringify(event)));
    }
  });
  classify(batch.rows, machineOpens);
  return batch;
}

function mapEvent(event: unknown): EmailEventRow | Refusal {
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    return refuse(null, event, 'an event must be an object');
  const raw = event as RawEvent;
  const kind = text(raw['event']);
  const eventType = kind === null ? undefined : eventTypes[kind];
  if (!eventType) return refuse('event', raw['event'], 'not an event that is taken');
  const eventId = text(raw['sg_event_id']);
  if (!eventId) return refuse('sg_event_id', raw['sg_event_id'], 'missing');
  const seconds = Number(raw['timestamp']);
  // Beyond the year 9999 a date is no longer four digits; SendGrid counts in seconds.
  if (!Number.isInteger(seconds) || seconds <= 0 || seconds >= 253_402_300_800) {
    return refuse('timestamp', raw['timestamp'], 'not a Unix time in seconds');
  }
  return {
    event_id: eventId,
    event_type: eventType,
    email: text(raw['email']),
    delivery_id: text(raw['delivery_id']),
    campaign_id: text(raw['campaign_id']),
    campaign_run_id: text(raw['campaign_run_id']),
    message_id: text(raw['message_id']),
    contact_id: text(raw['contact_id']),
    url: text(raw['url']),
    agent_class: null,
    agent_reason: null,
    // SendGrid: `bounce` is a permanent refusal, `blocked` a temporary one (full, greylisted, reputation).
    bounce_class: eventType !== 'bounced' ? null : raw['type'] === 'blocked' ? 'soft' : 'hard',
    reason: text(raw['reason']) ?? text(raw['response']),
    ip: text(raw['ip']),
    user_agent: text(raw['useragent']),
    occurred_at: `${toTimestamp(new Date(seconds * 1000))}Z`,
    source: 'sendgrid',
  };
}

function classify(rows: EmailEventRow[], machineOpens: ReadonlySet<EmailEventRow>): void {
  const mailOf = (row: EmailEventRow) => row.delivery_id ?? row.email;
  const deliveredAt = new Map(
    rows.filter((row) => row.event_type === 'delivered').map((row) => [mailOf(row), row.occurred_at]),
  );
  const acted = rows.flatMap((row): { row: EmailEventRow; event: ActedEvent }[] => {
    if (row.event_type !== 'opened' && row.event_type !== 'clicked') return [];
    const event = {
      event_type: row.event_type,
      user_agent: row.user_agent,
      ip: row.ip,
      url: row.url,
      occurred_at: row.occurred_at,
      mail: mailOf(row),
      provider_says_machine: machineOpens.has(row),
      // Seconds are all SendGrid gives: without our delivery id, two mails to one address could be mixed up.
      delivered_at: row.delivery_id === null ? null : (deliveredAt.get(row.delivery_id) ?? null),
    };
    return [{ row, event }];
  });
  const agents = classifyAgents(acted.map(({ event }) => event));
  acted.forEach(({ row }, index) => Object.assign(row, agents[index]));
}

function refuse(column_name: string | null, value: unknown, reason: string): Refusal {
  return {
    column_name,
    value: value === undefined ? null : clean(typeof value === 'string' ? value : JSON.stringify(value)),
    reason,
  };
}

function reject(line: number, refusal: Refusal, lineText: string): EventReject {
  return { source: 'sendgrid', line, ...refusal, line_text: clean(lineText) };
}

function text(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? clean(value) : null;
}

/** Without NULs and lone surrogates, which are legal in JSON and not in a database's text. */
function clean(value: string): string {
  return Buffer.from(value, 'utf8').toString('utf8').replaceAll('\u0000', '');
}
