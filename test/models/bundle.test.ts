import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime } from '@malloydata/malloy';
import { expect, test } from 'vitest';
import { packageRoot } from '../../data/package-root.ts';
import { bundledModels } from '../../models/engine/bundle.ts';
import { WarehouseConnection } from '../../models/engine/connection.ts';
import { openTestWarehouse } from '../support.ts';

test('our models in one file are compiled by Malloy alone, and export what index.malloy does', async () => {
  const { warehouse } = await openTestWarehouse();
  const models = join(packageRoot, 'models');
  const refuse = { readURL: (url: URL) => Promise.reject(new Error(`${url.href} was asked for`)) };
  const connection = new WarehouseConnection((work) => warehouse.read(work));
  const runtime = new Runtime({ urlReader: refuse, connection });
  const model = await runtime.getModel(bundledModels(models));
  const [, list = ''] = /^export \{([^}]*)\}/m.exec(readFileSync(join(models, 'index.malloy'), 'utf8')) ?? [];
  const exported = (list.match(/\w+/g) ?? []).filter((name) => name === name.toLowerCase());
  expect(exported.length).toBeGreaterThan(40);
  expect(model.exportedExplores.map(({ name }) => name).toSorted()).toEqual(exported.toSorted());
});
