const footer = `<mj-text font-size="12px" color="#667">{{ account.name }} · {{ account.postal_address }}<br/>
    <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>`;

function mail(text: string, button: string): string {
  return `<mjml><mj-body><mj-section><mj-column>
  <mj-text font-size="20px">Hello {{ first_name | default: "there" }},</mj-text>
  <mj-text>${text}</mj-text>
  <mj-button href="{{ account.public_url }}/">${button}</mj-button>
  ${footer}
</mj-column></mj-section></mj-body></mjml>`;
}

const offer = {
  subject: 'We have missed you, {{ first_name | default: "there" }}',
  preview_text: 'Ten percent off until Sunday.',
  format: 'mjml',
  body: mail(
    'it has been more than a year since your last order. Here is ten percent off the next, until Sunday.',
    'See what is new',
  ),
};

const news = {
  subject: 'What is new since your last order',
  preview_text: 'Three things, one minute.',
  format: 'mjml',
  body: mail(
    'much has changed since your last order, more than a year ago. Three things, in one minute.',
    'Read them',
  ),
};

/** The campaign that `mallard demo` launches: to lapsed customers who are in no sale, in two arms, with a holdout. */
export const demoCampaign = {
  campaign_id: 'demo_win_back',
  title: 'Win back lapsed customers',
  segment_ids: ['lapsed_customers'],
  exclude_segment_ids: ['open_deals'],
  message_class: 'marketing',
  holdout_share: 0.1,
  provider: 'file',
  cost_per_thousand: 1.5,
  message: { template: offer },
  arms: [
    { arm: 'offer', weight: 1 },
    { arm: 'news', weight: 1, template: news },
  ],
};
