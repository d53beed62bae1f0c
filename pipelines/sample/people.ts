import { calendarSeconds, joinClock } from './calendar.ts';
import * as names from './names.ts';
import { parameters } from './parameters.ts';
import { choose, list, pick, text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

const { people: shares, email } = parameters;

/** Tables `lead_sources`, `countries`, `companies` and `people`: who there is, with the traits that drive the rest. */
export async function createPeople(sampler: Sampler): Promise<void> {
  await createLookups(sampler);
  await createCompanies(sampler);
  await createDraws(sampler);
  await createPersons(sampler);
}

async function createLookups(sampler: Sampler): Promise<void> {
  const sources = parameters.leadSources.map(
    (source) => `(${text(source.leadSource)}, ${source.multiplier}::double, ${source.winLogit}::double)`,
  );
  await sampler.run(
    `create table lead_sources as select * from (values ${sources.join(', ')}) t(lead_source, multiplier, win_logit)`,
  );
  const countries = names.countries.map(
    (c) =>
      `(${text(c.country)}, ${text(c.currency)}, ${text(c.language)}, ${text(c.zone)}, ${list(c.cities)})`,
  );
  await sampler.run(
    `create table countries as select * from (values ${countries.join(', ')})
       t(country, currency, language, time_zone, cities)`,
  );
}

const anyCountry = (u: string) =>
  choose(
    u,
    names.countries.map((c) => [text(c.country), c.share]),
  );

/** One company for ten contacts; a few are large. `company` is its number. */
async function createCompanies(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table companies as
     with draws as (
       select company::int as company, uniform('company:country', company) as u_country,
         uniform('company:first', company) as u_first, uniform('company:second', company) as u_second,
         uniform('company:suffix', company) as u_suffix, uniform('company:industry', company) as u_industry,
         greatest(2, round(exp(4 + 1.3 * normal('company:size', company))))::int as employee_count
       from range(1, ${Math.ceil(sampler.contacts / 10) + 1}) t(company)),
     named as (
       select *, ${pick('u_first', names.companyFirstWords)} as first_word,
         ${pick('u_second', names.companySecondWords)} as second_word from draws)
     select company, 'co' || lpad(company::varchar, 6, '0') as company_id,
       first_word || ' ' || second_word || ' ' || ${pick('u_suffix', names.companySuffixes)} as name,
       lower(first_word || '-' || second_word || '-' || company || '.example.com') as domain,
       ${pick('u_industry', names.industries)} as industry, employee_count,
       employee_count::bigint * (80000 + floor(uniform('company:revenue', company) * 120) * 1000)::bigint as annual_revenue,
       ${anyCountry('u_country')} as country,
       uniform('company:scanner', company) < ${email.scannedCompanyShare} as is_scanned
     from named order by company`,
  );
}

/** What is drawn for each contact on its own. Ids rise with the time of creation. */
async function createDraws(sampler: Sampler): Promise<void> {
  const created = `floor(pow((i - 1 + uniform('created', i)) / ${sampler.contacts}, ${shares.growth}) * (horizon() - 1))::bigint`;
  await sampler.run(
    `create table draws as
     select i::int as i, ${created} as created_op,
       uniform('silent', i) < ${shares.silentShare} as wants_silence,
       i > 20 and uniform('duplicate', i) < ${shares.duplicateShare} as wants_double,
       (1 + floor(uniform('duplicate:of', i) * (i - 1)))::int as other,
       uniform('duplicate:kind', i) < ${shares.duplicateByEmailShare} as doubles_email,
       uniform('business', i) < ${shares.businessShare} as is_business,
       (1 + floor(pow(uniform('employer', i), 1.6) * (select count(*) from companies)))::int as company,
       uniform('no_email', i) >= ${shares.withoutEmailShare} as has_email,
       uniform('phone', i) < ${shares.phoneShare} as has_phone,
       ${pick(`uniform('first_name', i)`, names.firstNames)} as first_name,
       ${pick(`uniform('last_name', i)`, names.lastNames)} as last_name,
       ${pick(`uniform('domain', i)`, names.mailDomains)} as domain
     from range(1, ${sampler.contacts + 1}) t(i)`,
  );
}

/**
 * `people`: i, contact_id, created_s, created_op, is_silent, duplicate_of (i) with duplicate_kind, address and names,
 * company, owner and what changes when (`…_next` from `…_changed_s`), lead_source, and the traits of mail reading.
 */
async function createPersons(sampler: Sampler): Promise<void> {
  const source = choose(
    'u_source',
    parameters.leadSources.map((s) => [text(s.leadSource), s.share]),
  );
  const later = (stream: string) =>
    `created_s + 3600 + floor(uniform('${stream}:when', i) * (horizon() - created_s - 3600))::bigint`;
  const width = Math.max(7, String(sampler.contacts).length);
  await sampler.run(
    `create table people as
     with doubled as (
       select d.*, o.i as duplicate_of, o.first_name as other_first, o.last_name as other_last, o.domain as other_domain,
         o.is_business as other_business, o.company as other_company,
         case when o.i is null then null when d.doubles_email or not o.has_phone then 'email' else 'phone' end as duplicate_kind
       from draws d
       left join (from draws where not wants_double and not wants_silence and has_email) o
         on o.i = case when d.wants_double then d.other end),
     persons as (
       select i, created_op, least(horizon() - 1, ${calendarSeconds('shop_clock', 'created_op')}) as created_s, duplicate_of, duplicate_kind,
         wants_silence and duplicate_of is null as is_silent, is_business,
         coalesce(other_first, first_name) as first_name, coalesce(other_last, last_name) as last_name,
         case when is_business then company end as company,
         case when duplicate_kind = 'phone' or has_phone and duplicate_kind is null
              then '+1555' || lpad(coalesce(duplicate_of, i)::varchar, 7, '0') end as phone,
         case when duplicate_kind = 'email' then
                case when other_business then other_company end
              when is_business then company end as mail_company,
         case when duplicate_kind = 'email' then duplicate_of else i end as mail_number,
         case when duplicate_kind = 'email' then other_domain else domain end as mail_domain,
         has_email or duplicate_kind = 'email' as has_email,
         uniform('source', i) as u_source, uniform('country', i) as u_country, uniform('country:next', i) as u_country_next,
         uniform('owned', i) < case when is_business then 1 else ${shares.ownerShareOfConsumers} end as is_owned
       from doubled ${joinClock('shop_clock', 'created_op')}),
     placed as (
       select p.*, ${source} as lead_source, coalesce(c.country, ${anyCountry('u_country')}) as country,
         ${anyCountry('u_country_next')} as country_next,
         coalesce(c.is_scanned, false) as is_scanned,
         lower(p.first_name || '.' || p.last_name || mail_number || '@' || coalesce(m.domain, mail_domain)) as plain_email,
         case when is_owned then rep_at(uniform('owner', i), created_s) end as owner
       from persons p left join companies c using (company) left join companies m on m.company = p.mail_company),
     moving as (
       select *,
         case when owner = leaving_rep() and created_s < rep_leaves_s() then rep_leaves_s() + i % ${daySeconds}
              when uniform('owner:changes', i) < ${shares.ownerChangeShare} then ${later('owner:changes')} end as owner_changed_s,
         case when uniform('country:changes', i) < ${shares.countryChangeShare} then ${later('country:changes')} end as country_changed_s,
         case when is_business and uniform('job:changes', i) < ${shares.jobChangeShare} then ${later('job:changes')} end as job_changed_s,
         case when is_business then ${pick(`uniform('job', i)`, names.jobTitles)} end as job_title,
         ${pick(`uniform('job:next', i)`, names.jobTitles)} as job_title_next,
         rep_at(uniform('owner:next', i), coalesce(rep_leaves_s(), 0)) as owner_next
       from placed)
     select i, 'c' || lpad(i::varchar, ${width}, '0') as contact_id, created_op, created_s, is_silent, is_business,
       duplicate_of, duplicate_kind, first_name, last_name, phone, company, lead_source, is_scanned,
       case when not has_email then null
            when duplicate_kind is distinct from 'email' then plain_email
            when i % 2 = 0 then upper(plain_email)
            else upper(left(plain_email, 1)) || replace(substr(plain_email, 2), '.test', '.TEST').replace('example', 'Example') end as email,
       job_title,
       case when job_changed_s < horizon() and job_title_next <> job_title and not is_silent then job_changed_s end as job_changed_s, job_title_next,
       owner,
       case when owner_changed_s < horizon() and owner_next <> owner and not is_silent then owner_changed_s end as owner_changed_s, owner_next,
       country,
       case when country_changed_s < horizon() and country_next <> country and not is_silent then country_changed_s end as country_changed_s, country_next,
       has_email and not is_silent
         and uniform('consent', i) < ${email.consentShare / ((1 - shares.silentShare) * (1 - shares.withoutEmailShare))} as has_consent,
       ${email.engagementMin} + ${email.engagementMax - email.engagementMin} * uniform('engagement', i) as engagement,
       uniform('apple', i) < ${email.appleShare} as is_apple,
       uniform('weekly', i) < ${email.weeklyReaderShare} as reads_weekly,
       uniform('dead_address', i) < ${email.hardBounceShare} as is_dead_address
     from moving order by i`,
  );
  await sampler.run(`drop table draws`);
}
