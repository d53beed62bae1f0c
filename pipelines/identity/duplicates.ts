import type { Warehouse } from '../../data/owner/warehouse.ts';
import { canonicalsSql } from './canonicals.ts';
import { groupValuesSql } from './survivorship.ts';

const alikeFrom = 0.7;

/**
 * What the score is made of. Names, cities and companies differ by spelling, so they are compared by Jaro–Winkler similarity
 * (Winkler 1990; 1 equal, 0 nothing alike), of which only what exceeds 0.7 counts, stretched to 0..1: names with nothing in common
 * reach 0.5. The score is the mean of the parts that both contacts have, weighted by these; a part that one lacks says nothing.
 * Pairs of which both parts together weigh less than `weightMin` are not scored: a first name alone is no likeness.
 */
const parts = {
  name: { weight: 0.4, sql: alike('full_name') },
  local_part: { weight: 0.2, sql: alike('local_part') },
  phone: { weight: 0.2, sql: `case when a.phone_end = b.phone_end then 1.0 else 0.0 end` },
  company: { weight: 0.1, sql: alike('company') },
  city: { weight: 0.1, sql: alike('city') },
} as const;
const partColumns = {
  name: 'full_name',
  local_part: 'local_part',
  phone: 'phone_end',
  company: 'company',
  city: 'city',
} as const;
const weightMin = 0.5;

/** Contacts that share a block are compared; of larger ones nobody, since their pairs grow with the square. */
export const blockSizeMax = 50;

/** Over `p (contact_id, first_name, last_name, full_name, local_part, phone_end, company, city)`; null is no block. */
const blocks: Readonly<Record<string, string>> = {
  // Vowels and doubled letters left out, as soundex does: Meier, Meyer, Maier.
  last_name: `consonants(last_name) || '|' || first_name[1]`,
  company: `company || '|' || last_name[1:4]`,
  local_part: `case when len(local_part) >= 5 then local_part end`,
  phone: `phone_end`,
};

function alike(column: string): string {
  return `greatest(0, (jaro_winkler_similarity(a.${column}, b.${column}) - ${alikeFrom}) / ${1 - alikeFrom})`;
}

export interface DuplicatePair {
  contact_id: string;
  other_contact_id: string;
  /** 0..1. */
  score: number;
  /** Of each part that both have, 0..1; null where one lacks it. */
  parts: Record<keyof typeof parts, number | null>;
  /** What to look at: name, address, phone, company, city of both. */
  contact: Record<string, string | null>;
  other: Record<string, string | null>;
}

export interface DuplicateReport {
  pairs: DuplicatePair[];
  /** All of them, of which `pairs` has at most `limit`. */
  pair_count: number;
  compared_count: number;
  /** Blocks of more contacts than `block_size_max`, which were not compared. */
  blocks_skipped: number;
  block_size_max: number;
  min_score: number;
}

/**
 * Pairs of contacts that look like one person, the likeliest first. Decides nothing: `mergeContacts` does. Left out are contacts
 * that are one already and pairs that were decided to be different. Merged persons are compared by the values that win.
 * @param options `minScore`: default 0.85. `limit`: default 100.
 */
export async function findDuplicates(
  warehouse: Warehouse,
  options: { minScore?: number | undefined; limit?: number | undefined } = {},
): Promise<DuplicateReport> {
  const minScore = options.minScore ?? 0.8;
  return warehouse.read(async (session) => {
    try {
      await session.run(`create or replace temp table likely_people as ${peopleSql}`);
      const sizes = await session.one<{ skipped: number }>(
        `select count(*)::int as skipped from (${blockSizesSql} having count(*) > ${blockSizeMax})`,
      );
      await session.run(`create or replace temp table likely_pairs as ${pairsSql}`);
      const counts = await session.one<{ compared: number; found: number }>(
        `select count(*)::int as compared, (count(*) filter (score >= $min))::int as found from likely_pairs`,
        { min: minScore },
      );
      const shown = (alias: string) =>
        `{name: ${alias}.full_name, email: ${alias}.email, phone: ${alias}.phone, company: ${alias}.company, city: ${alias}.city}`;
      const pairs = await session.rows<DuplicatePair>(
        `select p.contact_id, p.other_contact_id, p.score, p.parts, ${shown('a')} as contact, ${shown('b')} as other
         from likely_pairs p join likely_people a on a.contact_id = p.contact_id join likely_people b on b.contact_id = p.other_contact_id
         where p.score >= $min order by p.score desc, p.contact_id, p.other_contact_id limit $rows`,
        { min: minScore, rows: options.limit ?? 100 },
      );
      return {
        pairs,
        pair_count: counts?.found ?? 0,
        compared_count: counts?.compared ?? 0,
        blocks_skipped: sizes?.skipped ?? 0,
        block_size_max: blockSizeMax,
        min_score: minScore,
      };
    } finally {
      await session.run('drop table if exists temp.likely_people');
      await session.run('drop table if exists temp.likely_pairs');
    }
  });
}

