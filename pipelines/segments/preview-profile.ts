import type { ReadOptions } from '../../data/owner/readers.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { fieldValues } from '../../models/engine/field-values.ts';
import type { Catalogue, CatalogueField } from '../../models/engine/types.ts';
import { standardisedDifference, type Sample } from '../../models/statistics/standardised-difference.ts';
import { segmentDefinitions } from './definitions.ts';
import { refuseFanOut } from './fan-out.ts';
import { countAll, readMedians, type Counts, type Medians } from './profile-counts.ts';
import type { SegmentContext } from './types.ts';
import { fieldsOfCriteria } from './used-fields.ts';
import { accountZone } from './zone.ts';

/** How often a value of a field occurs among the previewed and in the base. */
export interface ProfileValue {
  field: string;
  /** Null: not known. */
  value: string | boolean | null;
  /** True where the criteria name the field: then a difference is no news. */
  in_criteria: boolean;
  preview_count: number;
  base_count: number;
  /** Of all previewed, and of all contacts. */
  preview_share: number;
  base_share: number;
  /** (preview_share − base_share) × 100: percentage points. */
  difference_points: number;
  /** preview_share ÷ base_share. */
  lift: number;
}

/** A number among the previewed and in the base. Means and medians are over those who have one. */
export interface ProfileNumber {
  field: string;
  unit: string | null;
  in_criteria: boolean;
  preview_known_share: number;
  base_known_share: number;
  preview_mean: number | null;
  base_mean: number | null;
  /** R's type 7: between the two middle values, linearly. */
  preview_median: number | null;
  base_median: number | null;
  /**
   * Cohen's d of the previewed against everybody else, since the previewed are a part of the base; null where nothing varies.
   * See `standardisedDifference`.
   */
  standardised_difference: number | null;
}

export interface PreviewProfile {
  /** What differs most first; at most `profileLimits.values`. */
  values: ProfileValue[];
  /** What differs most first; of a figure with several windows the window that does. At most `profileLimits.numbers`. */
  numbers: ProfileNumber[];
}

/** `compared`: numbers of the catalogue that are looked at, in its order; the others are how many are told of. */
export const profileLimits = { compared: 200, values: 50, numbers: 20 } as const;

/**
 * The previewed against all contacts, in two scans: one for values, means and spreads, and one for the medians of what is told.
 * Values are those of texts of small domains and of booleans, never of what names a person (models/engine/field-values.ts);
 * domains are those of the newest build.
 * @throws `model_invalid` where a join of the project's own matches several rows
 */
export async function readProfile(
  context: SegmentContext,
  criteria: Criteria,
  { asOf, limits }: { asOf: Date; limits: ReadOptions },
): Promise<PreviewProfile> {
  const { warehouse, engine } = context;
  const catalogue = await engine.catalogue();
  const texts = await listedFields(warehouse, catalogue);
  const fields = [...texts, ...numericFields(catalogue)].map((field, i) => ({ ...field, column: `f${i}` }));
  const query = membershipQuery([{ id: 'preview', criteria }], {
    catalogue: criteriaCatalogue(catalogue),
    zone: accountZone(warehouse),
    segments: await segmentDefinitions(context),
    shown: fields.map(({ path }) => path),
  });
  for (const error of query.errors.values()) throw error;
  const { sql } = await engine.compileSql(query.malloy ?? '', { asOf, restricted: true });
  const who = { sql, column: query.columns.get('preview') ?? '' };
  const source = catalogue.contact_source;
  const [listed, numbers] = [fields.slice(0, texts.length), fields.slice(texts.length)];
  const named = new Set(fieldsOfCriteria(criteria));

  return warehouse.read(async (session) => {
    if (source !== 'contact_facts') await refuseFanOut(session, sql, source);
    const counts = await countAll(session, who, columnsOf(listed), columnsOf(numbers));
    const told = mostDifferent(numbers.map((field) => comparedNumber(field, counts)));
    const medians = await readMedians(session, who, columnsOf(told));
    const noMedian = { preview_median: null, base_median: null };
    return {
      values: listed
        .flatMap((field) => comparedValues(field, counts))
        .sort((a, b) => Math.abs(b.difference_points) - Math.abs(a.difference_points) || b.lift - a.lift)
        .slice(0, profileLimits.values)
        .map((value) => ({ ...value, in_criteria: named.has(`contact_facts.${value.field}`) })),
      numbers: told.map(({ column, weight: _weight, ...number }) => ({
        ...number,
        in_criteria: named.has(`contact_facts.${number.field}`),
        ...(medians.get(column) ?? noMedian),
      })),
    };
  }, limits);
}

