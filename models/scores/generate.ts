import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Project } from '../../data/project.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { ModelEngine } from '../engine/engine.ts';
import { scoreDefinition, scoreDefinitionFile } from './definition.ts';
import { packageRuleFile, readRules } from './rules.ts';

/** The generated file: path relative to models/ -> text. The catalogue that rules compile against is that of a new warehouse. */
export async function scoreFiles(): Promise<Map<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'mallard-generate-'));
  const project = new Project(folder);
  const warehouse = await Warehouse.open(project);
  try {
    const rules = readRules(packageRuleFile(project));
    const context = await new ModelEngine(warehouse).scoreContext();
    return new Map([[scoreDefinitionFile, scoreDefinition(rules, 1, context)]]);
  } finally {
    await warehouse.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
