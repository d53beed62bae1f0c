/** Loads the file given into the project given, saying when it is acknowledged. Killed by kill.test.ts. */
import { Project } from '../../../data/project.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageLocalFile } from '../../../pipelines/load/stage.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const [dir = '', file = ''] = process.argv.slice(2);
const project = new Project(dir);
const warehouse = await Warehouse.open(project);
const path = await stageLocalFile(project, file);
say('staged');
await loadTable(warehouse, { table: 'orders', files: [{ path, name: 'orders.csv' }] }, ({ step }) =>
  say(step),
);
say('acknowledged');
await warehouse.close();
