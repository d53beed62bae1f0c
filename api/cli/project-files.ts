import { stringify } from 'yaml';
import { Value } from 'typebox/value';
import { AccountSchema } from '../../data/account.ts';
import type { Project } from '../../data/project.ts';
import { bundledModels } from '../../models/engine/bundle.ts';
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
    { path: 'published/mallard.malloy', text: bundledModels(project.packageModels) },
    {
      path: 'models/my_contact_facts.malloy',
      text: exampleModel,
      isExample: true,
    },
    {
      path: 'reports/big_spenders.malloy',
      text: exampleReport,
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

// Relative, and in the project: it may be moved, whatever Mallard is installed in.
const importLine = 'import "../published/mallard.malloy"';

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

- \`models/\` your fields and segments, in Malloy; they import Mallard's, \`published/mallard.malloy\`. A source tagged
  \`#(extends) contact_facts\` adds fields to contacts: segments, campaigns and \`mallard fields\` have them at once.
- \`reports/\` your reports. \`account.yaml\` what the account has decided.
- A file of models begins with \`${importLine}\`, also where it needs none of it: Malloy's tools refuse a file that does
  not know the givens of \`published/givens.json\`.
- To open the models in VS Code with Malloy's extension: \`mallard publish\`, then open **this folder** (not one above it).
  \`malloy-config.json\` names the snapshot, \`published/givens.json\` says what it is as of.

An upgrade of Mallard touches nothing here; \`mallard init\` makes what is missing and changes nothing that is there.
`;

const exampleModel = `##! experimental.givens
${importLine}

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

// It has no cron: it is sent by hand until you give it one.
const exampleReport = `##! experimental.givens
##(report) name=big_spenders title="Big spenders" description="Who brings most, by country."
// For AS_OF, which every figure needs.
${importLine}
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
