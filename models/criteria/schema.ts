import { Type } from 'typebox';
import { limits } from './limits.ts';
import { operatorNames } from './operators.ts';

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const value = Type.Optional(
  Type.Union([Scalar, Type.Array(Scalar)], {
    description:
      'a list for `in` and `not_in`, [lowest, highest] for `between`, days for the windows, absent for `is_set`',
  }),
);
const operator = Type.String({ enum: [...operatorNames] });
const strict = { additionalProperties: false };
const days = Type.Integer({ minimum: 1, maximum: limits.days });
const selection = {
  source: Type.String({ minLength: 1, description: "a source of events, say 'web_events'" }),
  where: Type.Optional(Type.Ref('Criteria')),
};

/** The criteria tree as JSON Schema. Fields and measures are the catalogue's, so they are text here. */
export const CriteriaTreeSchema = Type.Cyclic(
  {
    Criteria: Type.Union([
      Type.Object({ all: Type.Array(Type.Ref('Criteria'), { minItems: 1 }) }, strict),
      Type.Object({ any: Type.Array(Type.Ref('Criteria'), { minItems: 1 }) }, strict),
      Type.Object({ not: Type.Ref('Criteria') }, strict),
      Type.Object(
        {
          field: Type.String({ minLength: 1, description: 'a path of the catalogue: `mallard fields`' }),
          operator,
          value,
        },
        strict,
      ),
      Type.Object(
        {
          measure: Type.String({
            minLength: 1,
            description: "'<source>.<measure>', say 'email_events.clicks'",
          }),
          where: Type.Optional(Type.Ref('Criteria')),
          within_days: Type.Optional(days),
          since: Type.Optional(
            Type.Object(selection, {
              ...strict,
              description: "after the contact's last one of these events",
            }),
          ),
          operator,
          value,
        },
        strict,
      ),
      Type.Object(
        {
          sequence: Type.Array(Type.Object({ ...selection, within_days: Type.Optional(days) }, strict), {
            minItems: 2,
            maxItems: limits.steps,
            description:
              'one after the other; within_days of a step: at most so many days after the step before it',
          }),
          within_days: Type.Optional(days),
        },
        strict,
      ),
      Type.Object(
        { segment: Type.String({ minLength: 1, description: 'the id of another segment: who is in it' }) },
        strict,
      ),
    ]),
  },
  'Criteria',
);

/** The flat list form. */
export const FlatCriteriaSchema = Type.Array(
  Type.Object(
    {
      field: Type.String({ minLength: 1 }),
      operator,
      value,
      logic: Type.Optional(Type.Union([Type.Literal('AND'), Type.Literal('OR')])),
    },
    strict,
  ),
  { minItems: 1 },
);

/** Either form, as the API takes it. */
export const CriteriaSchema = Type.Union([CriteriaTreeSchema, FlatCriteriaSchema]);
