import { Type } from 'typebox';
import { listModes } from '../../pipelines/segments/list-input.ts';
import { changeList } from '../../pipelines/segments/lists.ts';
import { renameSegment } from '../../pipelines/segments/rename.ts';
import { operators } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Count, IdParams, Nullable } from '../schemas.ts';
import { SegmentAnswer } from './segments.ts';

/** About a million ids or addresses; longer lists are added part by part. */
const bodyLimitBytes = 32 * 1024 * 1024;

const tags = ['segments'];
const title = Type.Optional(Type.String({ description: 'needed for a new list; else it stays' }));
const description = Type.Optional(Nullable(Type.String()));
const Ids = (what: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), { description: what }));

const ListBody = Type.Object(
  {
    title,
    description,
    mode: Type.Optional(
      Type.Union(
        listModes.map((mode) => Type.Literal(mode)),
        {
          description:
            'create (the default) refuses where there is a list; replace makes it this one; add and remove change it',
        },
      ),
    ),
    contact_ids: Ids('ids of contacts; of merged ones too'),
    emails: Ids('addresses, matched as sending matches them'),
    from_segment: Type.Optional(
      Type.String({ minLength: 1, description: 'who is in this segment as of the last build' }),
    ),
    from_criteria: Type.Optional(
      Type.Unknown({ description: 'whom these criteria select as of the last build' }),
    ),
  },
  { additionalProperties: false },
);

const ListAnswer = Type.Object({
  segment: SegmentAnswer,
  matched: Count('persons that were named and are known'),
  already: Count('of them, on the list before'),
  added: Count('put on the list now'),
  removed: Count('taken off the list now'),
  unknown_ids: Type.Array(Type.String(), { description: 'the first hundred that no contact has' }),
  unknown_id_count: Count('how many in all'),
  unknown_emails: Type.Array(Type.String(), { description: 'the first hundred that no contact has' }),
  unknown_email_count: Count('how many in all'),
});

/** Static segments: lists that are frozen, and changed by name. And the names of segments. */
export const segmentListRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/segments/:id/list',
    {
      bodyLimit: bodyLimitBytes,
      schema: {
        tags,
        summary: 'Freeze a list of contacts, or change one',
        description:
          'From ids and addresses, or from who is in a segment or fits criteria now. Unknown ones are reported and make no contact. Members change with the next evaluation.',
        params: IdParams,
        body: ListBody,
        response: { 200: ListAnswer },
      },
      config: { access: operators },
    },
    (request) => changeList(mallard, { segment_id: request.params.id, ...request.body }),
  );

  app.post(
    '/v1/segments/:id/rename',
    {
      schema: {
        tags,
        summary: 'Change the id, title or description of a segment',
        description:
          'Makes no new version. To a new id the history, the open memberships, and the campaigns, workflows and criteria that name it follow.',
        params: IdParams,
        body: Type.Object(
          {
            segment_id: Type.Optional(Type.String({ description: 'the new id' })),
            title: Type.Optional(Type.String()),
            description,
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: SegmentAnswer },
      },
      config: { access: operators },
    },
    (request) => renameSegment(mallard, request.params.id, request.body),
  );
};
