/** The handler of every route in the table, by id. */
import type { RouteId } from '#core/api/routes.ts';
import type { RouteHandler } from './route-handler.ts';
import { cancelJob } from './routes/cancel-job.ts';
import { getHealth } from './routes/get-health.ts';
import { getJob } from './routes/get-job.ts';
import { getJobOutput } from './routes/get-job-output.ts';
import { getLimits } from './routes/get-limits.ts';
import { getModel } from './routes/get-model.ts';
import { getOpenapi } from './routes/get-openapi.ts';
import { listJobs } from './routes/list-jobs.ts';
import { listModels } from './routes/list-models.ts';
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
  getHealth,
  getOpenapi,
};
