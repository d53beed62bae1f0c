import type { SegmentPreview } from '../../../pipelines/segments/preview.ts';
import { printLine, printTable, type Streams } from '../output.ts';

/** "How many, who, and what sets them apart?" */
export function printPreview(streams: Streams, preview: SegmentPreview): void {
  const { count, total, share, sample, overlap, profile } = preview;
  printLine(
    streams,
    `${count} of ${total} contacts fit${share === null ? '' : ` (${percent(share)})`}, as of ${preview.as_of}.`,
  );
  if (sample.length > 0) {
    printLine(streams, '\nSome of them');
    printTable(streams, sample);
  }
  if (overlap) {
    printLine(streams, '\nWho of them is in other segments');
    printTable(
      streams,
      overlap.map(({ segment_id, member_count, both, of_preview, of_segment, jaccard }) => ({
        segment: segment_id,
        members: member_count,
        both,
        'of these': percent(of_preview),
        'of the segment': percent(of_segment),
        jaccard: jaccard.toFixed(2),
      })),
    );
  }
  if (!profile) return;
  printLine(streams, '\nWhat sets them apart from all contacts (* named in the criteria)');
  printTable(
    streams,
    profile.values.map(({ field, value, in_criteria: named, ...shares }) => ({
      field: `${field}${named ? ' *' : ''}`,
      value: value === null ? 'not known' : String(value),
      'of these': percent(shares.preview_share),
      'of all': percent(shares.base_share),
      difference: `${shares.difference_points > 0 ? '+' : ''}${shares.difference_points.toFixed(1)} points`,
      lift: shares.lift.toFixed(2),
    })),
  );
  printLine(streams);
  printTable(
    streams,
    profile.numbers.map(({ field, in_criteria: named, ...figures }) => ({
      number: `${field}${named ? ' *' : ''}`,
      mean: rounded(figures.preview_mean),
      'mean of all': rounded(figures.base_mean),
      median: rounded(figures.preview_median),
      'median of all': rounded(figures.base_median),
      'known of these': percent(figures.preview_known_share),
      "Cohen's d":
        figures.standardised_difference === null ? null : figures.standardised_difference.toFixed(2),
    })),
  );
}

function percent(share: number | null): string {
  return share === null ? '' : `${(share * 100).toFixed(1)} %`;
}

function rounded(value: number | null): string | null {
  return value === null ? null : value.toFixed(2);
}
