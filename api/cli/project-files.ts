import { isAbsolute, join, posix, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { Value } from 'typebox/value';
import { AccountSchema } from '../../data/account.ts';
import type { Project } from '../../data/project.ts';
import { connectionName } from '../../models/engine/connection.ts';

/** A file that `mallard init` makes where there is none. */
export interface ProjectFile {
  /** Relative to the project's folder. */
  path: string;
  text: string;
  /** An example: made only where its folder has no Malloy file yet, so that what was renamed or deleted does not come back. */
  isExample?: boolean;
}

export function projectFiles(project: Project): ProjectFile[] {
  return [
    { path: 'account.yaml', text: accountText() },
    { path: 'malloy-config.json', text: `${JSON.stringify(malloyConfig(), null, 2)}\n` },
    { path: '.gitignore', text: gitignore },
    { path: 'README.md', text: readme },
    {
      path: 'models/my_contact_facts.malloy',
      text: exampleModel(importPath(project.models, join(project.packageModels, 'index.malloy'))),
      isExample: true,
    },
    {
      path: 'reports/big_spenders.malloy',
      text: exampleReport(importPath(project.reports, join(project.packageModels, 'index.malloy'))),
      isExample: true,
    },
  ];
}

/**
 * What Malloy's own tools read (VS Code's extension, malloy-cli: `discoverConfig` of @malloydata/malloy): they look for the file
 * from a model's folder upwards to the folder that is opened. `givensPath` is relative to this file, `databasePath` to the
 * opened folder, which is why the project's folder itself is the one to open.
 */
export function malloyConfig(): object {
  return {
    connections: {
      [connectionName]: {
        is: 'duckdb',
        databasePath: 'published/mallard.duckdb',
        readOnly: true,
        // Ours is in UTC; another zone would shift what a model casts.
        setupSQL: "SET TimeZone='UTC'",
      },
    },
    givensPath: 'published/givens.json',
  };
}

/**
 * The path by which a file of `folder` imports `file`: relative, so that the project may be moved with ours, and as URLs have
 * it, since Malloy resolves it as one. It has no double quote.
 */
export function importPath(folder: string, file: string): string {
  const url = pathToFileURL(file);
  const path = posix.relative(pathToFileURL(folder).pathname, url.pathname);
  // On another drive there is no relative path.
  return isAbsolute(relative(folder, file)) ? url.toString() : path;
}

function accountText(): string {
  const defaults = stringify(Value.Default(AccountSchema, {}));
  return `# What the account as a whole has decided. See data/account.ts.\n${defaults}`;
}

const gitignore = `# The warehouse, what is computed from it, and secrets. What you write (models, reports, account.yaml) is yours to commit.
mallard.duckdb*
compaction.json*
owner.json
owner.sock
secret.key
.env
malloy-config-local.json
inbox/
outbox/
published/
compiled-models/
report-runs/
sample/
spill/
node_modules/
`;

const readme = `# A Mallard project

- \`models/\` your fields and segments, in Malloy; they import Mallard's by relative path. A source tagged
  \`#(extends) contact_facts\` adds fields to contacts: segments, campaigns and \`mallard fields\` have them at once.
- \`reports/\` your reports. \`account.yaml\` what the account has decided.
- A file of models begins with an import of Mallard's \`index.malloy\` (or \`clock.malloy\`), also where it needs no time: Malloy's tools
  refuse a file that does not know the givens of \`published/givens.json\`.
- To open the models in VS Code with Malloy's extension: \`mallard publish\`, then open **this folder** (not one above it).
  \`malloy-config.json\` names the snapshot, \`published/givens.json\` says what it is as of.

An upgrade of Mallard touches nothing here; \`mallard init\` makes what is missing and changes nothing that is there.
`;

function exampleModel(index: string): string {
  return `##! experimental.givens
import "${index}"

// Your fields of contacts. One source is tagged #(extends) contact_facts: \`mallard fields is_big_spender\` shows what it adds.
#(doc) Contacts, with fields of our own.
#(extends) contact_facts
source: my_contact_facts is contact_facts extend {
  dimension:
    #(doc) True where completed orders add up to 1,000 or more, in the reporting currency.
    is_big_spender is total_revenue >= 1000
}

#(doc) Big spenders who may be written to.
#(segment) name=big_spenders title="Big spenders"
source: segment_big_spenders is my_contact_facts -> {
  where: is_big_spender and consent_status = 'granted' and not is_suppressed
  group_by: contact_id
}
`;
}

// It has no cron: it is sent by hand until you give it one.
function exampleReport(index: string): string {
  return `##! experimental.givens
##(report) name=big_spenders title="Big spenders" description="Who brings most, by country."
// For AS_OF, which every figure needs.
import "${index}"
import "../models/my_contact_facts.malloy"

# bar_chart
# label="Big spenders by country"
query: by_country is my_contact_facts -> {
  where: is_big_spender
  group_by: country
  aggregate: contact_count
  order_by: contact_count desc
  limit: 20
}

# label="Revenue by country"
query: revenue_by_country is my_contact_facts -> {
  where: is_big_spender
  group_by: country
  aggregate: contact_count, revenue
  order_by: revenue desc
  limit: 20
}
`;
}
