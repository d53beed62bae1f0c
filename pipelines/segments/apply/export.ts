import { criteriaCatalogue } from '../../../models/criteria/from-catalogue.ts';
import { segmentFileSchema } from '../../../models/criteria/editor-schema.ts';
import { listSegments } from '../listing.ts';
import type { SegmentDefinition } from '../store.ts';
import type { SegmentContext } from '../types.ts';

export interface ExportedSegments {
  /** The active ones that criteria define, by id. */
  segments: SegmentDefinition[];
  /** The others: a Malloy segment's file is its model's. */
  left_out: { segment_id: string; kind: string }[];
  /** JSON Schema of a segment file, with the fields and measures there are now. */
  schema: object;
}

/** The definitions as files hold them. */
export async function exportSegments(context: SegmentContext): Promise<ExportedSegments> {
  const [all, catalogue] = await Promise.all([listSegments(context), context.engine.catalogue()]);
  const exported: ExportedSegments = {
    segments: [],
    left_out: [],
    schema: segmentFileSchema(criteriaCatalogue(catalogue)),
  };
  for (const { segment_id, title, description, kind, criteria } of all) {
    if (kind === 'criteria' && criteria) exported.segments.push({ segment_id, title, description, criteria });
    else exported.left_out.push({ segment_id, kind });
  }
  return exported;
}
