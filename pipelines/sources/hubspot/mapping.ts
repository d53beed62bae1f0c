import type { SystemMapping } from '../import/mapping.ts';
import { activities, formSubmissions } from './activities.ts';
import { dealHistory, deals, dealStages, stageChanges, stageChangesOfHistory } from './deals.ts';
import { actedEvents, emailEvents, portalConsent, topicConsent } from './email.ts';
import { stageDates } from './stage-dates.ts';
import {
  companies,
  companyHistory,
  contactHistory,
  contacts,
  identities,
  mergedIdentities,
  merges,
  optOuts,
  owners,
} from './people.ts';

/** HubSpot as Fivetran exports it. */
export const hubspot: SystemMapping = {
  system: 'hubspot',
  title: 'HubSpot',
  prefixes: ['hubspot_'],
  loads: [
    ...[owners, companies, contacts, identities, mergedIdentities],
    ...[dealStages, deals, stageChanges, stageChangesOfHistory],
    ...[...activities, formSubmissions, emailEvents, portalConsent, topicConsent, optOuts],
    // After the things: where history comes first, a thing's row says what was before it.
    ...[companyHistory, contactHistory, ...stageDates, dealHistory],
  ],
  merges,
  actedEvents,
  keptRaw: {
    contact_list: 'lists are HubSpot’s segments; ours are computed',
    contact_list_member: 'lists are HubSpot’s segments; ours are computed',
    deal_pipeline: 'a pipeline is known by its id here; its label has no place',
    email_campaign: 'there is no table of other systems’ campaigns; their ids are on the events',
    email_event_forward: 'forwarding is no event of ours',
    email_event_print: 'printing is no event of ours',
    email_event_sent: 'its subject has no place on the event',
    engagement_communication: 'messages by WhatsApp, SMS and LinkedIn are no activity of ours',
    form: 'forms themselves have no table',
    merged_deal: 'deals are not merged here; HubSpot deletes the one that goes',
    property: 'what HubSpot’s properties are called',
    property_option: 'what HubSpot’s properties are called',
    role: 'HubSpot’s own users and rights',
    team_user: 'HubSpot’s own users and rights',
    users: 'HubSpot’s own users and rights',
    ...Object.fromEntries(
      [
        '',
        '_company',
        '_contact',
        '_deal',
        '_engagement',
        '_pipeline',
        '_pipeline_stage',
        '_property_history',
      ].map((end) => [`ticket${end}`, 'there are no tickets here']),
    ),
  },
};
