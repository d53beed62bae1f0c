import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { ListMode, ListRequest } from './list-input.ts';
import { listSegments, unknownSegment } from './listing.ts';
import type { SegmentContext } from './types.ts';

/** The list that is to be changed is there and active, the one to be made is not. */
export async function checkTarget(
  context: SegmentContext,
  request: ListRequest,
  mode: ListMode,
): Promise<void> {
  const { segment_id: id, title } = request;
  const all = await listSegments(context, { includeArchived: true });
  const found = all.find(({ segment_id }) => segment_id === id);
  if (found && found.kind !== 'static') throw otherKind(id);
  if (mode === 'create') {
    if (found?.status === 'active') {
      throw new MallardError('conflict', `There is a list ${id} already.`, {
        fields: { segment_id: id },
        remedy: 'Say with mode what becomes of it: replace, add or remove.',
      });
    }
    if (!found && title === undefined) {
      throw new MallardError('bad_request', `The new list ${id} has no title.`, {
        fields: { field: 'title' },
      });
    }
    return;
  }
  if (!found)
    throw unknownSegment(
      id,
      all.map(({ segment_id }) => segment_id),
    );
  if (found.status === 'archived') {
    throw new MallardError('conflict', `${id} is archived.`, {
      fields: { segment_id: id },
      remedy: 'Make the list anew with mode create.',
    });
  }
}

function otherKind(id: string): MallardError {
  return new MallardError('conflict', `${id} is a segment by criteria, not a list.`, {
    fields: { segment_id: id },
    remedy: 'Choose another id for the list: a segment keeps its kind.',
  });
}

/** Writes a list's row of `ops.segments`, and that it has a new version. On the ledger lane. */
export async function writeDefinition(
  tx: Session,
  { segment_id: id, title, description }: ListRequest,
  version: number,
  at: string,
): Promise<void> {
  const before = await tx.one<{ version: number; kind: string; title: string }>(
    'select version, kind, title from ops.segments where segment_id = $1',
    [id],
  );
  // Saved meanwhile, by criteria. What was put on a list of that id is nobody's.
  if (before && before.kind !== 'static') throw otherKind(id);
  const newTitle = title ?? before?.title ?? id;
  if (before === undefined) {
    await tx.run(
      `insert into ops.segments (segment_id, title, description, kind, criteria, version, status, created_at, updated_at)
       values ($1, $2, $3, 'static', null, $4, 'active', $5::timestamp, $5::timestamp)`,
      [id, newTitle, description ?? null, version, at],
    );
  } else {
    await tx.run(
      `update ops.segments set title = $2, description = case when $3 then $4 else description end, version = greatest(version, $5),
         status = 'active', error = case when version >= $5 then error end, updated_at = $6::timestamp
       where segment_id = $1`,
      [id, newTitle, description !== undefined, description ?? null, version, at],
    );
  }
  if (version > (before?.version ?? 0)) {
    await tx.run(`insert into ops.segment_versions values ($1, $2, $3, 'static', null, $4::timestamp)`, [
      id,
      version,
      newTitle,
      at,
    ]);
  }
}
