import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Model, ModelMaterializer, PreparedQuery, PreparedResult } from '@malloydata/malloy';
import type { Account } from '../data/account.ts';
import type { Clock } from '../data/clock.ts';
import type { Warehouse } from '../data/owner/warehouse.ts';
import type { Project } from '../data/project.ts';
import { modelError } from '../models/engine/problems.ts';

/** What reports need of models/engine: a file compiled, and the givens that place it in time. */
export interface ReportEngine {
  compileFile(
    path: string,
    options: { asOf: Date; knownAt?: Date | undefined },
  ): Promise<{ model: ModelMaterializer; givens: Record<string, string> }>;
}

/** What listing and running reports takes. `Mallard` of pipelines/context.ts fits. Rendering takes none of it. */
export interface ReportContext {
  readonly project: Pick<Project, 'reports' | 'packageReports'>;
  readonly warehouse: Pick<Warehouse, 'read'>;
  readonly engine: ReportEngine;
  readonly clock: Clock;
  readonly account: Account;
}

export interface RunOptions {
  asOf: Date;
  knownAt?: Date | undefined;
  rowLimit?: number | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A report's file, compiled for a time. */
export interface CompiledReport {
  model: Model;
  /** Compiles one of the file's queries under the givens and reads its rows (as data/owner/values.ts has them). */
  run(
    query: PreparedQuery,
    options: RunOptions,
  ): Promise<{ prepared: PreparedResult; rows: Record<string, unknown>[] }>;
}

/** Compiles a Malloy file with the models behind its imports. Throws `model_invalid` with file, line and column. */
export async function compileReport(
  context: ReportContext,
  file: string,
  options: Pick<RunOptions, 'asOf' | 'knownAt'>,
  ownGivens: Record<string, string> = {},
): Promise<CompiledReport> {
  const compiled = await context.engine.compileFile(file, options);
  const model = await located(() => compiled.model.getModel());
  return {
    model,
    async run(query, { rowLimit, timeoutMs, signal }) {
      // A given that the file does not declare would be refused.
      const declared = Object.entries({ ...compiled.givens, ...ownGivens }).filter(([name]) =>
        model.givens.has(name),
      );
      const prepared = await located(() =>
        query.getPreparedResult({
          givens: Object.fromEntries(declared),
          ...(rowLimit === undefined ? {} : { defaultRowLimit: rowLimit }),
        }),
      );
      const rows = await context.warehouse.read((session) => session.rows(prepared.sql), {
        timeoutMs,
        signal,
      });
      return { prepared, rows };
    },
  };
}

/** Malloy's problems become `model_invalid`, with the line they are at. */
async function located<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw modelError(error, textOf);
  }
}

function textOf(url: string): string {
  return url.startsWith('file:') ? readFileSync(fileURLToPath(url), 'utf8') : '';
}
