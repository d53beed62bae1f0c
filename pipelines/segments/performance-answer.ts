import { rateRatio, type GroupRate } from '../../models/statistics/rate-ratio.ts';
import { figures, spans, type Amount, type FigureDefinition } from './performance-figures.ts';
import type { GroupRow } from './performance-sql.ts';

/** value = numerator ÷ denominator, times `per_days` of the figure where it has that; null where the denominator is 0. */
export interface Rate {
  value: number | null;
  numerator: number;
  /** Messages, or days of contacts. */
  denominator: number;
  /** How many persons the numerator comes from. */
  contacts: number;
}

export interface ComparedRate extends Rate {
  /** The members' value ÷ this one, and its 95 % interval: models/statistics/rate-ratio.ts. */
  ratio: number | null;
  /** Null, both, where one of the groups has fewer than five persons with any. */
  ratio_low: number | null;
  ratio_high: number | null;
}

export interface SegmentFigure extends FigureDefinition {
  members: Rate;
  base: ComparedRate;
  /** Null where nobody can just miss the segment: `just_missed_reason`. */
  just_missed: ComparedRate | null;
}

/** How many persons were ever in the group in the range, and for how many days in all. */
export interface GroupSize {
  contacts: number;
  contact_days: number;
}

export interface SegmentAnswer {
  members: GroupSize;
  base: GroupSize;
  just_missed: GroupSize | null;
  just_missed_reason: string | null;
  figures: SegmentFigure[];
}

const microsecondsPerDay = 86_400_000_000;

type Group = GroupRow['group_name'];

/** @param reason why nobody can just miss the segment; null where somebody can */
export function segmentAnswer(id: string, all: readonly GroupRow[], reason: string | null): SegmentAnswer {
  const rows = new Map(all.filter((row) => row.segment_id === id).map((row) => [row.group_name, row]));
  const total = (group: Group, amount: Amount) => {
    const value = Number(rows.get(group)?.[`${amount}_total`] ?? 0);
    return spans.has(amount) ? value / microsecondsPerDay : value;
  };
  const persons = (group: Group, amount: Amount) => Number(rows.get(group)?.[`${amount}_persons`] ?? 0);
  const sizeOf = (group: Group): GroupSize => ({
    contacts: persons(group, 'contact_days'),
    contact_days: total(group, 'contact_days'),
  });
  const rateOf = (group: Group, { numerator, denominator }: FigureDefinition): GroupRate => ({
    total: total(group, numerator),
    squares: rows.get(group)?.[`${numerator}_squares`] ?? 0,
    persons: persons(group, numerator),
    exposure: total(group, denominator),
  });
  const compared = (group: Group, figure: FigureDefinition): ComparedRate => {
    const { ratio, low, high } = rateRatio(rateOf('members', figure), rateOf(group, figure));
    return { ...shown(rateOf(group, figure), figure), ratio, ratio_low: low, ratio_high: high };
  };
  return {
    members: sizeOf('members'),
    base: sizeOf('base'),
    just_missed: reason === null ? sizeOf('just_missed') : null,
    just_missed_reason: reason,
    figures: figures.map((figure) => ({
      ...figure,
      members: shown(rateOf('members', figure), figure),
      base: compared('base', figure),
      just_missed: reason === null ? compared('just_missed', figure) : null,
    })),
  };
}

function shown({ total, exposure, persons }: GroupRate, { per_days }: FigureDefinition): Rate {
  return {
    value: exposure === 0 ? null : (total / exposure) * (per_days ?? 1),
    numerator: total,
    denominator: exposure,
    contacts: persons,
  };
}
