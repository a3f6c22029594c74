/** The handler of every route in the table, by id. */
import type { RouteId } from '#core/api/routes.ts';
import type { RouteHandler } from './route-handler.ts';
import { adminCloseCosts } from './routes/admin-close-costs.ts';
import { adminCreateKey } from './routes/admin-create-key.ts';
import { adminCreateTenant } from './routes/admin-create-tenant.ts';
import { adminDeleteAlias } from './routes/admin-delete-alias.ts';
import { adminDeletePlan } from './routes/admin-delete-plan.ts';
import { adminDeleteTenant } from './routes/admin-delete-tenant.ts';
import { adminGetCosts } from './routes/admin-get-costs.ts';
import { adminGetPromptPolicy } from './routes/admin-get-prompt-policy.ts';
import { adminGetTenant } from './routes/admin-get-tenant.ts';
import { adminGetUsage } from './routes/admin-get-usage.ts';
import { adminListAliases } from './routes/admin-list-aliases.ts';
import { adminListKeys } from './routes/admin-list-keys.ts';
import { adminListPlans } from './routes/admin-list-plans.ts';
import { adminListTenants } from './routes/admin-list-tenants.ts';
import { adminPutAlias } from './routes/admin-put-alias.ts';
import { adminPutPlan } from './routes/admin-put-plan.ts';
import { adminPutPromptPolicy } from './routes/admin-put-prompt-policy.ts';
import { adminResumeTenant } from './routes/admin-resume-tenant.ts';
import { adminRevokeKey } from './routes/admin-revoke-key.ts';
import { adminRotateKey } from './routes/admin-rotate-key.ts';
import { adminSetGrants } from './routes/admin-set-grants.ts';
import { adminSuspendTenant } from './routes/admin-suspend-tenant.ts';
import { adminUpdateTenant } from './routes/admin-update-tenant.ts';
import { cancelJob } from './routes/cancel-job.ts';
import { createKey } from './routes/create-key.ts';
import { getHealth } from './routes/get-health.ts';
import { getJob } from './routes/get-job.ts';
import { getJobOutput } from './routes/get-job-output.ts';
import { getLimits } from './routes/get-limits.ts';
import { getModel } from './routes/get-model.ts';
import { getOpenapi } from './routes/get-openapi.ts';
import { getUsage } from './routes/get-usage.ts';
import { listJobs } from './routes/list-jobs.ts';
import { listKeys } from './routes/list-keys.ts';
import { listModels } from './routes/list-models.ts';
import { revokeKey } from './routes/revoke-key.ts';
import { rotateKey } from './routes/rotate-key.ts';
import { submitJob } from './routes/submit-job.ts';

export const routeHandlers: { readonly [Id in RouteId]: RouteHandler<Id> } = {
  submitJob,
  listJobs,
  getJob,
  cancelJob,
  getJobOutput,
  listModels,
  getModel,
  getLimits,
  getUsage,
  adminCreateTenant,
  adminListTenants,
  adminGetTenant,
  adminUpdateTenant,
  adminSuspendTenant,
  adminResumeTenant,
  adminDeleteTenant,
  adminSetGrants,
  adminGetPromptPolicy,
  adminPutPromptPolicy,
  adminCreateKey,
  adminListKeys,
  adminRotateKey,
  adminRevokeKey,
  adminListPlans,
  adminPutPlan,
  adminDeletePlan,
  adminListAliases,
  adminPutAlias,
  adminDeleteAlias,
  adminGetUsage,
  adminGetCosts,
  adminCloseCosts,
  createKey,
  listKeys,
  rotateKey,
  revokeKey,
  getHealth,
  getOpenapi,
};
