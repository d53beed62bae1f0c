import type { Account } from '../data/account.ts';
import type { Clock } from '../data/clock.ts';
import type { Warehouse } from '../data/owner/warehouse.ts';
import type { Project } from '../data/project.ts';
import type { ModelEngine } from '../models/engine/engine.ts';

/** What every service needs: the owner of the file, the compiled models, the clock and the account's settings. */
export interface Mallard {
  readonly project: Project;
  readonly warehouse: Warehouse;
  readonly engine: ModelEngine;
  readonly clock: Clock;
  readonly account: Account;
}
