import { LiveAccount } from '../../data/account.ts';
import { systemClock } from '../../data/clock.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { compact, isCompactionDue, removeUnfinishedCopy } from '../../data/owner/compaction.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import type { Project } from '../../data/project.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { cleanStaging } from '../../pipelines/load/stage.ts';
import { resumeErasures } from '../../pipelines/rights/forget.ts';
import { buildApp } from '../app.ts';
import { inProcessClient, type ApiClient } from '../client.ts';
import { newInternalToken } from '../serve.ts';

/**
 * Opens the project's warehouse and reads its settings. A compaction that is due comes first, and erasures that a crash
 * interrupted are finished: nothing is read or sent before.
 */
export async function openMallard(project: Project): Promise<Mallard> {
  project.ensureFolders();
  const account = new LiveAccount(project);
  if (isCompactionDue(project, systemClock.now())) await compactFirst(project);
  const warehouse = await Warehouse.open(project, { clock: systemClock });
  // What a killed process had staged was never acknowledged.
  await cleanStaging(project);
  removeUnfinishedCopy(project);
  const mallard: Mallard = {
    project,
    warehouse,
    engine: new ModelEngine(warehouse),
    clock: warehouse.clock,
    get account() {
      return account.current;
    },
  };
  await resumeErasures(mallard);
  return mallard;
}

/** Where it fails (a full disk, say) the old file stands, and can be used. Somebody else's file is not ours to open either. */
async function compactFirst(project: Project): Promise<void> {
  try {
    await compact(project, systemClock.now());
  } catch (error) {
    if (error instanceof MallardError && error.code === 'file_owned') throw error;
    process.emitWarning(`A compaction is due and failed. ${errorMessage(error)}`);
  }
}

/** The API over an open warehouse, in this process; closing it closes the warehouse. */
export async function sessionOn(mallard: Mallard): Promise<{ client: ApiClient; close(): Promise<void> }> {
  const token = newInternalToken();
  const app = buildApp({ mallard, internalToken: token });
  await app.ready();
  const close = async () => {
    await app.close();
    await mallard.warehouse.close();
  };
  return { client: inProcessClient(app, token), close };
}
