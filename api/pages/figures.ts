import type { Mallard } from '../../pipelines/context.ts';

export interface LandingFigures {
  counts: { name: string; rows: number }[];
  last_build: { as_of: string; built_at: string; mart_count: number } | undefined;
  segments: { segment_id: string; title: string; member_count: number | null }[];
  last_campaign:
    | { title: string; status: string; launched_at: string; sent: number; holdout: number; excluded: number }
    | undefined;
  last_report: { report_id: string; occurred_at: string; status: string } | undefined;
  job_runs: { job: string; status: string; started_at: string; error: string | null }[];
}

/** The figures of the landing page: a handful of counts, each read from the table that keeps it. */
export function landingFigures({ warehouse }: Pick<Mallard, 'warehouse'>): Promise<LandingFigures> {
  return warehouse.read(async (session) => {
    const names = ['contacts', 'companies', 'deals', 'orders', 'email_events', 'web_events', 'activities'];
    const counts = await session.rows<{ name: string; rows: number }>(
      names
        .map((name) => `select '${name}' as name, count(*)::int as rows from core.${name}`)
        .join(' union all '),
    );
    return {
      counts,
      last_build: await session.one<NonNullable<LandingFigures['last_build']>>(
        `select as_of, max(built_at) as built_at, count(distinct mart)::int as mart_count from ops.mart_builds
         group by as_of order by built_at desc limit 1`,
      ),
      segments: await session.rows<LandingFigures['segments'][number]>(
        `select s.segment_id, s.title, r.member_count::int as member_count
         from ops.segments s
         left join (select segment_id, arg_max(member_count, recorded_at) as member_count from ops.segment_runs group by segment_id) r using (segment_id)
         where s.status = 'active' order by s.title limit 12`,
      ),
      last_campaign: await session.one<NonNullable<LandingFigures['last_campaign']>>(
        `select coalesce(c.title, r.campaign_id) as title, r.status, r.launched_at, coalesce(r.send_count, 0)::int as sent,
           coalesce(r.holdout_count, 0)::int as holdout, coalesce(r.excluded_count, 0)::int as excluded
         from ops.campaign_runs r left join ops.campaigns c using (campaign_id) order by r.launched_at desc limit 1`,
      ),
      last_report: await session.one<NonNullable<LandingFigures['last_report']>>(
        `select report_id, occurred_at, status from ops.report_runs order by occurred_at desc limit 1`,
      ),
      job_runs: await session.rows<LandingFigures['job_runs'][number]>(
        `select job, status, started_at, error from ops.job_runs order by started_at desc limit 5`,
      ),
    };
  });
}
