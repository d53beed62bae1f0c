/**
 * How every table relates to a person. Glossary:
 * *names*: the columns whose value says that a row is the person's. A *mention* is an address, a phone number or an
 * unmistakable id inside of any text (a URL, a note, JSON).
 */
export type RightsLane = 'ledger' | 'build' | 'loads';

export type Identifier = 'contact' | 'email' | 'address_key' | 'delivery' | 'deal';

export type Names = Partial<Record<Identifier, readonly string[]>>;

export type Rule =
  /** The rows go. */
  | { erase: 'rows'; lane: RightsLane; names: Names; why: string }
  /**
   * The rows stay without the person, for their counts: every column of text that is not in `keeps` becomes null, or a
   * random token where it is in `tokens` or may not be null. A column that is added later is thereby erased.
   */
  | {
      erase: 'values';
      lane: RightsLane;
      names: Names;
      keeps: readonly string[];
      /** Column -> the column within whose value the tokens are the same; null: everywhere. */
      tokens?: Readonly<Record<string, string | null>>;
      /** SQL that replaces the value of a column instead of null. */
      replaces?: Readonly<Record<string, string>>;
      why: string;
    }
  /** Rows of the account's own that may mention the person: the mention becomes `forgotten`. */
  | { erase: 'mentions'; lane: RightsLane; why: string }
  /** A landed raw table: whatever row mentions the person, or has an id of theirs in a column of ids, goes. */
  | { erase: 'found_rows'; lane: RightsLane; why: string }
  /** Like it, but the row stays with the columns of `keeps`. */
  | { erase: 'found_values'; lane: RightsLane; keeps: readonly string[]; why: string }
  /** Neither searched nor changed. */
  | { erase: 'none'; why: string };

const stamps = ['source'] as const;
const contact = { contact: ['contact_id'] } as const;

/** Of a deal's history: what says nothing about whom it was made with. */
const salesFields = [
  ...['owner_id', 'company_id', 'pipeline', 'stage', 'amount', 'currency', 'product', 'lead_source'],
  ...['created_at', 'closed_at', 'expected_close_date', 'updated_at'],
];

const guest = 'Revenue and quantity stay, as a guest’s.';
const counted = 'What happened stays as a count of its campaign, run, day and kind; whose it was goes.';
const ours = 'The account’s own text; only mentions of the person in it are erased.';
const noPerson = 'Holds figures about money, time or the account’s staff, and nothing about contacts.';
const gone = 'About the person and of no use without.';

