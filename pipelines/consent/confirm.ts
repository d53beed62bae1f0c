import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Mallard } from '../context.ts';
import { recordConsent, type ConsentEntry } from './record.ts';
import { readConfirmToken } from './token.ts';

export interface OpenRequest {
  request_id: string;
  topics: string[];
  language: string;
  confirmed_at: string | null;
}

interface RequestRow extends OpenRequest {
  address_key: string;
  email: string | null;
  channel: string;
  purpose: string;
  wording: string | null;
  place: string | null;
  actor: string | null;
}

type ConfirmContext = Pick<Mallard, 'warehouse' | 'clock'>;

/**
 * What a link would confirm. Changes nothing.
 * @throws `not_found` for a link that is forged, cut short, or of a request that is forgotten; `link_expired`, unless it was
 *   confirmed in time
 */
export async function openRequest(
  { warehouse, clock }: ConfirmContext,
  token: string,
  secret: string,
): Promise<OpenRequest> {
  return warehouse.read((session) => find(session, clock.now(), token, secret));
}

/**
 * Confirms a request: one grant a topic (or one for all), with the wording and place of the request, at the time of the
 * confirmation; when it was asked for stays in `ops.consent_requests`. In one ledger transaction; resolves after the commit.
 * Confirming twice changes nothing.
 * @throws as `openRequest`
 */
export async function confirmRequest(
  { warehouse, clock }: ConfirmContext,
  token: string,
  secret: string,
): Promise<OpenRequest & { recorded: number }> {
  const now = toTimestamp(clock.now());
  return warehouse.ledger.transaction(async (tx) => {
    const request = await find(tx, clock.now(), token, secret);
    if (request.confirmed_at !== null) return { ...request, recorded: 0 };
    const { email, address_key } = request;
    const { recorded } = await recordConsent(
      tx,
      { contact_id: null, email, address_key },
      grants(request, now),
      now,
    );
    // From here on the ledger has the address.
    await tx.run(
      `update ops.consent_requests set confirmed_at = $now::timestamp, email = null, updated_at = $now::timestamp where request_id = $id`,
      { now, id: request.request_id },
    );
    return { ...request, confirmed_at: `${now}Z`, recorded };
  });
}

function grants(request: RequestRow, now: string): ConsentEntry[] {
  const topics = request.topics.length > 0 ? request.topics : [null];
  return topics.map((topic) => ({
    consent_event_id: `confirm_${request.request_id}_${topic ?? 'global'}`,
    channel: request.channel,
    purpose: request.purpose,
    topic,
    status: 'granted',
    wording: request.wording,
    method: 'double_opt_in',
    place: request.place,
    actor: request.actor,
    occurred_at: now,
    source: 'mallard',
  }));
}

async function find(session: Session, now: Date, token: string, secret: string): Promise<RequestRow> {
  const claims = readConfirmToken(token, secret);
  const row =
    claims &&
    (await session.one<RequestRow>(
      `select request_id, topics, language, confirmed_at, address_key, email, channel, purpose, wording, place, actor
       from ops.consent_requests where request_id = $1`,
      [claims.request_id],
    ));
  if (!claims || !row)
    throw new MallardError('not_found', 'This link does not work.', {
      remedy: 'Copy the whole link from the e-mail.',
    });
  const isOver = Date.parse(claims.expires_at) <= now.getTime() || row.email === null;
  if (row.confirmed_at === null && isOver)
    throw new MallardError('link_expired', `This link worked until ${claims.expires_at}.`, {
      fields: { expires_at: claims.expires_at, language: row.language },
    });
  return row;
}
