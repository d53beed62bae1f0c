import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { parseCampaign, type CampaignDefinition } from './definition.ts';

export interface Campaign {
  campaign_id: string;
  title: string;
  /** Grows with every change. */
  version: number;
  definition: CampaignDefinition;
  created_at: string;
  updated_at: string;
}

/** Saves a definition; the same one again changes nothing. Throws `bad_request`. */
export async function saveCampaign(warehouse: Warehouse, input: unknown): Promise<Campaign> {
  const definition = parseCampaign(input);
  const now = toTimestamp(warehouse.clock.now());
  const id = definition.campaign_id;
  const text = JSON.stringify(definition);
  await warehouse.ledger.transaction(async (tx) => {
    const known = await tx.one<{ same: boolean }>(
      'select definition::varchar = $2 as same from ops.campaigns where campaign_id = $1',
      [id, text],
    );
    if (!known) {
      await tx.run(
        `insert into ops.campaigns (campaign_id, title, definition, version, created_at, updated_at)
         values ($1, $2, $3, 1, $4::timestamp, $4::timestamp)`,
        [id, definition.title, text, now],
      );
    } else if (!known.same) {
      await tx.run(
        `update ops.campaigns set title = $2, definition = $3, version = version + 1, updated_at = $4::timestamp where campaign_id = $1`,
        [id, definition.title, text, now],
      );
    }
  });
  return getCampaign(warehouse, id);
}

/** Throws `not_found`. */
export async function getCampaign(warehouse: Warehouse, campaignId: string): Promise<Campaign> {
  const found = await warehouse.read((s) =>
    s.one<Campaign>(
      'select campaign_id, title, version, definition, created_at, updated_at from ops.campaigns where campaign_id = $1',
      [campaignId],
    ),
  );
  if (found) return { ...found, definition: parseCampaign(found.definition) };
  throw new MallardError('not_found', `There is no campaign ${campaignId}.`, {
    fields: { campaign_id: campaignId },
  });
}

export async function listCampaigns(warehouse: Warehouse): Promise<Omit<Campaign, 'definition'>[]> {
  return warehouse.read((s) =>
    s.rows(
      'select campaign_id, title, version, created_at, updated_at from ops.campaigns order by created_at, campaign_id',
    ),
  );
}
