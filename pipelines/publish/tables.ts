import { readFileSync } from 'node:fs';
import type { PublishSettings } from '../../data/account.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Project } from '../../data/project.ts';
import { malloyFiles } from '../../models/engine/files.ts';

/** Schemas that go whole. */
const schemas = ['core', 'history', 'mart'] as const;

/** Of `ops`: who is in which segment and since when, and what the marts are as of. */
const ofSegments = [
  ...['segments', 'segment_versions', 'segment_runs', 'segment_changes', 'segment_memberships_open'],
  'mart_builds',
];

/** Of `ops`: never, whatever a model names. */
const never = new Set([
  ...['api_tokens', 'audit_log', 'integrations', 'sync_cursors', 'sync_logs', 'job_runs', 'kysely_migration'],
  ...['kysely_migration_lock', 'erasures', 'consent_requests', 'report_runs'],
]);

/** What is left empty: texts that providers and people wrote beside a fact, and settings. */
const blanked: Readonly<Record<string, readonly string[]>> = {
  'ops.suppressions': ['detail', 'actor'],
  'ops.campaigns': ['definition'],
  'core.consent_events': ['place', 'actor'],
};

export interface PublishedTable {
  schema: string;
  table: string;
  /** What the snapshot has of it. */
  sql: string;
}

/** The tables that the snapshot has: see README.md. `raw` tables only where the account names them. */
export async function publishedTables(
  session: Session,
  project: Project,
  { raw }: PublishSettings,
): Promise<PublishedTable[]> {
  const rows = await session.rows<{ schema: string; table: string; columns: string[] }>(
    `select c.schema_name as "schema", c.table_name as "table", list(c.column_name) as columns
     from duckdb_columns() c join duckdb_tables() t using (database_name, schema_name, table_name)
     where c.database_name = current_database() group by all order by all`,
  );
  const ops = new Set([...ofSegments, ...tablesOfOurModels(project)].filter((table) => !never.has(table)));
  return rows
    .filter(
      ({ schema, table }) =>
        (schemas as readonly string[]).includes(schema) ||
        (schema === 'ops' && ops.has(table)) ||
        (schema === 'raw' && raw.includes(table)),
    )
    .map(({ schema, table, columns }) => {
      const empty = (blanked[`${schema === 'history' ? 'core' : schema}.${table}`] ?? [])
        .filter((column) => columns.includes(column))
        .map((column) => `null::varchar as ${column}`);
      const selected = empty.length === 0 ? '*' : `* replace (${empty.join(', ')})`;
      return { schema, table, sql: `select ${selected} from "${schema}"."${table.replaceAll('"', '""')}"` };
    });
}

/** What our own models read of `ops`: suppressions and the like. The user's are not asked: they could name anything. */
function tablesOfOurModels(project: Project): string[] {
  return malloyFiles(project.packageModels, 'models').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/duckdb\.table\('ops\.(\w+)'\)/g)].map((match) => match[1] ?? ''),
  );
}
