import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { Warehouse } from '../../data/owner/warehouse.ts';
import type { Project } from '../../data/project.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { emptyProject, testClock } from '../support.ts';
import { insertFixture } from './fixture.ts';

export interface Base {
  project: Project;
  warehouse: Warehouse;
  engine: ModelEngine;
}

/** One warehouse with the fixture for all tests of a file: compiling the models takes seconds. Read `base()` inside tests. */
export function sharedBase(prepare?: (project: Project) => void): () => Base {
  const folder = mkdtempSync(join(tmpdir(), 'mallard-models-'));
  let base: Base | undefined;
  beforeAll(async () => {
    const project = emptyProject(folder);
    prepare?.(project);
    const warehouse = await Warehouse.open(project, { clock: testClock, memoryLimit: '2GB' });
    await insertFixture(warehouse);
    base = { project, warehouse, engine: new ModelEngine(warehouse) };
  });
  afterAll(async () => {
    await base?.warehouse.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    if (!base) throw new Error('base() is there inside of tests only');
    return base;
  };
}
