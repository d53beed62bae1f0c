import { pick } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/** Table `withdrawals` (i, s, method): when a granted consent ended, by preference page, suppression or mail event. */
export async function createWithdrawals(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table withdrawals as
     with ways as (
       select i, withdrawn_s as s, 'preference_page' as method from stops where withdrawn_s < horizon()
       union all select i, ending_ms // 1000, 'unsubscribe_link' from endings where ending = 6 and ending_ms < horizon() * 1000)
     select i, min(s) as s, arg_min(method, s) as method from ways join people using (i) where has_consent group by i`,
  );
}

export const consentEventsSql = `
  with given as (
    select i, contact_id, email, least(created_s + 30, horizon() - 1) as s, 'granted' as status,
      case when is_business then 'I agree to receive news by e-mail.' else 'Send me offers by e-mail.' end as wording,
      ${pick(`uniform('consent:method', i)`, ['signup_form', 'signup_form', 'checkout', 'webinar_form', 'import'])} as method
    from people where has_consent),
  taken as (
    select i, contact_id, email, w.s, 'withdrawn' as status, null as wording, w.method from withdrawals w join people using (i))
  select 'cs' || i || case status when 'granted' then 'g' else 'w' end as consent_event_id, contact_id, email,
    'email' as channel, 'marketing' as purpose, status, wording, method, time_of_s(s) as occurred_at
  from (from given union all from taken) order by s, i, status`;

/**
 * `suppressions`: what an old system hands over. Its own list, whom the mails themselves lost (hard bounces, unsubscribes,
 * complaints), and one address in a hundred that no contact has any more.
 */
export const suppressionsSql = (contacts: number) => `
  with listed as (
    select email, ${pick(`uniform('suppressed:reason', i)`, ['unsubscribed', 'unsubscribed', 'unsubscribed', 'bounced', 'complained', 'manual'])} as reason,
      suppressed_s as s, i from stops join people using (i) where suppressed_s < horizon()),
  lost as (
    select email, case ending when 6 then 'unsubscribed' when 7 then 'complained' else 'bounced' end as reason, ending_ms // 1000 as s, i
    from endings join people using (i) where ending_ms < horizon() * 1000),
  gone as (
    select 'former.customer' || g || '@example.org' as email, 'unsubscribed' as reason,
      -floor(uniform('former', g) * 365 * ${daySeconds})::bigint as s, -g as i
    from range(1, 1 + ${Math.ceil(contacts / 100)}) t(g))
  -- An address that two rows share is listed once for a reason.
  select arg_min(email, (s, i)) as email, reason, 'global' as scope, time_of_s(min(s)) as suppressed_at
  from (from listed union all from lost union all from gone) group by lower(email), reason order by min(s), lower(email), reason`;
