import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MallardError } from '../../data/errors.ts';
import { lifecycleStages } from '../../data/tracked-fields.ts';

const strict = { additionalProperties: false };

export const CreateTaskSchema = Type.Object(
  {
    type: Type.Literal('create_task'),
    title: Type.String({ minLength: 1, maxLength: 500 }),
    due_in_days: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 3_650, description: 'days from now; default: no due time' }),
    ),
    priority: Type.Optional(
      Type.Union([Type.Literal('low'), Type.Literal('normal'), Type.Literal('high')], { default: 'normal' }),
    ),
  },
  { ...strict, description: 'one open task for each contact, for its owner' },
);

export const AssignOwnerSchema = Type.Object(
  {
    type: Type.Literal('assign_owner'),
    strategy: Type.Union([Type.Literal('round_robin'), Type.Literal('least_loaded')], {
      description:
        'round_robin: in turn, by contact_id. least_loaded: whoever has the fewest contacts and open deals',
    }),
    owners: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'owner ids; inactive ones get nobody',
      }),
    ),
    team: Type.Optional(Type.String({ minLength: 1, description: 'its active owners; instead of `owners`' })),
  },
  strict,
);

export const SetStageSchema = Type.Object(
  { type: Type.Literal('set_stage'), stage: Type.String({ description: lifecycleStages.join(', ') }) },
  strict,
);

const fields = Type.Optional(
  Type.Array(Type.String({ minLength: 1 }), {
    maxItems: 100,
    description: 'fields of the catalogue to give of each contact, besides contact_id',
  }),
);

export const WebhookSchema = Type.Object(
  {
    type: Type.Literal('webhook'),
    url: Type.String({ pattern: '^https?://', maxLength: 2_000 }),
    secret_env: Type.Optional(
      Type.String({
        pattern: '^MALLARD_WEBHOOK_SECRET(_[A-Z0-9_]+)?$',
        description:
          'the variable of the environment that holds the secret (whsec_…) to sign with: MALLARD_WEBHOOK_SECRET, or one for each receiver, MALLARD_WEBHOOK_SECRET_CRM',
      }),
    ),
    fields,
  },
  {
    ...strict,
    description:
      'posts the contacts, 1,000 a message, as Standard Webhooks has it. A message may come twice, with the same webhook-id',
  },
);

export const ExportListSchema = Type.Object(
  { type: Type.Literal('export_list'), fields },
  { ...strict, description: 'writes the contacts to a CSV file in the project’s exports folder' },
);

export const SegmentActionSchema = Type.Union([
  CreateTaskSchema,
  AssignOwnerSchema,
  SetStageSchema,
  WebhookSchema,
  ExportListSchema,
]);

export type CreateTask = Static<typeof CreateTaskSchema>;
export type AssignOwner = Static<typeof AssignOwnerSchema>;
export type SetStage = Static<typeof SetStageSchema>;
export type Webhook = Static<typeof WebhookSchema>;
export type ExportList = Static<typeof ExportListSchema>;
export type SegmentAction = Static<typeof SegmentActionSchema>;

const schemas = {
  create_task: CreateTaskSchema,
  assign_owner: AssignOwnerSchema,
  set_stage: SetStageSchema,
  webhook: WebhookSchema,
  export_list: ExportListSchema,
};

/** Checks an action from outside. Throws `bad_request` naming the field and what is allowed. */
export function checkAction(input: unknown): SegmentAction {
  const type = (input as { type?: unknown } | null)?.type;
  const schema = Object.hasOwn(schemas, String(type)) ? schemas[type as keyof typeof schemas] : undefined;
  if (!schema) throw refused('type', `There is no action '${String(type)}'.`, Object.keys(schemas));
  if (!Value.Check(schema, input)) {
    const [error] = Value.Errors(schema, input);
    const field = error?.instancePath.slice(1).replaceAll('/', '.') ?? '';
    throw refused(
      field,
      `${String(type)}: ${field === '' ? 'the action' : field} ${error?.message ?? 'is not valid'}.`,
    );
  }
  const action: SegmentAction = input;
  if (action.type === 'set_stage' && !(lifecycleStages as readonly string[]).includes(action.stage)) {
    throw refused('stage', `There is no stage '${action.stage}'.`, lifecycleStages);
  }
  if (action.type === 'assign_owner' && (action.owners === undefined) === (action.team === undefined)) {
    throw refused('owners', 'assign_owner takes either owners or a team.', ['owners', 'team']);
  }
  return action;
}

function refused(field: string, what: string, allowed?: readonly string[]): MallardError {
  return new MallardError('bad_request', what, {
    fields: { field, ...(allowed ? { allowed } : {}) },
    ...(allowed ? { remedy: `Allowed: ${allowed.join(', ')}.` } : {}),
  });
}
