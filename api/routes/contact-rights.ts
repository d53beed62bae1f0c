import { Type } from 'typebox';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { isCompactionDue, readCompaction } from '../../data/owner/compaction.ts';
import { exportPerson } from '../../pipelines/rights/export.ts';
import { forgetPerson } from '../../pipelines/rights/forget.ts';
import { operators } from '../access/roles.ts';
import type { App, RouteContext, Routes } from '../context.ts';
import { AnyObject, Count, Nullable } from '../schemas.ts';

const text = Type.String();
const tags = ['contacts'];

/** A contact id or an address: it may be longer than an id of ours. */
const PersonParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 400, description: 'a contact id or an e-mail address' }),
});

const File = Type.Object(
  { kind: text, file: text, treatment: text, why: text },
  { additionalProperties: true },
);

const Outcome = Type.Object({
  status: Type.Union([Type.Literal('forgotten'), Type.Literal('already_forgotten'), Type.Literal('dry_run')]),
  erasure_id: Nullable(text),
  contact_count: Count('contacts of the merged group'),
  address_count: Count('addresses they ever had'),
  tables: AnyObject(
    'rows by table and what was done: deleted, anonymised, mentions_erased; found in a dry run',
  ),
  files: Type.Array(File),
  kept: Type.Array(Type.Object({ what: text, why: text })),
  completed_at: Nullable(text),
  compact_by: Nullable(Type.String({ description: 'until when the deleted bytes leave the database file' })),
});

/**
 * The rights of a person. The audit log of requests would write down whom they are about, so these keep records of their
 * own: an export is logged by its contact (which a later erasure finds), an erasure is a row of ops.erasures.
 */
export const contactRightsRoutes: Routes = (app, context) => {
  const { mallard } = context;

  app.get(
    '/v1/contacts/:id/export',
    {
      schema: {
        tags,
        summary: 'Everything that is known of a person',
        description:
          'By contact id or address. Every row of every table that names or mentions them, and the files; of files that hold others’ data too, their records alone.',
        params: PersonParams,
        response: {
          200: Type.Object({
            exported_at: text,
            person: AnyObject('contact_ids, emails, phones, other ids, deliveries and deals'),
            tables: AnyObject('rows by table'),
            files: Type.Array(File),
            not_searched: Type.Array(Type.Object({ table: text, why: text })),
          }),
        },
      },
      config: { access: operators },
    },
    async (request) => {
      const exported = await exportPerson(mallard, request.params.id);
      await mallard.warehouse.ledger.transaction((tx) =>
        tx.run(
          `insert into ops.audit_log (actor, action, subject, detail, occurred_at) values ($1, 'contacts.export', $2, null, $3::timestamp)`,
          [
            request.actor?.name ?? null,
            exported.person.contact_ids[0] ?? exported.person.emails[0] ?? null,
            toTimestamp(mallard.clock.now()),
          ],
        ),
      );
      return exported;
    },
  );

  app.post(
    '/v1/contacts/:id/forget',
    {
      schema: {
        tags,
        summary: 'Erase a person',
        description:
          'By contact id or address; the whole merged group. Twice is `already_forgotten`; somebody unknown is `not_found`.',
        params: PersonParams,
        body: Type.Object(
          {
            reason: Type.Optional(Type.String({ maxLength: 500, description: 'kept with the erasure' })),
            dry_run: Type.Optional(Type.Boolean({ description: 'counts, and erases nothing' })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Outcome },
      },
      config: { access: operators, audit: false },
    },
    (request) =>
      forgetPerson(mallard, {
        reference: request.params.id,
        reason: request.body.reason,
        dryRun: request.body.dry_run,
        requestedBy: request.actor?.name ?? 'unknown',
      }),
  );

  compactionRoutes(app, context);
};

function compactionRoutes(app: App, { mallard, requestCompaction }: RouteContext): void {
  const state = () => ({
    due_at: readCompaction(mallard.project)?.due_at ?? null,
    is_due: isCompactionDue(mallard.project, mallard.clock.now()),
  });
  const State = Type.Object({
    due_at: Nullable(Type.String({ description: 'the deadline; null where none is scheduled' })),
    is_due: Type.Boolean(),
  });

  app.get(
    '/v1/compaction',
    {
      schema: {
        tags: ['operation'],
        summary: 'Whether deleted bytes wait to be taken out of the file',
        response: { 200: State },
      },
      config: { access: operators },
    },
    () => state(),
  );

  app.post(
    '/v1/compaction',
    {
      schema: {
        tags: ['operation'],
        summary: 'Rewrite the database file without deleted bytes',
        description:
          'Answered before it begins: the server then ends what runs, answers 503 for the seconds it takes to copy the file, and goes on.',
        body: Type.Object({}, { additionalProperties: false }),
        response: { 202: State },
      },
      config: { access: operators },
    },
    async (_request, reply) => {
      if (!requestCompaction)
        throw new MallardError('conflict', 'Nobody here can close the file.', {
          remedy: 'Run `mallard compact` while no server runs.',
        });
      requestCompaction();
      return reply.code(202).send(state());
    },
  );
}
