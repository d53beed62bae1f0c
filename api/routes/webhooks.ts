import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { acceptEmailEvents } from '../../pipelines/sources/intake.ts';
import { readSendgridEvents } from '../../pipelines/sources/sendgrid-events.ts';
import {
  sendgridKey,
  sendgridSignatureHeader,
  sendgridTimestampHeader,
  verifySendgrid,
} from '../../pipelines/sources/sendgrid-signature.ts';
import type { App, RouteContext, Routes } from '../context.ts';
import { Count } from '../schemas.ts';

/** SendGrid sends batches of up to some thousand events. */
const bodyLimitBytes = 32 * 1024 * 1024;
const keyNames = ['MALLARD_SENDGRID_WEBHOOK_KEY', 'SENDGRID_WEBHOOK_PUBLIC_KEY'];

/** Open to everybody: the signature over the raw bytes is what lets a request in. */
export const webhookRoutes: Routes = (app, { mallard, env }) => {
  const key = readKey(env);
  acceptBytes(app);

  app.post(
    '/v1/webhooks/sendgrid',
    {
      bodyLimit: bodyLimitBytes,
      schema: {
        tags: ['data'],
        summary: 'Events of SendGrid’s signed webhook',
        description: `Verified with ${keyNames.join(' or ')}, deduplicated by \`sg_event_id\`, answered after the commit.`,
        response: {
          200: Type.Object(
            {
              accepted: Count('events that are new'),
              duplicates: Count('events that were known'),
              rejected: Count('in raw.rejects'),
            },
            { additionalProperties: true },
          ),
        },
      },
      config: { access: 'public' },
    },
    async (request) => {
      if (!key) {
        throw new MallardError(
          'configuration_missing',
          'There is no key to verify SendGrid’s signature with.',
          {
            remedy: `Set ${keyNames.join(' or ')} to the verification key that SendGrid shows.`,
            fields: { tried: keyNames },
          },
        );
      }
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const header = (name: string) => {
        const value = request.headers[name];
        return typeof value === 'string' ? value : undefined;
      };
      if (!verifySendgrid(key, body, header(sendgridSignatureHeader), header(sendgridTimestampHeader))) {
        throw new MallardError('signature_invalid', 'SendGrid did not sign these bytes.');
      }
      return acceptEmailEvents(mallard.warehouse, readSendgridEvents(body));
    },
  );
};

/** Throws `configuration_missing` at boot where the key is no key. */
function readKey(env: RouteContext['env']): ReturnType<typeof sendgridKey> | undefined {
  const name = keyNames.find((each) => env[each]);
  if (name === undefined) return undefined;
  try {
    return sendgridKey(env[name] ?? '');
  } catch (cause) {
    throw new MallardError('configuration_missing', `${name} is not a public key.`, {
      remedy: 'Copy the verification key from SendGrid.',
      cause,
    });
  }
}

/** The bytes as they came: parsing and printing JSON again would break the signature. */
function acceptBytes(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: bodyLimitBytes }, (_request, body, done) =>
    done(null, body),
  );
}
