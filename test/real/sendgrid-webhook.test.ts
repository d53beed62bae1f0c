import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { acceptEmailEvents } from '../../pipelines/sources/intake.ts';
import { readSendgridEvents } from '../../pipelines/sources/sendgrid-events.ts';
import {
  sendgridKey,
  sendgridSignatureHeader,
  sendgridTimestampHeader,
  verifySendgrid,
} from '../../pipelines/sources/sendgrid-signature.ts';
import { openTestWarehouse, sharedData } from '../support.ts';

const file = sharedData('sendgrid_webhook/vector.json');

interface Vector {
  headers: Record<string, string>;
  public_key: string;
  raw_body: string;
}

describe.skipIf(file === undefined)(
  'the official signature vector (skipped without ../shared/data/sendgrid_webhook)',
  () => {
    const vector = (): Vector => JSON.parse(readFileSync(file ?? '', 'utf8')) as Vector;
    const verify = ({ headers, public_key }: Vector, body: Uint8Array) =>
      verifySendgrid(
        sendgridKey(public_key),
        body,
        headers[sendgridSignatureHeader],
        headers[sendgridTimestampHeader],
      );

    test('verifies', () => {
      expect(verify(vector(), Buffer.from(vector().raw_body))).toBe(true);
    });

    test('is refused with any one byte changed, with its CRLF trimmed, or with another time', () => {
      const body = Buffer.from(vector().raw_body);
      for (let at = 0; at < body.length; at++) {
        const changed = Buffer.from(body);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(verify(vector(), changed)).toBe(false);
      }
      expect(verify(vector(), Buffer.from(vector().raw_body.trimEnd()))).toBe(false);
      const later = vector();
      later.headers[sendgridTimestampHeader] = '1600112503';
      expect(verify(later, body)).toBe(false);
    });

    test('lands one dropped event, and none when it is delivered again', async () => {
      const { warehouse } = await openTestWarehouse();
      const take = () => acceptEmailEvents(warehouse, readSendgridEvents(Buffer.from(vector().raw_body)));
      expect(await take()).toEqual({ received: 1, accepted: 1, duplicates: 0, rejected: 0 });
      expect(await take()).toEqual({ received: 1, accepted: 0, duplicates: 1, rejected: 0 });
      const rows = await warehouse.read((s) =>
        s.rows('select event_type, email, reason, occurred_at, source from core.email_events'),
      );
      expect(rows).toEqual([
        {
          event_type: 'dropped',
          email: 'hello@world.com',
          reason: 'Bounced Address',
          occurred_at: '2020-09-14T19:41:32Z',
          source: 'sendgrid',
        },
      ]);
    });
  },
);
