import { campaignFacts } from './campaign-facts.ts';
import { companyFacts } from './company-facts.ts';
import { contactFacts } from './contact-facts.ts';
import { customerSpans } from './customer-spans.ts';
import { dealFacts } from './deal-facts.ts';
import { emailPerformance } from './email-performance.ts';
import { leadScores } from './lead-scores.ts';
import { ownerFacts } from './owner-facts.ts';
import { rfm } from './rfm.ts';

/**
 * What a careful analyst would write for each mart, in the order in which they are filled: each event table scanned once,
 * aggregated, joined one to one. The same columns and values as the models' in the world of `world.ts`, where nobody was merged
 * and nothing was corrected: versions and merges are what the models do besides.
 */
export const byHand = {
  deal_facts: dealFacts,
  contact_facts: contactFacts,
  rfm,
  lead_scores: leadScores,
  email_performance: emailPerformance,
  customer_spans: customerSpans,
  company_facts: companyFacts,
  owner_facts: ownerFacts,
  campaign_facts: campaignFacts,
} as const;
