import { lifecycleStages, trackedFields, type TrackedThing } from '../../data/tracked-fields.ts';

/** How a thing's source reads its tables. */
interface Thing {
  name: TrackedThing;
  plural: string;
  key: string;
  /** Whether the table has rows known by their id only. */
  hasStubs: boolean;
}

const things: readonly Thing[] = [
  { name: 'contact', plural: 'contacts', key: 'contact_id', hasStubs: true },
  { name: 'company', plural: 'companies', key: 'company_id', hasStubs: true },
  { name: 'deal', plural: 'deals', key: 'deal_id', hasStubs: false },
];

const warning =
  '// Generated from models/engine/as-of.ts by `npx tsx models/engine/generate.ts`: change the list in data/tracked-fields.ts.';

/** The generated files: path relative to models/ -> text. A test keeps the committed ones equal. */
export function asOfFiles(): Map<string, string> {
  return new Map(things.map((thing) => [`base/${thing.plural}_as_of.malloy`, asOfFile(thing)]));
}

function asOfFile(thing: Thing): string {
  const { name, plural } = thing;
  // What merged contacts know is asked of them alone: of a million contacts they are few.
  const merged = name === 'contact' ? asOfSources(thing, `merged_${name}`, `merged_${plural}`) : '';
  return `##! experimental { givens access_modifiers }
${warning}
import '../clock.malloy'
import '${name}_changes.malloy'
${merged && `import 'contact_canonicals.malloy'\n`}${asOfSources(thing, name, plural)}${merged}`;
}

/** @param one, many what the sources are called after; `merged_…` are of merged contacts only */
function asOfSources(thing: Thing, one: string, many: string): string {
  const { name, plural, key } = thing;
  const isMerged = one !== name;
  const fields = Object.entries<string>(trackedFields[name]);
  // Of a stub, which is there from the first event that names it.
  if (name === 'contact') fields.push(['first_seen_at', 'timestamp']);
  const states = fields.flatMap(([field]) => [
    `    ${field} is value_as_of.max() { where: field = '${field}' }`,
    `    ${field}_is_tracked is count() { where: field = '${field}' } > 0`,
  ]);
  if (name === 'deal') states.push(`    stage_since is known_from.max() { where: field = 'stage' }`);
  const values = fields.map(([field, type]) => valueAsOf(thing, field, type)).join('\n');
  const canonical = `
  join_one: canonical is contact_canonicals on ${key} = canonical.${key}`;
  const mergedOnly = `${canonical}
  where: canonical.${key} is not null`;
  return `
// Grain: one row per ${one.replace('_', ' ')} and field that ever changed: the latest assertion before AS_OF that was known by KNOWN_AT.
source: ${one}_values_as_of is ${name}_assertions ${isMerged ? `extend {${mergedOnly}\n} ` : ''}-> {
  select:
    ${key}
    field
    value_as_of is pick value when valid_from < $AS_OF and is_known else null
    known_from is pick valid_from when valid_from < $AS_OF and is_known else null
  calculate: assertion_rank is row_number() {
    partition_by: ${key}, field
    order_by: known_from desc
  }
} extend {
  where: assertion_rank = 1
}

// Grain: one row per ${one.replace('_', ' ')} with any change. \`…_is_tracked\`: the history decides, not the ${name}'s row.
source: ${one}_states is ${one}_values_as_of -> {
  group_by: ${key}
  aggregate:
${states.join('\n')}
} extend {
  primary_key: ${key}
}

// Grain: one row per ${one.replace('_', ' ')} that was known by KNOWN_AT and was there at AS_OF. Each field is what the history tells of
// that time, or the row's own value where that field never changed.
source: ${many}_as_of is duckdb.table('versions.${plural}') extend {
  where: recorded_at < $KNOWN_AT, (superseded_at is null or superseded_at >= $KNOWN_AT)
${isMerged ? mergedOnly : ''}
  join_one: states is ${one}_states on ${key} = states.${key}

  // False for a row that was known by its id only.
  dimension: is_described is ${described(thing)}
} -> {
  select:
    ${key}
    is_described
${isMerged ? `    canonical_contact_id is canonical.canonical_contact_id\n` : ''}${values}${name === 'deal' ? stageIsFirst : ''}
} extend {
  primary_key: ${key}
  where: (created_at is null or created_at < $AS_OF)${name === 'contact' ? ', (is_described or first_seen_at is null or first_seen_at < $AS_OF)' : ''}
${name === 'contact' ? stageRank : ''}}
`;
}

function described({ name, hasStubs }: Thing): string {
  if (!hasStubs) return 'true';
  // A company known by its id only has it for a name (pipelines/load/references.ts).
  const otherwise = name === 'contact' ? 'not is_stub' : 'name != company_id';
  return `pick described_at < $KNOWN_AT when described_at is not null else ${otherwise}`;
}

function valueAsOf({ name, key }: Thing, field: string, type: string): string {
  // JSON stays text here: Malloy does not let two of its native types meet in one pick.
  const isText = type === 'varchar' || type === 'json';
  const told = isText ? `states.${field}` : `states.${field}::'${type.toUpperCase()}'`;
  // A stub's own row is what was known of it from the start.
  if (field === 'first_seen_at')
    return `    first_seen_at is pick ${told} when states.first_seen_at_is_tracked else first_seen_at`;
  const own = type === 'json' ? `${field}::string` : field;
  // A company that is known by its id only is called by it.
  const otherwise = name === 'company' && field === 'name' ? key : 'null';
  const value = `    ${field} is
      pick ${told} when states.${field}_is_tracked
      pick ${own} when is_described
      else ${otherwise}`;
  // The key of the row's own address stands beside it: addresses are keyed in more ways than lower case.
  return name === 'contact' && field === 'email' ? `${value}${emailKey}` : value;
}

// Whatever comes later: the stage had not changed yet, as far as is known.
const stageIsFirst = `
    stage_is_first is (states.stage_since < @0001-01-02) ?? true`;

const stageRank = `
  // In the order in which a person becomes a customer.
  dimension: stage_rank is
${lifecycleStages.map((stage, i) => `    pick ${i + 1} when lifecycle_stage = '${stage}'`).join('\n')}
    else null
`;

const emailKey = `
    email_key is
      pick email_key when is_described and (not states.email_is_tracked or states.email = email)
      else lower(trim(states.email))`;
