import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { Warehouse } from '../data/owner/warehouse.ts';
import { Project } from '../data/project.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** An empty, migrated DuckDB file, closed: migrating takes most of a second, copying nothing. */
    emptyWarehouse: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => void> {
  const project = new Project(mkdtempSync(join(tmpdir(), 'mallard-test-empty-')));
  await (await Warehouse.open(project)).close();
  provide('emptyWarehouse', project.warehouseFile);
  return () => rmSync(project.dir, { recursive: true, force: true });
}
