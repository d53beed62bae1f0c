import { copy, isFalse, isTrue, type Columns, type Skip, type Value } from '../import/mapping.ts';

export const system = 'salesforce';

/** Salesforce's ids are unique in the world: equal ones in other files mean the same record, so they stay as they are. */
export const id: Value = copy('id');

export const isDeleted = (column: Columns): string =>
  `${isTrue(column('is_deleted'))} or ${isTrue(column('_fivetran_deleted'))}`;

export const deleted: Skip = { reason: 'deleted in Salesforce', when: isDeleted, isDeletion: true };

/** In Fivetran's history mode a table has every version of a row; one is active, or none where it was deleted. */
export const superseded: Skip = {
  reason: 'not the active version of its record',
  when: (column) => isFalse(column('_fivetran_active')),
};

export const skips: readonly Skip[] = [superseded, deleted];

export const updated: Value = copy('last_modified_date', 'system_modstamp');
