import { mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorMessage, MallardError } from './errors.ts';
import { packageRoot } from './package-root.ts';

/** Resolves every path. What is ours lies under `packageRoot`, what is the user's under `dir`. */
export class Project {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = realPath(resolve(dir));
  }

  /** The one DuckDB file. */
  get warehouseFile(): string {
    return join(this.dir, 'mallard.duckdb');
  }
  /** Names the owner: pid and URL, JSON. */
  get ownerFile(): string {
    return join(this.dir, 'owner.json');
  }
  /** Guards ownership beside DuckDB's own lock. */
  get ownerSocket(): string {
    return join(this.dir, 'owner.sock');
  }
  /** Uploads are staged here before they are loaded. */
  get staging(): string {
    return join(this.dir, 'inbox', '.staging');
  }
  /** Files dropped here are loaded by the ingest job: `inbox/<table>/*.csv`. */
  get inbox(): string {
    return join(this.dir, 'inbox');
  }
  /** Mail written by the file provider. */
  get outbox(): string {
    return join(this.dir, 'outbox');
  }
  /** DuckDB spills here. */
  get spill(): string {
    return join(this.dir, 'spill');
  }
  /** Published, read-only copies for other tools. */
  get published(): string {
    return join(this.dir, 'published');
  }
  /** Lists of contacts that actions wrote. They name people: keep and delete them as such. */
  get exports(): string {
    return join(this.dir, 'exports');
  }
  /** The snapshot itself. */
  get publishedFile(): string {
    return join(this.published, 'mallard.duckdb');
  }
  /** What models are to be told with it: AS_OF and the other givens of models/clock.malloy, JSON. */
  get publishedGivens(): string {
    return join(this.published, 'givens.json');
  }
  /** Our models in one file, for other tools. To Mallard it is models/index.malloy, whatever stands in it. */
  get publishedModels(): string {
    return join(this.published, 'mallard.malloy');
  }
  /** Compiled models, to be read instead of compiled anew; may be deleted at any time. */
  get compiledModels(): string {
    return process.env['MALLARD_COMPILED_MODELS'] || join(this.dir, 'compiled-models');
  }
  /** The generated history's files and its truth. */
  get sample(): string {
    return join(this.dir, 'sample');
  }
  /** Kept report runs: page, e-mail, PNGs. */
  get reportRuns(): string {
    return join(this.dir, 'report-runs');
  }
  /** The user's own Malloy models; ours are in `packageModels`. */
  get models(): string {
    return join(this.dir, 'models');
  }
  get reports(): string {
    return join(this.dir, 'reports');
  }
  /** Account settings (YAML): see `data/account.ts`. */
  get accountFile(): string {
    return join(this.dir, 'account.yaml');
  }

  /** The project's own rules of the lead score; without it the package's count (models/lead_score.yaml). */
  get leadScoreFile(): string {
    return join(this.dir, 'lead_score.yaml');
  }

  get packageModels(): string {
    return join(packageRoot, 'models');
  }
  get packageReports(): string {
    return join(packageRoot, 'reports');
  }

  /** Makes the folders that must exist. Throws `storage_failed` where the disk refuses. */
  ensureFolders(): void {
    for (const folder of [
      this.dir,
      this.inbox,
      this.staging,
      this.outbox,
      this.spill,
      this.published,
      this.exports,
      this.models,
      this.reports,
      this.reportRuns,
    ]) {
      try {
        mkdirSync(folder, { recursive: true });
      } catch (cause) {
        throw new MallardError('storage_failed', `${folder} cannot be made: ${errorMessage(cause)}.`, {
          cause,
        });
      }
    }
  }
}

/**
 * The path without symbolic links, as far as it exists. Models are known by their path, ours by the real one: a project
 * behind a link would import a second copy of them.
 */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
