/**
 * A side of the matrix. `none`: in none of the segments asked for. `new`: at `from` no contact yet. `gone`: at `to` no contact any
 * more. Erased contacts are in neither, for nothing of them is left.
 */
export type MigrationKind = 'segment' | 'none' | 'new' | 'gone';

export interface MigrationSide {
  kind: MigrationKind;
  /** Null where it is no segment. */
  segment_id: string | null;
  title: string;
  /** UTC: its first evaluation, before which nobody was recorded; null where there was none, or where it is no segment. */
  recorded_since: string | null;
  /** Persons there, each once. */
  persons: number;
}

/** Persons who are in both; `value` is the share of the row's persons: numerator ÷ denominator. */
export interface MigrationCell {
  kind: MigrationKind;
  segment_id: string | null;
  value: number;
  numerator: number;
  denominator: number;
}

export interface MigrationRow extends MigrationSide {
  /** Columns with nobody are left out. */
  cells: MigrationCell[];
}

export interface SegmentMigration {
  /** UTC. */
  from: string;
  to: string;
  /** Persons who were there at either time. */
  persons: number;
  /**
   * Where segments overlap, a person is in several rows and columns and counts in every pair of them: then the cells of a row add
   * up to more than its persons.
   */
  is_overlapping: boolean;
  /** Where people were at `from`: the segments asked for, then `none` and `new`. */
  rows: MigrationRow[];
  /** Where they are at `to`: the segments asked for, then `none` and `gone`. */
  columns: MigrationSide[];
}

/** Counts of persons: of a cell, of a row (`to_kind` is null), of a column (`from_kind` is null), of all (both). */
export interface CountRow {
  from_kind: MigrationKind | null;
  from_segment: string | null;
  to_kind: MigrationKind | null;
  to_segment: string | null;
  persons: number;
}

const others = { none: 'in none of them', new: 'no contact yet', gone: 'no contact any more' } as const;

export function matrixOf(
  segments: readonly Pick<MigrationSide, 'title' | 'segment_id' | 'recorded_since'>[],
  counts: readonly CountRow[],
  { from, to }: Pick<SegmentMigration, 'from' | 'to'>,
): SegmentMigration {
  const keyOf = (kind: MigrationKind | null, id: string | null) =>
    kind === null ? '' : `${kind} ${id ?? ''}`;
  const found = new Map(
    counts.map((row) => [
      `${keyOf(row.from_kind, row.from_segment)}|${keyOf(row.to_kind, row.to_segment)}`,
      row.persons,
    ]),
  );
  const personsIn = (row: string, column: string) => found.get(`${row}|${column}`) ?? 0;
  const places = (absent: 'new' | 'gone') => [
    ...segments.map((segment) => ({ kind: 'segment' as const, ...segment })),
    ...(['none', absent] as const).map((kind) => ({
      kind,
      segment_id: null,
      title: others[kind],
      recorded_since: null,
    })),
  ];
  const columns = places('gone');
  const rows = places('new').map((row) => {
    const key = keyOf(row.kind, row.segment_id);
    const persons = personsIn(key, '');
    const cells = columns.flatMap(({ kind, segment_id }): MigrationCell[] => {
      const numerator = personsIn(key, keyOf(kind, segment_id));
      return numerator === 0
        ? []
        : [{ kind, segment_id, value: numerator / persons, numerator, denominator: persons }];
    });
    return { ...row, persons, cells };
  });
  const sides = columns.map((column) => ({
    ...column,
    persons: personsIn('', keyOf(column.kind, column.segment_id)),
  }));
  const persons = personsIn('', '');
  const sum = (list: readonly { persons: number }[]) => list.reduce((total, each) => total + each.persons, 0);
  return {
    from,
    to,
    persons,
    is_overlapping: sum(rows) > persons || sum(sides) > persons,
    rows,
    columns: sides,
  };
}
