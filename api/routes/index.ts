import type { Routes } from '../context.ts';
import { campaignRunRoutes } from './campaign-runs.ts';
import { campaignRoutes } from './campaigns.ts';
import { consentRoutes } from './consent.ts';
import { contactRoutes } from './contacts.ts';
import { contactRightsRoutes } from './contact-rights.ts';
import { deliveryRoutes } from './delivery.ts';
import { fieldRoutes } from './fields.ts';
import { healthRoutes } from './health.ts';
import { importRoutes } from './imports.ts';
import { importSuppressionRoutes } from './import-suppressions.ts';
import { jobRoutes } from './jobs.ts';
import { landingRoutes } from './landing.ts';
import { loadRoutes } from './load.ts';
import { metricRoutes } from './metrics.ts';
import { modelRoutes } from './models.ts';
import { preferenceRoutes } from './preferences.ts';
import { publishRoutes } from './publish.ts';
import { queryRoutes } from './query.ts';
import { reportRoutes } from './reports.ts';
import { scoreRoutes } from './scores.ts';
import { segmentDefinitionRoutes } from './segment-definitions.ts';
import { segmentListRoutes } from './segment-lists.ts';
import { segmentTriggerRoutes } from './segment-triggers.ts';
import { segmentPerformanceRoutes } from './segment-performance.ts';
import { segmentExplainRoutes } from './segment-explain.ts';
import { segmentBacktestRoutes } from './segment-backtest.ts';
import { segmentRoutes } from './segments.ts';
import { suppressionRoutes } from './suppressions.ts';
import { testRoutes } from './tests.ts';
import { tokenRoutes } from './tokens.ts';
import { unsubscribeRoutes } from './unsubscribe.ts';
import { webhookRoutes } from './webhooks.ts';
import { whyRoutes } from './why.ts';

/** One file per resource. */
export const resources: readonly Routes[] = [
  landingRoutes,
  healthRoutes,
  loadRoutes,
  importRoutes,
  webhookRoutes,
  queryRoutes,
  modelRoutes,
  metricRoutes,
  testRoutes,
  publishRoutes,
  whyRoutes,
  fieldRoutes,
  segmentRoutes,
  segmentDefinitionRoutes,
  segmentListRoutes,
  segmentTriggerRoutes,
  segmentPerformanceRoutes,
  segmentExplainRoutes,
  segmentBacktestRoutes,
  contactRoutes,
  campaignRoutes,
  campaignRunRoutes,
  deliveryRoutes,
  reportRoutes,
  jobRoutes,
  tokenRoutes,
  unsubscribeRoutes,
  preferenceRoutes,
  consentRoutes,
  suppressionRoutes,
  importSuppressionRoutes,
  contactRightsRoutes,
  scoreRoutes,
];
