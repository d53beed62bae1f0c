import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { Project } from '../../data/project.ts';
import type { Cli } from './cli.ts';
import { openMallard } from './local.ts';
import { printJson, printLine } from './output.ts';
import { projectFiles, type ProjectFile } from './project-files.ts';
import type { GlobalOptions } from './session.ts';

/**
 * Makes the folders, the migrated warehouse, and the files of a project that are missing; a file that is there is the user's,
 * and stays as it is. Throws `storage_failed` where the disk refuses.
 */
export async function initProject({ streams }: Cli, dir: string, options: GlobalOptions): Promise<void> {
  const project = new Project(dir);
  project.ensureFolders();
  // The files first: opening reads account.yaml.
  const examplesFor = new Set(
    ['models', 'reports'].filter((folder) => !hasMalloy(join(project.dir, folder))),
  );
  const files = projectFiles(project).filter(
    ({ path, isExample }) => isExample !== true || examplesFor.has(dirname(path)),
  );
  const made = files.filter((file) => writeNew(project, file)).map(({ path }) => path);
  await makeWarehouse(project);
  if (options.json) return printJson(streams, { project: project.dir, made });
  printLine(
    streams,
    `Made ${project.dir}${made.length === 0 ? ': everything was there' : `: ${made.join(', ')}`}.`,
  );
  printLine(
    streams,
    `Next: set your account in ${project.accountFile}, then mallard --project ${dir} load contacts FILE.`,
  );
}

/** A server that has the project has its warehouse. */
async function makeWarehouse(project: Project): Promise<void> {
  try {
    const { warehouse } = await openMallard(project);
    await warehouse.close();
  } catch (error) {
    if (!(error instanceof MallardError && error.code === 'file_owned')) throw error;
  }
}

/** False where the file is there. */
function writeNew(project: Project, { path, text }: ProjectFile): boolean {
  try {
    writeFileSync(join(project.dir, path), text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new MallardError('storage_failed', `${join(project.dir, path)}: ${errorMessage(cause)}.`, {
      cause,
    });
  }
}

function hasMalloy(folder: string): boolean {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.malloy'));
}
