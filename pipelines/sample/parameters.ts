/**
 * The truth of the sample history: every rate, share and effect that the models may find again. What is stated here is
 * drawn from here, and `truth.json` repeats it. Times are days unless a name says otherwise; money is US dollars.
 */
export const parameters = {
  years: 3,
  currency: 'USD',

  people: {
    silentShare: 0.08, // a contact row and nothing else
    duplicateShare: 0.023, // the same person under another contact_id; a tenth finds no original
    duplicateByEmailShare: 0.6, // of those: same address in other case; the others share the phone
    businessShare: 0.55, // works for a company: may have deals
    withoutEmailShare: 0.02,
    phoneShare: 0.7,
    growth: 0.8, // the x-th fraction of contacts exists after x^growth of the time: more join each year
    ownerShareOfConsumers: 0.3,
    ownerChangeShare: 0.03,
    countryChangeShare: 0.015,
    jobChangeShare: 0.05,
  },

  /** `multiplier` scales the chance to buy and to become an opportunity; `winLogit` shifts the log-odds to win a deal. */
  leadSources: [
    { leadSource: 'referral', share: 0.12, multiplier: 1.5, winLogit: 0.5 },
    { leadSource: 'webinar', share: 0.1, multiplier: 1.25, winLogit: 0.25 },
    { leadSource: 'website', share: 0.25, multiplier: 1.1, winLogit: 0.1 },
    { leadSource: 'paid_search', share: 0.2, multiplier: 1.0, winLogit: 0 },
    { leadSource: 'trade_show', share: 0.08, multiplier: 0.85, winLogit: -0.1 },
    { leadSource: 'paid_social', share: 0.15, multiplier: 0.6, winLogit: -0.3 },
    { leadSource: 'cold_list', share: 0.1, multiplier: 0.3, winLogit: -0.7 },
  ],

  /**
   * Repeat orders follow BG/NBD (Fader, Hardie, Lee 2005): λ ~ Gamma(r, rate α) a week, drop-out after each repeat with
   * p ~ Beta(a, b). Order values follow Gamma-Gamma: value ~ Gamma(p, rate ν), ν ~ Gamma(q, rate γ).
   */
  purchases: {
    r: 0.8,
    alphaWeeks: 5.5,
    a: 0.9,
    b: 6,
    p: 6,
    q: 4,
    gamma: 25,
    consumerBuyerRate: 0.55, // times the source's multiplier, at most .95
    businessBuyerRate: 0.15,
    firstOrderDelayDays: 25, // mean of an exponential
    guestShare: 0.03,
    refundedShare: 0.03,
    cancelledShare: 0.02,
  },

  /** Relative intensity of orders and sign-ups. Isodow 1 is Monday. Hours are UTC. */
  seasonality: {
    weekday: [0.9, 0.9, 0.95, 1.0, 1.15, 1.2, 0.9],
    month: [0.9, 0.9, 0.95, 0.95, 1.0, 0.95, 0.9, 0.9, 1.0, 1.05, 1.25, 1.7],
  },

  deals: {
    opportunityRate: 0.7, // of business contacts, times the source's multiplier, at most .9
    baseWinLogit: -0.4,
    repWinLogitSpread: 0.9, // reps lie evenly between −spread and +spread
    stalledShare: 0.06, // never closed
    skipNegotiationShare: 0.15,
    reopenedShare: 0.05, // goes back from proposal to discovery once
    withoutDateShare: 0.01,
    withoutCompanyShare: 0.02,
    repLeavesDaysBeforeEnd: 240,
  },

  email: {
    consentShare: 0.7, // of all contacts
    withdrawnShare: 0.03, // of the consents, by preference page
    suppressedShare: 0.03, // of the contacts, in the old system
    weeklyReaderShare: 0.06,
    digestShare: 0.38, // chance that a month's digest goes to a contact
    hardBounceShare: 0.02, // of the addresses
    softBounceRate: 0.008, // of the sends
    openFloor: 0.02,
    engagementMin: 0.05, // engagement is even between the two, by person
    engagementMax: 0.6,
    halfLifeDays: 180,
    activeBuyerBonus: 0.15,
    clickGivenOpen: 0.22,
    reopenRate: 0.15,
    unsubscribeRate: 0.004, // of the delivered
    complaintRate: 0.0004,
    appleShare: 0.25, // Apple Mail Privacy: a proxy opens what is delivered
    scannedCompanyShare: 0.12, // the company's scanner opens and clicks all links
    linksPerMail: 3,
  },

  /** Two arms of one campaign; a conversion is an order that carries the campaign_id. Rates are of the delivered. */
  abTest: {
    campaignId: 'spring_offer',
    daysBeforeEnd: 120,
    windowDays: 7,
    share: 0.85,
    arms: [
      { arm: 'a', messageId: 'spring_offer_a', conversionRate: 0.04 },
      { arm: 'b', messageId: 'spring_offer_b', conversionRate: 0.075 },
    ],
  },
} as const;