/** By `schema.table`. `history.<table>` follows `core.<table>`; raw tables, marts and views: see `ruleFor`. */
export const registry: Readonly<Record<string, Rule>> = {
  'core.contacts': {
    erase: 'rows',
    lane: 'loads',
    names: { contact: ['contact_id'], email: ['email', 'email_key'] },
    why: gone,
  },
  'core.contact_identities': {
    erase: 'rows',
    lane: 'loads',
    names: { contact: ['contact_id'], email: ['value'] },
    why: gone,
  },
  'core.contact_changes': { erase: 'rows', lane: 'loads', names: contact, why: gone },
  'core.contact_merges': {
    erase: 'rows',
    lane: 'loads',
    names: { contact: ['contact_id', 'other_contact_id'] },
    why: 'A decision about who the person is.',
  },
  'core.contact_canonicals': {
    erase: 'rows',
    lane: 'loads',
    names: { contact: ['contact_id', 'canonical_contact_id'] },
    why: 'Who the person is.',
  },
  'core.consent_events': {
    erase: 'rows',
    lane: 'loads',
    names: { contact: ['contact_id'], email: ['email', 'email_key'] },
    why: 'The hash in ops.suppressions says never to write again; what was consented to before is of no use.',
  },
  'core.email_events': {
    erase: 'values',
    lane: 'loads',
    names: { contact: ['contact_id'], email: ['email'], delivery: ['delivery_id'] },
    keeps: [
      ...stamps,
      'event_id',
      'event_type',
      'campaign_id',
      'campaign_run_id',
      'message_id',
      'agent_class',
      'agent_reason',
      'bounce_class',
    ],
    tokens: { delivery_id: null },
    // Our own ids are made of the delivery's, which is made of the contact's.
    replaces: { event_id: `case when source = 'mallard' then {token} else event_id end` },
    why: counted,
  },
  'core.web_events': {
    erase: 'values',
    lane: 'loads',
    names: contact,
    keeps: [...stamps, 'event_id', 'event_type', 'utm_source', 'utm_medium', 'utm_campaign', 'device'],
    tokens: { session_id: null },
    why: counted,
  },
  'core.activities': {
    erase: 'values',
    lane: 'loads',
    names: contact,
    keeps: [...stamps, 'activity_id', 'activity_type', 'company_id', 'deal_id', 'owner_id'],
    why: 'That one of ours called or met somebody stays as work done; with whom, about what and the outcome go.',
  },
  'core.campaign_responses': {
    erase: 'values',
    lane: 'loads',
    names: contact,
    keeps: [...stamps, 'response_id', 'campaign_id', 'response_type'],
    why: counted,
  },
  'core.orders': {
    erase: 'values',
    lane: 'loads',
    names: contact,
    keeps: [...stamps, 'order_id', 'deal_id', 'campaign_id', 'currency', 'status', 'channel'],
    why: guest,
  },
  'core.order_lines': { erase: 'mentions', lane: 'loads', why: 'Products and money; the order names whom.' },
  'core.deals': {
    erase: 'values',
    lane: 'loads',
    names: { contact: ['contact_id'], deal: ['deal_id'] },
    keeps: [
      ...stamps,
      'deal_id',
      'company_id',
      'owner_id',
      'pipeline',
      'stage',
      'currency',
      'product',
      'lead_source',
    ],
    why: 'Amount, stage and company stay, for the sales figures; the contact, the name and the attributes go.',
  },
  'core.deal_changes': {
    erase: 'values',
    lane: 'loads',
    names: { deal: ['deal_id'] },
    keeps: [...stamps, 'deal_id', 'field'],
    replaces: {
      value: `case when field in (${salesFields.map((field) => `'${field}'`).join(', ')}) then value end`,
    },
    why: 'A past day’s amount and stage stay; past contacts, names and attributes go.',
  },
  'core.deal_stage_changes': { erase: 'mentions', lane: 'loads', why: 'A deal and its stages.' },
  'core.companies': {
    erase: 'mentions',
    lane: 'loads',
    why: 'A company is not a person; mentions in it are erased.',
  },
  'core.company_changes': { erase: 'mentions', lane: 'loads', why: 'As core.companies.' },
  'core.owners': { erase: 'none', why: 'The account’s staff: another purpose, and not a contact.' },
  'core.quotas': { erase: 'none', why: noPerson },
  'core.deal_stages': { erase: 'none', why: noPerson },
  'core.exchange_rates': { erase: 'none', why: noPerson },
  'core.spend': { erase: 'none', why: noPerson },
  'core.rfm_groups': { erase: 'none', why: noPerson },
  'core.rfm_thresholds': { erase: 'none', why: noPerson },

  'raw.rejects': {
    erase: 'found_values',
    lane: 'loads',
    keeps: ['batch_id', 'table_name', 'source', 'file', 'column_name', 'reason'],
    why: 'That a line was rejected and why stays; the line and the value go.',
  },
  'raw.loads': { erase: 'mentions', lane: 'loads', why: 'Counts of a load, and its file’s name and hash.' },

  'ops.audience': {
    erase: 'values',
    lane: 'build',
    names: { contact: ['contact_id'], email: ['email'], address_key: ['address_key'] },
    keeps: ['campaign_run_id', 'message_id', 'decision', 'reason', 'refusals', 'arm'],
    tokens: { contact_id: 'campaign_run_id', delivery_id: null, address_key: 'campaign_run_id' },
    why: 'A decision and its reason stay, so that a campaign’s counts add up.',
  },
  'ops.deliveries': {
    erase: 'values',
    lane: 'ledger',
    names: { contact: ['contact_id'], address_key: ['address_key'] },
    keeps: ['campaign_run_id', 'message_id', 'batch_id', 'lease_id', 'outcome', 'provider'],
    tokens: { contact_id: 'campaign_run_id', delivery_id: null, address_key: 'campaign_run_id' },
    // A code counts; a provider's sentence may hold the address.
    replaces: { reason: `case when regexp_full_match(reason, '[a-z_]{1,40}') then reason end` },
    why: 'The outcome stays, so that a campaign’s counts add up.',
  },
  'ops.segment_changes': {
    erase: 'rows',
    lane: 'build',
    names: contact,
    why: 'Who was in a segment when; its counts stay in ops.segment_runs.',
  },
  'ops.segment_memberships_open': { erase: 'rows', lane: 'build', names: contact, why: gone },
  'ops.segment_list_changes': {
    erase: 'rows',
    lane: 'build',
    names: contact,
    why: 'Who was on a list when.',
  },
  'ops.action_runs': {
    erase: 'values',
    lane: 'loads',
    names: { contact: ['contact_id', 'target_id'] },
    keeps: ['run_id', 'segment_id', 'action', 'status', 'reason'],
    tokens: { contact_id: 'run_id' },
    why: 'That an action was done stays as a count.',
  },
  'ops.tasks': {
    erase: 'rows',
    lane: 'loads',
    names: contact,
    why: 'A task about the person cannot be done any more.',
  },
  'ops.workflow_executions': {
    erase: 'values',
    lane: 'ledger',
    names: contact,
    keeps: ['workflow_id', 'step', 'status'],
    tokens: { contact_id: 'workflow_id', execution_id: null },
    why: 'A step done stays as a count.',
  },
  'ops.suppressions': {
    erase: 'values',
    lane: 'ledger',
    names: { address_key: ['address_key'] },
    keeps: ['address_key', 'channel', 'scope', 'reason', 'source'],
    why: 'The address’s hash stays, so that it is never written to again; what a provider said goes.',
  },
  'ops.audit_log': {
    erase: 'found_values',
    lane: 'ledger',
    keeps: ['actor', 'action'],
    why: 'Who of the account did what, when, stays; to whom goes.',
  },
  'ops.consent_requests': {
    erase: 'rows',
    lane: 'ledger',
    names: { email: ['email'], address_key: ['address_key'] },
    why: 'An open question to somebody who is not to be asked any more.',
  },
  'ops.suppression_lifts': {
    erase: 'rows',
    lane: 'ledger',
    names: { address_key: ['address_key'] },
    why: 'That an unsubscribe was taken back matters no more: the address is suppressed as forgotten.',
  },
  'ops.report_runs': {
    erase: 'mentions',
    lane: 'ledger',
    why: 'Recipients are the account’s staff; mentions are erased.',
  },
  'ops.job_runs': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.sync_logs': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.campaigns': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.campaign_runs': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.segments': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.segment_versions': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.segment_triggers': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.lead_score_versions': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.segment_runs': { erase: 'mentions', lane: 'build', why: 'Counts of an evaluation, or its error.' },
  'ops.templates': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.workflows': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.reports': { erase: 'mentions', lane: 'ledger', why: ours },
  'ops.erasures': {
    erase: 'mentions',
    lane: 'ledger',
    why: 'Hashes, counts, and the reason that was given.',
  },
  'ops.test_runs': {
    erase: 'mentions',
    lane: 'ledger',
    why: 'Counts of a test, never its rows; an error may quote a value.',
  },
  'ops.mart_builds': { erase: 'none', why: noPerson },
  'ops.mart_snapshots': { erase: 'none', why: noPerson },
  'ops.segment_touched_runs': { erase: 'none', why: noPerson },
  'ops.model_versions': { erase: 'mentions', lane: 'build', why: ours },
  'ops.delivery_batches': { erase: 'none', why: 'Positions of an audience, and who sends.' },
  'ops.integrations': { erase: 'none', why: 'Settings of the account, and who of its staff set them.' },
  'ops.sync_cursors': { erase: 'none', why: 'How far a source has been read.' },
  'ops.api_tokens': { erase: 'none', why: 'Who of the account may call.' },
  'ops.kysely_migration': { erase: 'none', why: 'Which migrations have run.' },
  'ops.kysely_migration_lock': { erase: 'none', why: 'Whether a migration runs.' },

  'mart.deal_facts': {
    erase: 'values',
    lane: 'build',
    names: { contact: ['contact_id'], deal: ['deal_id'] },
    keeps: [
      'deal_id',
      'company_id',
      'owner_id',
      'pipeline',
      'stage',
      'stage_label',
      'currency',
      'product',
      'lead_source',
      'owner_name',
      'team',
      'company_name',
      'industry',
      'forecast_category',
      'source',
    ],
    why: 'As core.deals; built anew by the next build.',
  },
};

/** The rule of a table, or undefined where nobody has said what it holds: then nobody can be forgotten. */
export function ruleFor(
  schema: string,
  table: string,
  columns: readonly { name: string; type: string }[],
): Rule | undefined {
  const own = registry[`${schema}.${table}`];
  if (own) return own;
  if (schema === 'history') return registry[`core.${table}`];
  if (schema === 'raw')
    return { erase: 'found_rows', lane: 'loads', why: 'A landed copy of somebody else’s file.' };
  if (schema !== 'mart') return undefined;
  // mart.contact_facts has a struct of figures that is called email.
  const has = (name: string) => columns.some((column) => column.name === name && column.type === 'VARCHAR');
  const names: Names = {
    ...(has('contact_id') ? { contact: ['contact_id'] } : {}),
    ...(has('email') ? { email: ['email'] } : {}),
  };
  return Object.keys(names).length > 0
    ? {
        erase: 'rows',
        lane: 'build',
        names,
        why: 'Computed from the person’s data; built anew by the next build.',
      }
    : { erase: 'mentions', lane: 'build', why: 'Figures; built anew by the next build.' };
}
