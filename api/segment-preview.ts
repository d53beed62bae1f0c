import { Type } from 'typebox';
import { mostValues } from '../models/engine/field-values.ts';
import { profileLimits } from '../pipelines/segments/preview-profile.ts';
import { Count, Nullable } from './schemas.ts';

const text = Type.String();
const share = (description: string) => Type.Number({ description });

/** What a preview may be asked for beside the count. */
export const PreviewRequest = {
  overlap: Type.Optional(
    Type.Boolean({ description: 'also how they meet the present members of each segment; default false' }),
  ),
  profile: Type.Optional(
    Type.Boolean({ description: 'also what sets them apart from all contacts; default false' }),
  ),
};

const Overlap = Type.Object({
  segment_id: text,
  title: text,
  member_count: Count('its present members'),
  both: Count('who is among both'),
  of_preview: Nullable(share('both ÷ the previewed; null where there are none')),
  of_segment: share('both ÷ the segment’s members'),
  jaccard: share('both ÷ who is among either'),
});

const ProfileValue = Type.Object({
  field: text,
  value: Nullable(Type.Union([text, Type.Boolean()])),
  in_criteria: Type.Boolean({ description: 'the criteria name the field: a difference is no news' }),
  preview_count: Count('of the previewed'),
  base_count: Count('of all contacts'),
  preview_share: share('of the previewed'),
  base_share: share('of all contacts'),
  difference_points: Type.Number({ description: 'percentage points between the shares' }),
  lift: Type.Number({ description: 'preview_share ÷ base_share' }),
});

const number = Nullable(Type.Number());
const ProfileNumber = Type.Object({
  field: text,
  unit: Nullable(text),
  in_criteria: Type.Boolean(),
  preview_known_share: share('who has a value; means and medians are over these'),
  base_known_share: share('the same of all contacts'),
  preview_mean: number,
  base_mean: number,
  preview_median: Nullable(Type.Number({ description: 'R’s type 7' })),
  base_median: number,
  standardised_difference: Nullable(
    Type.Number({ description: 'Cohen’s d against everybody else; null where nothing varies' }),
  ),
});

/** What they answer; absent where not asked for. */
export const PreviewAnswer = {
  overlap: Type.Optional(
    Type.Array(Overlap, { description: 'every segment with members, the most in common first' }),
  ),
  profile: Type.Optional(
    Type.Object({
      values: Type.Array(ProfileValue, {
        description: `of booleans, and of texts with at most ${mostValues} different values; what differs most first, at most ${profileLimits.values}`,
      }),
      numbers: Type.Array(ProfileNumber, {
        description: `what differs most first, at most ${profileLimits.numbers}; of several windows of a figure one`,
      }),
    }),
  ),
};
