import type { SystemMapping } from '../import/mapping.ts';
import { campaignMembers, events, orderLines, orders, tasks } from './activities.ts';
import {
  deals,
  fieldHistory,
  historyRows,
  stageChangesOfHistory,
  stageChangesOfVersions,
  stages,
  stagesOfDeals,
  versions as dealVersions,
} from './deals.ts';
import {
  companies,
  contacts,
  fieldHistories,
  identities,
  leads,
  mergedIdentities,
  merges,
  optOuts,
  owners,
  versions,
} from './people.ts';

/** Salesforce as Fivetran exports it. */
export const salesforce: SystemMapping = {
  system: 'salesforce',
  title: 'Salesforce',
  prefixes: ['sf_', 'salesforce_'],
  loads: [
    ...[owners, companies, contacts, leads, ...identities, ...mergedIdentities],
    ...[stages, stagesOfDeals, deals, stageChangesOfVersions, stageChangesOfHistory],
    ...[tasks, events, campaignMembers, orders, orderLines, ...optOuts],
    // After the things: where history comes first, a thing's row says what was before it.
    ...[...versions, ...fieldHistories, dealVersions, historyRows, fieldHistory],
  ],
  merges,
  keptRaw: {
    campaign: 'there is no table of other systems’ campaigns; their ids are on the responses',
    email_message: 'its task says the same',
    record_type: 'record types have no place',
  },
};
