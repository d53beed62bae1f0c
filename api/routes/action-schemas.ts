import { Type } from 'typebox';
import { AnyObject, Count, Nullable } from '../schemas.ts';

const text = Type.String();
export const Change = Type.Union([Type.Literal('entered'), Type.Literal('left')]);

/** What an action did, or would do. */
export const ActionResult = Type.Object({
  run_id: text,
  segment_id: text,
  action: text,
  dry_run: Type.Boolean(),
  matched: Count('who is meant'),
  acted: Count('done now'),
  skipped: Count('not done'),
  skipped_by_reason: AnyObject('already_done, unchanged, contact_missing'),
  assigned: AnyObject('for assign_owner: how many each owner got'),
  sample: Type.Array(Type.Object({ contact_id: text, before: Nullable(text), after: Nullable(text) })),
});

/** What triggers did; also the answer of an evaluation. */
export const TriggersResult = Type.Object({
  runs: Type.Array(
    Type.Intersect([
      Type.Object({ trigger_id: text, change: Change, evaluation_run_id: text }),
      ActionResult,
    ]),
  ),
  errors: Type.Array(Type.Object({ trigger_id: text, error: text })),
});
