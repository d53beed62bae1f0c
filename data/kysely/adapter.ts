import { DialectAdapterBase } from 'kysely';

/** What Kysely may expect of DuckDB. */
export class DuckDBAdapter extends DialectAdapterBase {
  override get supportsCreateIfNotExists(): boolean {
    return true;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  override get supportsReturning(): boolean {
    return true;
  }

  /** Nothing to lock: the file has one owner, which migrates before anybody else has a connection. */
  override async acquireMigrationLock(): Promise<void> {}

  override async releaseMigrationLock(): Promise<void> {}
}
