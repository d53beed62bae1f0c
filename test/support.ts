import { chownSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { fixedClock, type Clock } from '../data/clock.ts';
import { packageRoot } from '../data/package-root.ts';
import { Project } from '../data/project.ts';
import { Warehouse, type WarehouseOptions } from '../data/owner/warehouse.ts';

/** The clock of the tests: a Monday, 06:00 UTC. */
export const testClock: Clock = fixedClock('2026-11-02T06:00:00Z');

/** A fresh folder, removed when the test ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mallard-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs `work` as a user whom permissions hold: root, as in CI, may write anywhere. `folder` is given to that user. */
export async function withoutPrivileges<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  const nobody = 65_534;
  chownSync(folder, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** A project in the folder with an empty, migrated warehouse that nobody owns. */
export function emptyProject(folder: string): Project {
  const project = new Project(folder);
  project.ensureFolders();
  copyFileSync(inject('emptyWarehouse'), project.warehouseFile);
  return project;
}

/** An empty, migrated warehouse in a fresh project folder; closed and removed when the test ends. Call inside a test. */
export async function openTestWarehouse(
  options: WarehouseOptions = {},
): Promise<{ project: Project; warehouse: Warehouse }> {
  const project = emptyProject(tempFolder());
  const warehouse = await Warehouse.open(project, { clock: testClock, memoryLimit: '2GB', ...options });
  onTestFinished(() => warehouse.close());
  return { project, warehouse };
}

/** The path of a file of ../shared/data, or undefined where this checkout has none (then the test skips and says so). */
export function sharedData(name: string): string | undefined {
  const path = join(packageRoot, '..', 'shared', 'data', name);
  return existsSync(path) ? path : undefined;
}
