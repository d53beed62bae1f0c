import type { ReportData } from './types.ts';

export interface Definition {
  label: string;
  doc: string;
}

/** "How these figures are computed": each figure's doc once, in order of appearance; compared ones follow from theirs. */
export function definitionsOf(data: ReportData): Definition[] {
  const found = new Map<string, Definition>();
  for (const view of data.views) {
    for (const column of view.columns) {
      if (column.is_hidden || !column.doc) continue;
      const doc = sentence(column.doc);
      found.set(`${column.label}\n${doc}`, { label: column.label, doc });
    }
  }
  return [...found.values()];
}

function sentence(text: string): string {
  const trimmed = text.trim().replace(/\s+/g, ' ');
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
