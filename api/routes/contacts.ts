import { Type } from 'typebox';
import { findDuplicates } from '../../pipelines/identity/duplicates.ts';
import { mergeContacts, unmerge } from '../../pipelines/identity/merge.ts';
import { resolveIdentities } from '../../pipelines/identity/resolve.ts';
import { showContact } from '../../pipelines/identity/show.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Count, Nullable } from '../schemas.ts';

const text = Type.String();
/** Addresses may be ids: up to 254 characters. */
const Contact = Type.String({
  minLength: 1,
  maxLength: 320,
  description: 'an id, of a merged contact too, or an e-mail address',
});
const DryRun = Type.Optional(Type.Boolean({ description: 'decides, and writes nothing' }));
const Value = Type.Object({
  field: text,
  value: text,
  contact_id: Type.String({ description: 'the record that it comes from' }),
  rule: Type.String({ description: 'why it wins: own_then_latest, furthest_stage or earliest' }),
});
const SharedKey = Type.Object({
  rule: text,
  evidence: Type.String({ description: 'SHA-256 of the key' }),
  contact_count: Count('contacts that have it'),
  contact_ids: Type.Array(text, { description: 'some of them' }),
});
const Described = Type.Array(AnyObject());

const tags = ['contacts'];

/** People, under all the records that they have: pipelines/identity. */
export const contactRoutes: Routes = (app, { mallard }) => {
  const { warehouse, account } = mallard;

  app.get(
    '/v1/contacts/duplicates',
    {
      schema: {
        tags,
        summary: 'Pairs that look like one person',
        description:
          'A report that decides nothing. The score weighs how alike name, e-mail local part, phone, company and city are; contacts are compared that share a block. Pairs that were decided are left out.',
        querystring: Type.Object({
          min_score: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'default 0.8' })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'default 100' })),
        }),
        response: {
          200: Type.Object({
            pairs: Type.Array(
              Type.Object({
                contact_id: text,
                other_contact_id: text,
                score: Type.Number(),
                parts: AnyObject('of each part that both have: 0 to 1'),
                contact: AnyObject('what to look at'),
                other: AnyObject(),
              }),
            ),
            pair_count: Count('pairs in all'),
            compared_count: Count('pairs that were compared'),
            blocks_skipped: Count('blocks too large to compare'),
            block_size_max: Count('contacts in a block that is compared'),
            min_score: Type.Number(),
          }),
        },
      },
      config: { access: readers },
    },
    (request) => findDuplicates(warehouse, { minScore: request.query.min_score, limit: request.query.limit }),
  );

  app.get(
    '/v1/contacts/:id',
    {
      schema: {
        tags,
        summary: 'Everything known about a person',
        description: 'Under all records that are one person now. Entries are in time order, the newest last.',
        params: Type.Object({ id: Contact }),
        querystring: Type.Object({
          limit: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 10_000, description: 'entries; default 100' }),
          ),
          before: Type.Optional(Type.String({ description: '`previous` of the page after' })),
        }),
        response: {
          200: Type.Object({
            contact_id: Type.String({ description: 'the record that stands for all' }),
            asked_contact_id: text,
            time_zone: Type.String({ description: 'the account’s; times here are UTC' }),
            members: Described,
            profile: Type.Array(Value),
            identities: Described,
            consent: Described,
            suppressions: Described,
            segments: Described,
            entries: Type.Array(
              Type.Object({
                at: text,
                kind: text,
                contact_id: Nullable(text),
                summary: text,
                detail: AnyObject(),
              }),
            ),
            previous: Nullable(text),
          }),
        },
      },
      config: { access: readers },
    },
    async (request) => ({
      ...(await showContact(warehouse, request.params.id, request.query)),
      time_zone: account.time_zone,
    }),
  );

  app.post(
    '/v1/contacts/merge',
    {
      schema: {
        tags,
        summary: 'Decide that two contacts are one person',
        description: 'Facts keep the id they came with. Takes back decisions that kept the two apart.',
        body: Type.Object(
          { contact_id: Contact, other_contact_id: Contact, dry_run: DryRun },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            canonical_contact_id: text,
            members: Type.Array(text),
            values: Type.Array(Value),
            is_merged_already: Type.Boolean(),
            undone_different: Count('decisions that they are different, taken back'),
            dry_run: Type.Boolean(),
          }),
        },
      },
      config: { access: operators },
    },
    (request) =>
      mergeContacts(warehouse, request.body.contact_id, request.body.other_contact_id, {
        recordedBy: request.actor?.name,
        dryRun: request.body.dry_run,
      }),
  );

  app.post(
    '/v1/contacts/unmerge',
    {
      schema: {
        tags,
        summary: 'Take a contact out of its group',
        description: 'It is recorded as different from every other member: no matching joins them again.',
        body: Type.Object({ contact_id: Contact, dry_run: DryRun }, { additionalProperties: false }),
        response: {
          200: Type.Object({
            contact_id: text,
            others: Type.Array(Type.Object({ contact_id: text, canonical_contact_id: text })),
            undone: Count('decisions taken back'),
            dry_run: Type.Boolean(),
          }),
        },
      },
      config: { access: operators },
    },
    (request) =>
      unmerge(warehouse, request.body.contact_id, {
        recordedBy: request.actor?.name,
        dryRun: request.body.dry_run,
      }),
  );

  app.post(
    '/v1/contacts/resolve',
    {
      schema: {
        tags,
        summary: 'Find contacts that share a key, and decide that they are one person',
        description:
          'By the account’s `identity` settings. Every build does so too. The second run changes nothing.',
        body: Type.Object({ dry_run: DryRun }, { additionalProperties: false }),
        response: {
          200: Type.Object({
            is_skipped: Type.Boolean({ description: 'nothing had changed since the last run' }),
            dry_run: Type.Boolean(),
            decisions: AnyObject('new ones, by rule'),
            merged_count: Count('contacts that stand for another now'),
            closed_count: Count('mappings that hold no longer'),
            opened_count: Count('mappings made'),
            phones_keyed: Count('contacts that got a phone key'),
            shared_by_many: Type.Array(SharedKey),
            disputed: Type.Array(SharedKey),
            moved_ids: Described,
          }),
        },
      },
      config: { access: operators },
    },
    (request) =>
      resolveIdentities(warehouse, {
        identity: account.identity,
        recordedBy: request.actor?.name,
        dryRun: request.body.dry_run,
      }),
  );
};
