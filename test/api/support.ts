import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { buildApp, type AppOptions } from '../../api/app.ts';
import { httpClient, type ApiClient } from '../../api/client.ts';
import type { App } from '../../api/context.ts';
import { AccountSchema, type Account } from '../../data/account.ts';
import type { Clock } from '../../data/clock.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { openTestWarehouse } from '../support.ts';
import { Value } from 'typebox/value';

export const internalToken = 'the-internal-token-of-the-tests';

export interface TestApp {
  app: App;
  mallard: Mallard;
  url: string;
  /** Without a token: the local admin, as long as there are none. */
  client: ApiClient;
}

/** The context of an empty warehouse in a temp folder. */
export async function openTestMallard(clock?: Clock): Promise<Mallard> {
  const { project, warehouse } = await openTestWarehouse(clock ? { clock } : {});
  const account = Value.Default(AccountSchema, {}) as Account;
  return { project, warehouse, engine: new ModelEngine(warehouse), clock: warehouse.clock, account };
}

/** The app on an empty warehouse, listening on a free port; every answer is checked against its schema. */
export async function openTestApp(options: Partial<AppOptions> & { clock?: Clock } = {}): Promise<TestApp> {
  const { clock, ...appOptions } = options;
  const mallard = await openTestMallard(clock);
  const app = buildApp({ mallard, internalToken, checkAnswers: true, env: {}, ...appOptions });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return { app, mallard, url, client: httpClient({ url }) };
}