type ProfiledField = CatalogueField & { column: string };

const columnsOf = (fields: readonly { column: string }[]) => fields.map(({ column }) => column);

const counters = new WeakMap<Warehouse, ReturnType<typeof fieldValues>>();

/** Booleans, and texts of which the newest build has few values. */
async function listedFields(warehouse: Warehouse, catalogue: Catalogue): Promise<CatalogueField[]> {
  const counter = counters.get(warehouse) ?? fieldValues(warehouse);
  counters.set(warehouse, counter);
  const valuesOf = counter(catalogue);
  const listed: CatalogueField[] = [];
  for (const field of factFields(catalogue)) {
    if (field.type === 'boolean' || (field.type === 'string' && (await valuesOf(field)) !== undefined))
      listed.push(field);
  }
  return listed;
}

function numericFields(catalogue: Catalogue): CatalogueField[] {
  return factFields(catalogue)
    .filter(({ type }) => type === 'number')
    .slice(0, profileLimits.compared);
}

function factFields({ fields }: Catalogue): CatalogueField[] {
  return fields.filter(({ mart, is_personal: isPersonal }) => mart === 'contact_facts' && !isPersonal);
}

function comparedValues(
  { path, type, column }: ProfiledField,
  counts: Counts,
): Omit<ProfileValue, 'in_criteria'>[] {
  if (counts.preview_count === 0) return [];
  return (counts.values.get(column) ?? []).map(({ value, preview_count, base_count }) => {
    const [preview, base] = [preview_count / counts.preview_count, base_count / counts.base_count];
    return {
      field: path,
      value: type === 'boolean' && value !== null ? value === 'true' : value,
      preview_count,
      base_count,
      preview_share: preview,
      base_share: base,
      difference_points: (preview - base) * 100,
      lift: preview / base,
    };
  });
}

type ComparedNumber = Omit<ProfileNumber, 'in_criteria' | keyof Medians> & {
  column: string;
  /** How much it differs; without bound where all of each side are the same, and the sides are not. */
  weight: number;
};

function comparedNumber({ path, unit, column }: ProfiledField, counts: Counts): ComparedNumber {
  const { preview = nobody, others = nobody } = counts.samples.get(column) ?? {};
  const known = preview.n + others.n;
  const difference = standardisedDifference(preview, others);
  const isApart = preview.n > 0 && others.n > 0 && preview.mean !== others.mean;
  return {
    field: path,
    unit: unit ?? null,
    preview_known_share: counts.preview_count === 0 ? 0 : preview.n / counts.preview_count,
    base_known_share: counts.base_count === 0 ? 0 : known / counts.base_count,
    preview_mean: preview.n === 0 ? null : preview.mean,
    base_mean: known === 0 ? null : (preview.n * preview.mean + others.n * others.mean) / known,
    standardised_difference: difference ?? null,
    column,
    weight: difference === undefined ? (isApart ? Infinity : 0) : Math.abs(difference),
  };
}

const nobody: Sample = { n: 0, mean: 0, variance: 0 };

/** Of the windows of one figure (`email.last_7_days.clicks`, `email.last_30_days.clicks`) the one that differs most is enough. */
function mostDifferent(numbers: readonly ComparedNumber[]): ComparedNumber[] {
  const figures = new Set<string>();
  return numbers
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .filter(({ field }) => {
      const figure = field.replace(/\.last_\d+_days\./, '.');
      return !figures.has(figure) && figures.add(figure);
    })
    .slice(0, profileLimits.numbers);
}
