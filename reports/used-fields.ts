import { pathToFileURL } from 'node:url';
import { MallardError } from '../data/errors.ts';
import type { FieldUse, Lineage } from '../models/engine/lineage/lineage.ts';
import type { ReportDefinition } from './types.ts';

/** The fields of the catalogue that a report's queries read. None where it does not compile: `reports list` says why. */
export async function fieldsOfReport(
  lineage: Lineage,
  { file }: Pick<ReportDefinition, 'file'>,
): Promise<FieldUse[]> {
  try {
    return await lineage.usedByFile(pathToFileURL(file));
  } catch (error) {
    if (error instanceof MallardError) return [];
    throw error;
  }
}
