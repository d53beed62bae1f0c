import { asOf, clicked, opened } from './world.ts';

export const emailPerformance = `with m as (
    select max(campaign_id) as campaign_id, max(campaign_run_id) as campaign_run_id, max(message_id) as message_id,
      max(occurred_at) filter (event_type = 'sent') as sent_at, max(occurred_at) filter (event_type = 'dropped') as dropped_at,
      count(*) filter (event_type = 'delivered') > 0 as delivered, count(*) filter (event_type = 'bounced') > 0 as bounced,
      count(*) filter (event_type = 'bounced' and bounce_class = 'hard') > 0 as hard, count(*) filter (${opened}) > 0 as opened,
      count(*) filter (event_type = 'opened') > 0 as opened_any,
      count(*) filter (${clicked}) > 0 as clicked,
      count(*) filter (event_type = 'replied') > 0 as replied, count(*) filter (event_type = 'unsubscribed') > 0 as unsubscribed,
      count(*) filter (event_type = 'complained') > 0 as complained
    from core.email_events where occurred_at < ${asOf}
    group by coalesce(delivery_id, concat(coalesce(campaign_run_id, campaign_id, ''), '/', coalesce(message_id, ''), '/', coalesce(contact_id, email, '')))),
  n as (
    select *, not delivered and not bounced and dropped_at is null and coalesce(sent_at < ${asOf} - interval 72 hour, false) as assumed, sent_at is not null as is_sent,
      is_sent and (delivered or assumed) as is_delivered
    from m where sent_at is not null or dropped_at is not null),
  p as (
    select campaign_id, campaign_run_id, message_id, time_bucket(interval 15 minute, coalesce(sent_at, dropped_at)) as sent_at,
      count(*) filter (is_sent) as sent_messages, count(dropped_at) as dropped_messages, count(*) filter (is_sent and dropped_at is null) as accepted_messages,
      count(*) filter (is_delivered) as delivered_messages, count(*) filter (assumed) as assumed_messages, count(*) filter (is_sent and bounced) as bounced_messages,
      count(*) filter (is_sent and hard) as hard_bounced_messages, count(*) filter (is_sent and bounced and not hard) as soft_bounced_messages,
      count(*) filter (is_delivered and opened) as opened_messages, count(*) filter (is_delivered and opened_any) as opened_by_any_messages,
      count(*) filter (is_delivered and clicked) as clicked_messages, count(*) filter (is_delivered and replied) as replied_messages,
      count(*) filter (is_delivered and unsubscribed) as unsubscribed_messages, count(*) filter (is_delivered and complained) as complained_messages
    from n group by all)
  select *, concat(coalesce(campaign_id, ''), '/', coalesce(campaign_run_id, ''), '/', coalesce(message_id, ''), '/', sent_at) as performance_id from p`;
