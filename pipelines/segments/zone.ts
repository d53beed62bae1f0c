import { readAccount } from '../../data/account.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

/** The account's zone, in which days given in criteria are cut. Read each time: the file may have been edited. */
export function accountZone(warehouse: Warehouse): string {
  return readAccount(warehouse.project).time_zone;
}
