import { existsSync, writeFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { stringify } from 'yaml';
import { AccountSchema } from '../../data/account.ts';
import { Project } from '../../data/project.ts';
import type { Cli } from './cli.ts';
import { openMallard } from './local.ts';
import { printJson, printLine } from './output.ts';
import type { GlobalOptions } from './session.ts';

/** Makes the folders, the migrated warehouse and, where there is none, account.yaml with its defaults. */
export async function initProject({ streams }: Cli, dir: string, options: GlobalOptions): Promise<void> {
  const project = new Project(dir);
  const { warehouse } = await openMallard(project);
  await warehouse.close();
  if (!existsSync(project.accountFile)) {
    const defaults = stringify(Value.Default(AccountSchema, {}));
    writeFileSync(
      project.accountFile,
      `# What the account as a whole has decided. See data/account.ts.\n${defaults}`,
    );
  }
  if (options.json) return printJson(streams, { project: project.dir });
  printLine(streams, `Made ${project.dir}.`);
  printLine(
    streams,
    `Next: set your account in ${project.accountFile}, then mallard --project ${dir} load contacts FILE.`,
  );
}
