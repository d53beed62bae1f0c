/**
 * Rows that figures are got wrong by, for a warehouse in USD as of an instant of 2026-11-25 from 16:18 on. Every id of
 * theirs starts with x_. A second, larger rate of 2026-06-01 changes what that day's orders in GBP were worth.
 */
const known = `'extra', timestamp '2026-11-25 16:00:00'`;

/** One statement; every row ends with the source and the time of recording unless told otherwise. */
function insert(table: string, columns: string, rows: readonly string[]): string {
  const values = rows.map((row) => `  (${row}, ${known})`).join(',\n');
  return `insert into core.${table} (${columns}, source, recorded_at) values\n${values}`;
}

export const extraRows: string[] = [
  // ------------------------------------------------------------------------------------- with nothing, or nearly so
  insert('companies', 'company_id, name, industry, described_at', [
    `'x_company_idle', 'Nothing Ltd', null, timestamp '2026-11-25 16:00:00'`,
    `'x_company', 'Something Ltd', 'Salt', timestamp '2026-11-25 16:00:00'`,
  ]),
  insert('owners', 'owner_id, name, team', [
    `'x_owner_idle', 'Does Nothing', null`,
    `'x_owner', 'Works Abroad', 'abroad'`,
  ]),

  // ------------------------------------------------------------------------------------------------------- contacts
  insert(
    'contacts',
    `contact_id, email, email_key, owner_id, lifecycle_stage, lead_source, country, language,
     created_at, updated_at, is_stub, described_at, first_seen_at`,
    [
      // no event, and no field that figures are cut by
      `'x_silent', 'silent@x.test', 'silent@x.test', null, null, null, null, null,
       '2026-03-01 08:00', '2026-03-01 08:00', false, '2026-11-25 16:00', null`,
      // stubs: one that an e-mail names, one that has bought
      `'x_stub', null, null, null, null, null, null, null, null, null, true, null, '2026-05-01 10:00'`,
      `'x_stub_bought', null, null, null, null, null, null, null, null, null, true, null, '2026-05-02 10:00'`,
      // a stage reached before the contact was created
      `'x_early', 'early@x.test', 'early@x.test', 'x_owner', 'mql', 'podcast', 'SE', 'sv',
       '2026-02-01 00:00', '2026-02-01 00:00', false, '2026-11-25 16:00', null`,
      // converted at the very end of the ninety days, which is too late
      `'x_late', 'late@x.test', 'late@x.test', 'x_owner', 'customer', 'webinar', 'SE', 'sv',
       '2026-02-10 12:00', '2026-05-11 12:00', false, '2026-11-25 16:00', null`,
      // x_keep stands for the others: what it lacks comes from the one updated last, at equal times the first by id
      `'x_keep', 'keep@x.test', 'keep@x.test', null, 'customer', null, null, null,
       '2026-05-10 09:00', '2026-09-01 09:00', false, '2026-11-25 16:00', null`,
      `'x_gone1', 'gone1@x.test', 'gone1@x.test', 'x_owner', 'mql', 'paid_search', 'NL', null,
       '2026-04-01 09:00', '2026-06-01 09:00', false, '2026-11-25 16:00', null`,
      `'x_gone2', 'gone2@x.test', 'gone2@x.test', null, 'lead', 'paid_social', 'DE', 'de',
       '2026-04-20 09:00', '2026-07-01 09:00', false, '2026-11-25 16:00', null`,
      `'x_gone3', null, null, 'o05', 'lead', 'webinar', null, 'fr',
       '2026-04-25 09:00', '2026-07-01 09:00', false, '2026-11-25 16:00', null`,
      // was merged into x_keep, and is no more
      `'x_again', 'again@x.test', 'again@x.test', 'x_owner', 'lead', 'referral', 'FR', 'fr',
       '2026-06-01 09:00', '2026-06-01 09:00', false, '2026-11-25 16:00', null`,
      // not there yet
      `'x_future', 'future@x.test', 'future@x.test', 'x_owner', 'lead', 'referral', 'FR', 'fr',
       '2026-11-26 09:00', '2026-11-26 09:00', false, '2026-11-25 16:00', null`,
    ],
  ),
  `insert into core.contact_canonicals (contact_id, canonical_contact_id, recorded_at, superseded_at) values
  ('x_gone1', 'x_keep', '2026-10-01 00:00', null),
  ('x_gone2', 'x_keep', '2026-10-02 00:00', null),
  ('x_gone3', 'x_keep', '2026-10-02 00:00', null),
  ('x_again', 'x_keep', '2026-10-01 00:00', '2026-10-05 00:00')`,
  insert('contact_changes', 'contact_id, field, value, valid_from', [
    `'x_keep', 'lifecycle_stage', 'customer', '0001-01-01'`,
    `'x_keep', 'lifecycle_stage', 'lead', '2026-05-10 09:00'`,
    `'x_keep', 'lifecycle_stage', 'customer', '2026-07-15 09:00'`,
    `'x_gone1', 'lifecycle_stage', 'mql', '0001-01-01'`,
    `'x_gone1', 'lifecycle_stage', 'lead', '2026-04-01 09:00'`,
    `'x_gone1', 'lifecycle_stage', 'mql', '2026-04-05 09:00'`,
    `'x_early', 'lifecycle_stage', 'mql', '0001-01-01'`,
    `'x_early', 'lifecycle_stage', 'mql', '2026-01-15 09:00'`,
    `'x_late', 'lifecycle_stage', 'customer', '0001-01-01'`,
    `'x_late', 'lifecycle_stage', 'lead', '2026-02-10 12:00'`,
    `'x_late', 'lifecycle_stage', 'customer', '2026-05-11 12:00'`,
  ]),
  insert('consent_events', 'consent_event_id, contact_id, email, email_key, topic, status, occurred_at', [
    // by the address alone
    `'x_ce1', null, 'keep@x.test', 'keep@x.test', null, 'granted', '2026-06-01 09:00'`,
    // granted and withdrawn in the same second
    `'x_ce2', 'x_silent', 'silent@x.test', 'silent@x.test', null, 'withdrawn', '2026-06-01 09:00'`,
    `'x_ce3', 'x_silent', 'silent@x.test', 'silent@x.test', null, 'granted', '2026-06-01 09:00'`,
    // for one topic only
    `'x_ce4', 'x_early', 'early@x.test', 'early@x.test', 'news', 'granted', '2026-06-01 09:00'`,
    // granted, and suppressed below
    `'x_ce5', 'x_late', 'late@x.test', 'late@x.test', null, 'granted', '2026-06-01 09:00'`,
    // withdrawn, and granted again
    `'x_ce6', 'x_again', 'again@x.test', 'again@x.test', null, 'withdrawn', '2026-06-01 09:00'`,
    `'x_ce7', 'x_again', 'again@x.test', 'again@x.test', null, 'granted', '2026-06-02 09:00'`,
    // without an address
    `'x_ce8', 'x_stub', null, null, null, 'granted', '2026-06-01 09:00'`,
  ]),
  `insert into ops.suppressions (address_key, channel, scope, reason, suppressed_at, source, recorded_at) values
  (sha256('late@x.test'), 'email', 'global', 'complained', '2026-07-01 09:00', 'extra', '2026-11-25 16:00'),
  (sha256('late@x.test'), 'email', 'global', 'manual', '2026-07-02 09:00', 'extra', '2026-11-25 16:00'),
  (sha256('again@x.test'), 'email', 'news', 'unsubscribed', '2026-07-01 09:00', 'extra', '2026-11-25 16:00')`,

  // ------------------------------------------------------------------------------------------------- rates, orders
  // a second rate of one day: the larger counts
  insert('exchange_rates', 'currency, base_currency, rate_date, rate', [
    `'GBP', 'USD', '2026-06-01', 1.5`,
    `'GBP', 'USD', '2026-06-01', 0.5`,
  ]),
  insert('orders', 'order_id, contact_id, campaign_id, ordered_at, amount, currency, status, channel', [
    `'x_or1', 'x_keep', null, '2026-06-01 10:00', 10.01, 'GBP', 'completed', 'web'`,
    `'x_or2', 'x_gone1', null, '2026-06-01 23:59:59.999', 20.02, null, 'completed', 'web'`,
    `'x_or3', 'x_gone2', null, '2026-05-20 10:00', 30.03, 'USD', 'completed', 'store'`,
    `'x_or4', 'x_gone1', null, '2026-05-01 10:00', 40.04, 'USD', 'cancelled', 'store'`,
    // no rate at all, and none for the day
    `'x_or5', 'x_early', null, '2026-06-05 10:00', 500, 'SEK', 'completed', 'web'`,
    `'x_or6', 'x_early', null, '2026-11-25 12:00', 60.06, 'EUR', 'completed', 'web'`,
    // guests
    `'x_or7', null, null, '2026-06-06 10:00', 70.07, 'USD', 'completed', null`,
    `'x_or8', null, 'x_campaign', '2026-06-06 10:00', 80.08, 'SEK', 'completed', 'email'`,
    `'x_or9', null, null, '2026-06-06 10:00', 90.09, 'USD', 'refunded', 'web'`,
    `'x_or10', 'x_stub_bought', null, '2026-05-02 10:00', 11.11, 'USD', 'completed', 'web'`,
    // at the borders of the period, of AS_OF, of money
    `'x_or11', 'x_late', null, '2025-11-25 00:00', 0, 'USD', 'completed', 'web'`,
    `'x_or12', 'x_late', null, '2025-11-24 23:59:59.999', 12.34, 'USD', 'completed', 'web'`,
    `'x_or13', 'x_late', null, '2026-11-26 09:00', 99.99, 'USD', 'completed', 'web'`,
    `'x_or14', 'x_late', null, '2026-02-24 10:00', -5.55, 'USD', 'completed', 'web'`,
  ]),

  // ---------------------------------------------------------------------------------------------------------- deals
  insert(
    'deals',
    `deal_id, contact_id, company_id, owner_id, pipeline, stage, amount, currency, product, lead_source,
     created_at, closed_at, expected_close_date`,
    [
      // without a time of creation; without one of closing; without an amount; without owner, company or contact
      `'x_d1', 'x_keep', 'x_company', 'x_owner', 'default', 'won', 1000.10, 'USD', null, null,
       null, '2026-05-15 10:00', null`,
      `'x_d2', 'x_silent', 'x_company', 'x_owner', 'default', 'won', 2000.20, 'USD', null, null,
       '2026-05-01 10:00', null, null`,
      `'x_d3', 'x_gone1', 'x_company', 'x_owner', 'default', 'won', null, null, 'Team', 'webinar',
       '2026-04-02 10:00', '2026-04-10 22:00', null`,
      `'x_d4', null, null, null, 'default', 'lost', 4000.40, 'USD', null, null,
       '2026-05-01 10:00', '2026-05-20 10:00', null`,
      // stages that the table does not know
      `'x_d5', 'x_early', 'x_company', 'x_owner', 'default', 'Closed - Won!', 5000.50, null, 'Team', null,
       '2026-05-01 10:00', '2026-06-30 22:00', null`,
      `'x_d6', null, 'x_company', 'x_owner', 'default', 'legal', 6000.60, 'USD', 'Team', null,
       '2026-10-01 10:00', null, '2026-12-31'`,
      `'x_d7', null, 'x_company', 'o05', 'partners', 'Closed Lost', 7000.70, 'USD', 'Team', null,
       '2026-05-01 10:00', '2026-06-30 23:59:59', null`,
      `'x_d8', null, 'x_company', 'o05', 'partners', null, 8000.80, 'USD', 'Team', null,
       '2026-10-01 10:00', null, '2026-10-01'`,
      // currencies: no rate, a rate of the day of closing, open without a rate of today
      `'x_d9', null, 'x_company', 'x_owner', 'default', 'won', 9000.90, 'SEK', 'Team', null,
       '2026-05-01 10:00', '2026-06-01 10:00', null`,
      `'x_d10', null, 'x_company', 'x_owner', 'default', 'lost', 100.01, 'GBP', 'Team', null,
       '2026-05-01 10:00', '2026-06-01 10:00', null`,
      `'x_d11', null, 'x_company', 'x_owner', 'default', 'proposal', 110.11, 'SEK', 'Team', null,
       '2026-09-01 10:00', null, '2026-11-30'`,
      // won tomorrow, hence open; created tomorrow, hence not there; closed before it was created
      `'x_d12', null, 'x_company', 'x_owner', 'default', 'won', 1200.12, 'USD', 'Team', null,
       '2026-09-01 10:00', '2026-11-26 10:00', '2026-11-26'`,
      `'x_d13', null, 'x_company', 'x_owner', 'default', 'proposal', 1300.13, 'USD', 'Team', null,
       '2026-11-26 10:00', null, '2026-12-01'`,
      `'x_d14', null, 'x_company', 'o05', 'default', 'won', 1400.14, 'USD', 'Team', null,
       '2026-06-10 10:00', '2026-06-09 10:00', null`,
      // of a company and a product that nobody knows
      `'x_d15', null, 'x_nowhere', 'o05', 'default', 'negotiation', 0, 'USD', 'Nothing', 'nowhere',
       '2026-06-10 10:00', null, null`,
    ],
  ),
  insert('deal_stage_changes', 'deal_id, from_stage, to_stage, occurred_at', [
    // two stages passed over, one entered twice, an unknown one between
    `'x_d11', null, 'negotiation', '2026-09-01 10:00'`,
    `'x_d11', 'negotiation', 'legal', '2026-09-03 10:00'`,
    `'x_d11', 'legal', 'negotiation', '2026-09-05 22:00'`,
    `'x_d11', 'negotiation', 'proposal', '2026-09-06 10:00'`,
    // straight to won: all four passed over
    `'x_d1', null, 'won', '2026-05-15 10:00'`,
    // straight to lost: nothing passed over
    `'x_d10', null, 'qualification', '2026-05-01 10:00'`,
    `'x_d10', 'qualification', 'lost', '2026-06-01 10:00'`,
    // unknown stages of closed meaning, of a pipeline that is not in the table
    `'x_d7', null, 'Erstkontakt', '2026-05-01 10:00'`,
    `'x_d7', 'Erstkontakt', 'Closed Lost', '2026-06-30 23:59:59'`,
    // lost, opened again, and won after AS_OF
    `'x_d12', null, 'qualification', '2026-09-01 10:00'`,
    `'x_d12', 'qualification', 'lost', '2026-09-10 10:00'`,
    `'x_d12', 'lost', 'discovery', '2026-09-20 10:00'`,
    `'x_d12', 'discovery', 'won', '2026-11-26 10:00'`,
  ]),
  // two changes of one moment: the one recorded first came first
  `insert into core.deal_stage_changes (deal_id, from_stage, to_stage, occurred_at, source, recorded_at) values
  ('x_d15', 'qualification', 'discovery', '2026-06-10 10:00', 'extra', '2026-06-12 00:00'),
  ('x_d15', null, 'qualification', '2026-06-10 10:00', 'extra', '2026-06-11 00:00'),
  ('x_d15', 'discovery', 'negotiation', '2026-06-20 10:00', 'extra', '2026-06-21 00:00')`,

  // ------------------------------------------------------------------------------------- quotas, activities, spend
  insert('quotas', 'owner_id, period_start_date, period_end_date, amount, currency', [
    // by the rate of its first day; of a month and a quarter that holds it; on the day of AS_OF alone
    `'x_owner', '2026-06-01', '2026-06-30', 1000, 'GBP'`,
    `'x_owner', '2026-04-01', '2026-06-30', 2000, null`,
    `'x_owner', '2026-11-25', '2026-11-25', 300, 'EUR'`,
    `'x_owner', '2026-10-01', '2026-12-31', 5000, 'USD'`,
    // no rate
    `'x_owner_idle', '2026-10-01', '2026-12-31', 4000, 'SEK'`,
    // hangs over the end of the year
    `'x_owner', '2026-12-01', '2027-01-01', 6000, 'USD'`,
  ]),
  insert('activities', 'activity_id, activity_type, contact_id, owner_id, is_completed, occurred_at', [
    `'x_a1', 'call', 'x_keep', null, true, '2026-06-01 10:00'`,
    `'x_a2', 'meeting', null, null, true, '2026-06-01 10:00'`,
    `'x_a3', 'call', null, 'x_owner_idle', false, '2026-06-01 10:00'`,
    `'x_a4', 'note', 'x_gone1', 'x_owner', true, '2026-06-01 10:00'`,
    `'x_a5', 'call', null, 'x_owner_idle', true, '2026-11-26 10:00'`,
    `'x_a6', 'webinar', null, 'o05', true, '2026-06-01 10:00'`,
  ]),
  insert('spend', 'spend_date, channel, campaign_id, amount, currency, impressions, clicks', [
    // nobody came of it; no rate; a second row of the day; of AS_OF's day, hence not there yet
    `'2026-06-01', 'billboard', null, 1000.01, 'USD', null, null`,
    `'2026-06-01', 'podcast', null, 200.02, 'SEK', 10, 5`,
    `'2026-06-01', 'webinar', 'x_campaign', 30.03, 'GBP', 10, 3`,
    `'2026-11-25', 'referral', null, 40.04, 'USD', 10, 4`,
  ]),

  // --------------------------------------------------------------------------------------------------------- e-mail
  insert(
    'email_events',
    `event_id, event_type, contact_id, email, campaign_id, campaign_run_id, message_id, delivery_id, url,
     agent_class, bounce_class, occurred_at`,
    [
      // an open without a sent
      `'x_e1', 'opened', 'x_stub', null, 'x_campaign', 'x_run', 'x_m1', null, null, 'human', null, '2026-06-01 10:00'`,
      // bounced softly, then hard
      `'x_e2', 'sent', 'x_silent', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:00'`,
      `'x_e3', 'bounced', 'x_silent', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, 'soft', '2026-06-01 10:01'`,
      `'x_e4', 'bounced', 'x_silent', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, 'hard', '2026-06-01 11:00'`,
      // bounced of no class
      `'x_e5', 'sent', 'x_early', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:00'`,
      `'x_e6', 'bounced', 'x_early', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:01'`,
      // bounced softly, then delivered; opened by nobody known, by a machine, by the person; left by a click and twice
      `'x_e7', 'sent', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:00'`,
      `'x_e8', 'bounced', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, 'soft', '2026-06-01 10:01'`,
      `'x_e9', 'delivered', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:05'`,
      `'x_e10', 'opened', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:06'`,
      `'x_e11', 'opened', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, 'machine', null, '2026-06-01 10:06'`,
      `'x_e12', 'clicked', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, 'https://x.test/Unsubscribe?a=1', 'human', null, '2026-06-01 10:07'`,
      `'x_e13', 'unsubscribed', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, 'human', null, '2026-06-01 10:08'`,
      `'x_e14', 'unsubscribed', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, 'human', null, '2026-06-01 10:09'`,
      `'x_e15', 'complained', 'x_late', null, 'x_campaign', 'x_run', 'x_m1', null, null, null, null, '2026-06-01 10:10'`,
      // two hours and four days before AS_OF, never heard of again: only the second is taken for delivered
      `'x_e16', 'sent', 'x_silent', null, 'x_campaign', 'x_run', 'x_m2', null, null, null, null, '2026-11-25 14:18'`,
      `'x_e17', 'sent', 'x_early', null, 'x_campaign', 'x_run', 'x_m2', null, null, null, null, '2026-11-21 14:18'`,
      // dropped: never sent; and today after all
      `'x_e18', 'dropped', 'x_again', null, 'x_campaign', 'x_run', 'x_m2', null, null, null, null, '2026-11-21 14:18'`,
      `'x_e19', 'sent', 'x_late', null, 'x_campaign', 'x_run', 'x_m2', null, null, null, null, '2026-11-25 14:00'`,
      `'x_e20', 'dropped', 'x_late', null, 'x_campaign', 'x_run', 'x_m2', null, null, null, null, '2026-11-25 14:01'`,
      // no run, no contact, opened before it was delivered; clicked without an open, where to nobody knows; answered
      `'x_e21', 'sent', null, 'guest@x.test', 'x_campaign', null, 'x_m3', null, null, null, null, '2026-06-02 10:00'`,
      `'x_e22', 'delivered', null, 'guest@x.test', 'x_campaign', null, 'x_m3', null, null, null, null, '2026-06-02 10:09'`,
      `'x_e23', 'clicked', null, 'guest@x.test', 'x_campaign', null, 'x_m3', null, null, 'human', null, '2026-06-02 10:10'`,
      `'x_e24', 'replied', null, 'guest@x.test', 'x_campaign', null, 'x_m3', null, null, 'human', null, '2026-06-02 11:10'`,
      // by a delivery id, though the events name the person by different ids; the second sending counts
      `'x_e25', 'sent', 'x_gone1', null, 'x_campaign', 'x_run', 'x_m3', 'x_delivery', null, null, null, '2025-11-24 23:00'`,
      `'x_e26', 'sent', 'x_gone1', null, 'x_campaign', 'x_run', 'x_m3', 'x_delivery', null, null, null, '2025-11-25 01:00'`,
      `'x_e27', 'delivered', 'x_gone1', null, 'x_campaign', 'x_run', 'x_m3', 'x_delivery', null, null, null, '2025-11-25 01:01'`,
      `'x_e28', 'opened', 'x_keep', null, 'x_campaign', 'x_run', 'x_m3', 'x_delivery', null, 'proxy', null, '2025-11-25 02:01'`,
      // bounced, and yet opened and clicked by somebody: of no delivered message
      `'x_e29', 'sent', 'x_again', null, 'x_campaign', 'x_run', 'x_m3', null, null, null, null, '2026-06-03 10:00'`,
      `'x_e30', 'bounced', 'x_again', null, 'x_campaign', 'x_run', 'x_m3', null, null, null, 'hard', '2026-06-03 10:01'`,
      `'x_e31', 'opened', 'x_again', null, 'x_campaign', 'x_run', 'x_m3', null, null, 'human', null, '2026-06-03 10:02'`,
      `'x_e32', 'clicked', 'x_again', null, 'x_campaign', 'x_run', 'x_m3', null, 'https://x.test/', 'human', null, '2026-06-03 10:03'`,
    ],
  ),
];