const shownFields = ['email', 'phone', 'phone_key', 'first_name', 'last_name', 'company_id', 'city'];

/** One row for each person that is not a stub alone. */
const peopleSql = `
  with merged as (${groupValuesSql(shownFields)}),
    persons as (
      select contact_id, ${shownFields.join(', ')} from merged
      union all
      select contact_id, ${shownFields.join(', ')} from core.contacts c
      where not is_stub and contact_id not in (select contact_id from ${canonicalsSql})
        and contact_id not in (select contact_id from merged)),
    companies as (select company_id, any_value(name) as name from core.companies group by company_id),
    words as (
      select p.contact_id, p.email, p.phone, nullif(lower(strip_accents(trim(p.first_name))), '') as first_name,
        nullif(lower(strip_accents(trim(p.last_name))), '') as last_name,
        nullif(lower(coalesce(c.name, p.company_id)), '') as company, nullif(lower(strip_accents(trim(p.city))), '') as city,
        nullif(regexp_replace(lower(split_part(split_part(p.email, '@', 1), '+', 1)), '[^a-z]', '', 'g'), '') as local_part,
        right(regexp_replace(coalesce(p.phone_key, p.phone), '[^0-9]', '', 'g'), 7) as digits
      from persons p left join companies c using (company_id))
  select * exclude (digits), nullif(concat_ws(' ', first_name, last_name), '') as full_name,
    case when len(digits) = 7 then digits end as phone_end,
    ${Object.entries(blocks)
      .map(([name, sql]) => `(${consonants(sql)}) as block_${name}`)
      .join(', ')}
  from words`;

function consonants(sql: string): string {
  return sql.replace(
    /consonants\((\w+)\)/g,
    (_all, column: string) =>
      `(${column}[1] || regexp_replace(${column}[2:], '[aeiouyhw]|[^a-z]', '', 'g')[1:3])`,
  );
}

const blockRowsSql = Object.keys(blocks)
  .map(
    (name) =>
      `select '${name}' as rule, hash(block_${name}) as block, contact_id from likely_people where block_${name} is not null`,
  )
  .join(' union all ');

const blockSizesSql = `select rule, block from (${blockRowsSql}) group by rule, block`;

const known = (part: keyof typeof parts) =>
  `a.${partColumns[part]} is not null and b.${partColumns[part]} is not null`;
const partNames = Object.keys(parts) as (keyof typeof parts)[];

const pairsSql = `
  with block_rows as (${blockRowsSql}),
    fit as (${blockSizesSql} having count(*) between 2 and ${blockSizeMax}),
    fitting as (select * from block_rows semi join fit using (rule, block)),
    candidates as (
      select distinct x.contact_id, y.contact_id as other_contact_id
      from fitting x join fitting y on x.rule = y.rule and x.block = y.block and x.contact_id < y.contact_id),
    different as (
      select coalesce(k.canonical_contact_id, m.contact_id) as one, coalesce(l.canonical_contact_id, m.other_contact_id) as two
      from core.contact_merges m
      left join ${canonicalsSql} k on k.contact_id = m.contact_id left join ${canonicalsSql} l on l.contact_id = m.other_contact_id
      where m.decision = 'different' and m.undone_at is null),
    open as (
      select * from candidates
      anti join (select one as contact_id, two as other_contact_id from different union select two, one from different)
        using (contact_id, other_contact_id)),
    compared as (
      select o.contact_id, o.other_contact_id,
        ${partNames.map((part) => `case when ${known(part)} then ${parts[part].sql} end as ${part}`).join(', ')}
      from open o join likely_people a on a.contact_id = o.contact_id join likely_people b on b.contact_id = o.other_contact_id),
    weighed as (
      select *, ${partNames.map((part) => `case when ${part} is null then 0 else ${parts[part].weight} end`).join(' + ')} as weight
      from compared)
  select contact_id, other_contact_id,
    round((${partNames.map((part) => `coalesce(${part}, 0) * ${parts[part].weight}`).join(' + ')}) / weight, 4)::double as score,
    {${partNames.map((part) => `${part}: round(${part}, 4)::double`).join(', ')}} as parts
  from weighed where weight >= ${weightMin} - 1e-9`;
