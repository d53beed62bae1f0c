import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MallardError } from '../../data/errors.ts';
import { TemplateSchema } from '../templates/template.ts';

// Ids stand in links, file names and custom arguments: no character that any of them would escape.
const Id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$' });
const TimeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' });

export const SenderSchema = Type.Object(
  { email: Type.String({ minLength: 3 }), name: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

export const ArmSchema = Type.Object(
  {
    arm: Id,
    weight: Type.Number({ exclusiveMinimum: 0, default: 1, description: 'relative to the other arms' }),
    template: Type.Optional(TemplateSchema),
  },
  { additionalProperties: false },
);

export const CampaignSchema = Type.Object(
  {
    campaign_id: Id,
    title: Type.String({ minLength: 1 }),
    segment_ids: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'a contact in any of them is a target',
    }),
    exclude_segment_ids: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'a contact in any of them gets nothing',
    }),
    message: Type.Object(
      {
        message_id: Type.Optional(Id),
        template: TemplateSchema,
        from: Type.Optional(SenderSchema),
        reply_to: Type.Optional(Type.String()),
      },
      { additionalProperties: false },
    ),
    message_class: Type.Union([Type.Literal('marketing'), Type.Literal('transactional')], {
      default: 'marketing',
    }),
    topic: Type.Optional(
      Type.String({ minLength: 1, description: 'consent and suppressions of other topics do not matter' }),
    ),
    holdout_share: Type.Number({
      minimum: 0,
      exclusiveMaximum: 1,
      default: 0,
      description: 'of the eligible contacts',
    }),
    arms: Type.Array(ArmSchema, { default: [], description: 'none: everybody gets the message as it is' }),
    provider: Type.String({ default: 'file' }),
    batch_size: Type.Integer({ minimum: 1, maximum: 1000, default: 500 }),
    cost_per_thousand: Type.Optional(
      Type.Number({ minimum: 0, description: 'in the account currency, per 1,000 mails' }),
    ),
    quiet_hours: Type.Optional(
      Type.Object(
        { from: TimeOfDay, until: TimeOfDay },
        {
          additionalProperties: false,
          description: "in the contact's zone, else the account's; mails are moved to `until`",
        },
      ),
    ),
  },
  { additionalProperties: false },
);
export type CampaignDefinition = Static<typeof CampaignSchema>;

/** The message's id within its campaign: a campaign of one message may leave it out. */
export function messageId(definition: CampaignDefinition): string {
  return definition.message.message_id ?? 'message';
}

/** Checks a definition from outside and fills in defaults. Throws `bad_request` naming the field. */
export function parseCampaign(input: unknown): CampaignDefinition {
  const filled: unknown = Value.Default(CampaignSchema, Value.Clone(input));
  if (!Value.Check(CampaignSchema, filled)) {
    const [first] = Value.Errors(CampaignSchema, filled);
    const path = first?.instancePath ?? '';
    throw new MallardError(
      'bad_request',
      `The campaign is not valid at ${path || '/'}: ${first?.message ?? 'unknown'}.`,
      { fields: { path } },
    );
  }
  const names = filled.arms.map((arm) => arm.arm);
  if (new Set(names).size === names.length) return filled;
  throw new MallardError('bad_request', 'Two arms have the same name.', { fields: { path: '/arms' } });
}
