import { Type } from 'typebox';
import { readers } from '../access/roles.ts';
import { FieldCatalogue } from '../catalogue/catalogue.ts';
import { mostValues } from '../../models/engine/field-values.ts';
import type { Routes } from '../context.ts';
import { lineagePage } from '../pages/lineage/page.ts';
import { Count, Nullable } from '../schemas.ts';

const text = Type.String();
const texts = (description: string) => Type.Array(text, { description });

const User = Type.Object({
  id: text,
  title: text,
  via: texts(
    'empty where it names the field itself; else through which fields made of it, or `segment <id>`',
  ),
});

const lineage = {
  columns: texts(
    'columns that make the value: `core.orders.amount`; `core.orders.*` for rows that are counted; empty: constants only',
  ),
  conditions: texts(
    'columns that only decide which rows it is made of: filters of sources, conditions of joins, groups',
  ),
  used_by: Type.Object({
    fields: texts('fields and measures made of it, without another in between'),
    reports: Type.Array(User),
    segments: Type.Array(User),
    campaigns: Type.Array(User, { description: 'by their templates, or by their segments' }),
  }),
};

const described = {
  type: text,
  doc: Type.Optional(text),
  unit: Type.Optional(
    Type.String({ description: 'of numbers: currency (the reporting currency), ratio, orders, days, …' }),
  ),
};

const fieldOnly = {
  is_personal: Type.Optional(Type.Literal(true, { description: 'names a person, or reaches one' })),
  values: Type.Optional(
    Type.Array(
      Type.Object({
        value: Nullable(Type.Union([text, Type.Boolean()])),
        row_count: Count('rows of the mart that have it'),
      }),
      {
        description: `of texts and booleans of a built mart with at most ${mostValues} different values; never of what names a person`,
      },
    ),
  ),
  values_as_of: Type.Optional(Type.String({ description: 'what the mart they were counted in is as of' })),
};

const measureOnly = {
  is_metric: Type.Boolean(),
  dimensions: texts('what a metric can honestly be sliced by'),
  counted_where: Type.Optional(
    texts('Malloy conditions, over its source, of the rows that it counts, where they can be told'),
  ),
};

const ListedField = Type.Object({
  path: Type.String({ examples: ['lifecycle_stage', 'email.last_30_days.clicks'] }),
  mart: text,
  ...described,
  source: Type.Optional(
    Type.String({ description: 'of a field of the project’s own: the source to query instead of the mart' }),
  ),
  file: Type.Optional(Type.String({ description: 'and where it is defined' })),
  ...fieldOnly,
  ...lineage,
});

const ListedMeasure = Type.Object({ source: text, name: text, ...described, ...measureOnly, ...lineage });

const Step = Type.Object({
  field: Type.String({ examples: ['orders.reporting_amount'] }),
  layer: Type.String({ description: 'base, intermediate, mart, metric, or user: of the project' }),
  file: text,
  line: Type.Integer(),
  type: Type.Optional(text),
  unit: Type.Optional(text),
  doc: Type.Optional(text),
  formula: Type.Optional(Type.String({ description: 'the Malloy expression' })),
  from: texts('the steps and columns it is made of'),
});

const FieldDetail = Type.Object({
  name: Type.String({
    description: 'in full',
    examples: ['contact_facts.total_revenue', 'deal_facts.win_rate'],
  }),
  kind: Type.Union([Type.Literal('field'), Type.Literal('measure')]),
  source: text,
  path: text,
  ...described,
  ...fieldOnly,
  ...Type.Partial(Type.Object(measureOnly)).properties,
  ...lineage,
  defined_by: Type.Optional(Type.String({ description: 'of a field of the project’s own: its source' })),
  file: Type.Optional(Type.String({ description: 'and the source’s file' })),
  steps: Type.Array(Step, { description: 'the way from the columns to the field, which is the last' }),
});

const tags = ['models'];

export const fieldRoutes: Routes = (app, { mallard }) => {
  const catalogue = new FieldCatalogue(mallard);

  app.get(
    '/v1/fields',
    {
      schema: {
        tags,
        summary: 'The catalogue of fields and measures',
        description:
          'Every field of the marts and every measure: type, meaning, unit, the columns it comes from, and which reports, segments and campaigns use it. What segments, templates and reports may name.',
        querystring: Type.Object({
          part: Type.Optional(Type.String({ description: 'only full names that contain this' })),
          values: Type.Optional(
            Type.Boolean({
              description: 'also the values of small domains; counted when asked for. Default false',
            }),
          ),
        }),
        response: {
          200: Type.Object(
            { fields: Type.Array(ListedField), measures: Type.Array(ListedMeasure) },
            {
              additionalProperties: true,
              description: 'also sources, segments, and broken files of the project',
            },
          ),
        },
      },
      config: { access: readers },
    },
    (request) => catalogue.list(request.query),
  );

  app.get(
    '/v1/fields/:name',
    {
      schema: {
        tags,
        summary: 'One field or measure',
        description: `With the way from the columns to it, and its values where they are at most ${mostValues}.`,
        params: Type.Object({
          name: Type.String({
            minLength: 1,
            maxLength: 300,
            description:
              'in full (`deal_facts.win_rate`), or a field’s path alone, then of contact_facts first',
          }),
        }),
        response: { 200: FieldDetail },
      },
      config: { access: readers },
    },
    (request) => catalogue.one(request.params.name),
  );

  app.get(
    '/v1/lineage/page',
    {
      schema: {
        tags,
        summary: 'Where every figure comes from, as a page',
        description: 'Made from the compiled models; `#contact_facts.total_revenue` opens a field.',
        response: {
          200: { description: 'one file that works offline', content: { 'text/html': { schema: text } } },
        },
      },
      config: { access: readers },
    },
    async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .header(
          'content-security-policy',
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
        .send(lineagePage({ account: mallard.account.name, ...(await catalogue.graph()) })),
  );
};
