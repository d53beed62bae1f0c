import { Type } from 'typebox';
import { buildMarts } from '../../pipelines/build.ts';
import type { Routes } from '../context.ts';
import { operators } from '../access/roles.ts';
import { AsOfBody, asOfOrNow, Count } from '../schemas.ts';

const BuiltMart = Type.Object({
  mart: Type.String(),
  row_count: Count('rows of the built table'),
  duration_ms: Type.Number(),
  warning: Type.Optional(
    Type.String({ description: 'what the operator should know: score rules that are not valid' }),
  ),
});

const Build = Type.Object(
  {
    ...AsOfBody.properties,
    marts: Type.Optional(Type.Array(Type.String(), { description: 'default: all' })),
  },
  { additionalProperties: false },
);

export const modelRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/build',
    {
      schema: {
        tags: ['models'],
        summary: 'Build the marts',
        description:
          'All marts of one snapshot, in the order they depend on each other, replaced together; answers after the commit.',
        body: Build,
        response: { 200: Type.Object({ as_of: Type.String(), marts: Type.Array(BuiltMart) }) },
      },
      config: { access: operators },
    },
    async (request) => {
      const asOf = asOfOrNow(mallard.clock, request.body.as_of);
      const { marts } = request.body;
      return {
        as_of: asOf.toISOString(),
        marts: await buildMarts(mallard, { asOf, marts }),
      };
    },
  );
};
