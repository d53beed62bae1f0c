import type { LoadRequest } from '../../pipelines/load/types.ts';

/** How `crm_sales_opportunities/sales_pipeline.csv` is loaded, as the README has it. */
export const salesPipeline: Omit<LoadRequest, 'files'> = {
  table: 'deals',
  dateFormat: '%d-%m-%Y',
  columns: {
    deal_id: 'opportunity_id',
    owner_id: 'sales_agent',
    company_id: 'account',
    stage: 'deal_stage',
    created_at: 'engage_date',
    closed_at: 'close_date',
    amount: 'close_value',
  },
};
