import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import type { ModelEngine } from '../../models/engine/engine.ts';

/** What segments need of the models. */
export type SegmentEngine = Pick<ModelEngine, 'compileSql' | 'catalogue'>;

/** The owner of the file and the models; every service context has both. */
export interface SegmentContext {
  readonly warehouse: Warehouse;
  readonly engine: SegmentEngine;
}

export interface Segment {
  segment_id: string;
  title: string;
  description: string | null;
  /**
   * `criteria`: saved here. `static`: a list, as it was frozen or last changed. `malloy`: a source tagged `#(segment)` in a
   * model file. A segment keeps its kind.
   */
  kind: 'criteria' | 'static' | 'malloy';
  /** Null where the definition is a list or Malloy. */
  criteria: Criteria | null;
  /** Counts up with each change of the criteria or the list; 0 for Malloy ones, whose history is the file's. */
  version: number;
  /** Archived segments are kept for their history and have no members. */
  status: 'active' | 'archived';
  /** Why the last evaluation left it as it was; null where it went well. */
  error: string | null;
  /** At the last evaluation that went well; null before the first. */
  member_count: number | null;
  /** UTC: what that evaluation was as of. */
  evaluated_as_of: string | null;
  created_at: string | null;
  updated_at: string | null;
}

export interface SegmentVersion {
  segment_id: string;
  version: number;
  title: string | null;
  criteria: Criteria | null;
  created_at: string;
}

/** What became of one segment in a run; counts are null where it broke. */
export interface SegmentRun {
  segment_id: string;
  version: number;
  member_count: number | null;
  entered_count: number | null;
  left_count: number | null;
  error: string | null;
}

export interface EvaluationResult {
  run_id: string;
  /** UTC, ISO. */
  as_of: string;
  /** True where this run id had been worked off before; then nothing was done now. */
  is_repeat: boolean;
  duration_ms: number;
  segments: SegmentRun[];
}
