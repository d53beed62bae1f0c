import { readAccount } from '../../data/account.ts';
import { systemClock } from '../../data/clock.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import type { Project } from '../../data/project.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { cleanStaging } from '../../pipelines/load/stage.ts';
import { buildApp } from '../app.ts';
import { inProcessClient, type ApiClient } from '../client.ts';
import { newInternalToken } from '../serve.ts';

/** Opens the project's warehouse and reads its settings. */
export async function openMallard(project: Project): Promise<Mallard> {
  project.ensureFolders();
  const account = readAccount(project);
  const warehouse = await Warehouse.open(project, { clock: systemClock });
  // What a killed process had staged was never acknowledged.
  await cleanStaging(project);
  return { project, warehouse, engine: new ModelEngine(warehouse), clock: warehouse.clock, account };
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
