import type { FieldUse, Lineage } from '../../models/engine/lineage/lineage.ts';
import type { Catalogue } from '../../models/engine/types.ts';
import { fieldsOfTemplates } from '../../pipelines/campaigns/used-fields.ts';
import { getCampaign, listCampaigns } from '../../pipelines/campaigns/store.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { listSegments } from '../../pipelines/segments/listing.ts';
import { fieldsOfSegment } from '../../pipelines/segments/used-fields.ts';
import { listReports } from '../../reports/list.ts';
import { fieldsOfReport } from '../../reports/used-fields.ts';

/** A report, segment or campaign that uses a field. */
export interface User {
  id: string;
  title: string;
  /** Empty where it names the field itself; else through what: fields that are made of it, or `segment <id>`. */
  via: string[];
}

export interface UsedBy {
  /** Fields and measures that are made of it, without another in between; full names. */
  fields: string[];
  reports: User[];
  /** Active ones. */
  segments: User[];
  campaigns: User[];
}

type Kind = Exclude<keyof UsedBy, 'fields'>;

/** Who uses which field of the catalogue, by the field's full name, as things are defined now. */
export async function readUsers(
  mallard: Mallard,
  lineage: Lineage,
  catalogue: Catalogue,
): Promise<(name: string) => UsedBy> {
  const users: Record<Kind, Map<string, User[]>> = {
    reports: new Map(),
    segments: new Map(),
    campaigns: new Map(),
  };
  const add = (kind: Kind, id: string, title: string, uses: readonly FieldUse[]) => {
    for (const { field, via } of uses) {
      users[kind].set(field, [...(users[kind].get(field) ?? []), { id, title, via }]);
    }
  };

  const { reports } = await listReports(mallard);
  for (const report of reports)
    add('reports', report.report_id, report.title, await fieldsOfReport(lineage, report));

  const bySegment = new Map<string, FieldUse[]>();
  const all = await listSegments(mallard);
  for (const segment of all) {
    const uses = await fieldsOfSegment(lineage, catalogue, segment, all);
    bySegment.set(segment.segment_id, uses);
    add('segments', segment.segment_id, segment.title, uses);
  }

  for (const { campaign_id: id, title } of await listCampaigns(mallard.warehouse)) {
    const { definition } = await getCampaign(mallard.warehouse, id);
    const own = await lineage.usedByNames(await fieldsOfTemplates(definition));
    const segments = [...definition.segment_ids, ...definition.exclude_segment_ids];
    add('campaigns', id, title, ofCampaign(own, segments, bySegment));
  }

  return (name) => ({
    fields: lineage.dependents(name),
    reports: users.reports.get(name) ?? [],
    segments: users.segments.get(name) ?? [],
    campaigns: users.campaigns.get(name) ?? [],
  });
}

/** What its templates name, and what its segments are decided by. */
function ofCampaign(
  own: readonly FieldUse[],
  segments: readonly string[],
  bySegment: ReadonlyMap<string, readonly FieldUse[]>,
): FieldUse[] {
  const via = new Map(own.map((use) => [use.field, use.via]));
  for (const id of segments) {
    for (const { field } of bySegment.get(id) ?? []) {
      const known = via.get(field);
      // What a template names itself needs no other reason.
      if (known?.length !== 0) via.set(field, [...(known ?? []), `segment ${id}`]);
    }
  }
  return [...via].map(([field, through]) => ({ field, via: through }));
}
