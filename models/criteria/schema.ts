import { Type } from 'typebox';
import { limits } from './limits.ts';
import { operatorNames } from './operators.ts';

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const value = Type.Optional(
  Type.Union([Scalar, Type.Array(Scalar)], {
    description:
      'a list for `in`, [lowest, highest] for `between`, days for the windows, absent for `is_set`',
  }),
);
const operator = Type.String({ enum: [...operatorNames] });
const strict = { additionalProperties: false };

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
          within_days: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.days })),
          operator,
          value,
        },
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
