/** The handler of every route in the table, by id. */
import type { RouteId } from '#core/api/routes.ts';
import type { RouteHandler } from './route-handler.ts';
import { adminCloseCosts } from './routes/admin-close-costs.ts';
import { adminCreateKey } from './routes/admin-create-key.ts';
import { adminCreateTenant } from './routes/admin-create-tenant.ts';
import { adminDeleteAlias } from './routes/admin-delete-alias.ts';
import { adminDeletePlan } from './routes/admin-delete-plan.ts';
import { adminDeleteTenant } from './routes/admin-delete-tenant.ts';
import { adminDrainPool } from './routes/admin-drain-pool.ts';
import { adminGetCosts } from './routes/admin-get-costs.ts';
import { adminGetJob } from './routes/admin-get-job.ts';
import { adminGetPool } from './routes/admin-get-pool.ts';
import { adminGetPromptPolicy } from './routes/admin-get-prompt-policy.ts';
import { adminGetTenant } from './routes/admin-get-tenant.ts';
import { adminGetUsage } from './routes/admin-get-usage.ts';
import { adminListAliases } from './routes/admin-list-aliases.ts';
import { adminListFleet } from './routes/admin-list-fleet.ts';
import { adminListJobs } from './routes/admin-list-jobs.ts';
import { adminListKeys } from './routes/admin-list-keys.ts';
import { adminListLedger } from './routes/admin-list-ledger.ts';
import { adminListPlans } from './routes/admin-list-plans.ts';
import { adminListPools } from './routes/admin-list-pools.ts';
import { adminListTenants } from './routes/admin-list-tenants.ts';
import { adminPausePool } from './routes/admin-pause-pool.ts';
import { adminPrewarmPool } from './routes/admin-prewarm-pool.ts';
import { adminPutAlias } from './routes/admin-put-alias.ts';
import { adminPutPlan } from './routes/admin-put-plan.ts';
import { adminPutPromptPolicy } from './routes/admin-put-prompt-policy.ts';
import { adminReadMetrics } from './routes/admin-read-metrics.ts';
import { adminRefundJob } from './routes/admin-refund-job.ts';
import { adminResumePool } from './routes/admin-resume-pool.ts';
import { adminResumeTenant } from './routes/admin-resume-tenant.ts';
import { adminRevokeKey } from './routes/admin-revoke-key.ts';
import { adminRotateKey } from './routes/admin-rotate-key.ts';
import { adminSetGrants } from './routes/admin-set-grants.ts';
import { adminSuspendTenant } from './routes/admin-suspend-tenant.ts';
import { adminUpdateTenant } from './routes/admin-update-tenant.ts';
import { cancelBatch } from './routes/cancel-batch.ts';
import { cancelJob } from './routes/cancel-job.ts';
import { completeAdapter } from './routes/complete-adapter.ts';
import { createAdapter } from './routes/create-adapter.ts';
import { createBatch } from './routes/create-batch.ts';
import { createChatCompletion } from './routes/create-chat-completion.ts';
import { createCompletion } from './routes/create-completion.ts';
import { createFile } from './routes/create-file.ts';
import { createImage } from './routes/create-image.ts';
import { createKey } from './routes/create-key.ts';
import { createWebhook } from './routes/create-webhook.ts';
import { deleteAdapter } from './routes/delete-adapter.ts';
import { deleteFile } from './routes/delete-file.ts';
import { deleteWebhook } from './routes/delete-webhook.ts';
import { falCancel } from './routes/fal-cancel.ts';
import { falGetKeys } from './routes/fal-get-keys.ts';
import { falGetResult } from './routes/fal-get-result.ts';
import { falGetStatus } from './routes/fal-get-status.ts';
import { falInitiateUpload } from './routes/fal-initiate-upload.ts';
import { falRun } from './routes/fal-run.ts';
import { falStream } from './routes/fal-stream.ts';
import { falStreamStatus } from './routes/fal-stream-status.ts';
import { falSubmit } from './routes/fal-submit.ts';
import { falUpload } from './routes/fal-upload.ts';
import { followJob } from './routes/follow-job.ts';
import { generate } from './routes/generate.ts';
import { getAdapter } from './routes/get-adapter.ts';
import { getBatch } from './routes/get-batch.ts';
import { getDocs } from './routes/get-docs.ts';
import { getFile } from './routes/get-file.ts';
import { getFileContent } from './routes/get-file-content.ts';
import { getHealth } from './routes/get-health.ts';
import { getJob } from './routes/get-job.ts';
import { getJobOutput } from './routes/get-job-output.ts';
import { getLimits } from './routes/get-limits.ts';
import { getModel } from './routes/get-model.ts';
import { getOpenapi } from './routes/get-openapi.ts';
import { getTask } from './routes/get-task.ts';
import { getUsage } from './routes/get-usage.ts';
import { getWebhook } from './routes/get-webhook.ts';
import { listAdapters } from './routes/list-adapters.ts';
import { listBatches } from './routes/list-batches.ts';
import { listDeliveries } from './routes/list-deliveries.ts';
import { listFiles } from './routes/list-files.ts';
import { listJobs } from './routes/list-jobs.ts';
import { listKeys } from './routes/list-keys.ts';
import { listModels } from './routes/list-models.ts';
import { listWebhooks } from './routes/list-webhooks.ts';
import { replayDelivery } from './routes/replay-delivery.ts';
import { replicateCancelPrediction } from './routes/replicate-cancel-prediction.ts';
import { replicateCreateDeploymentPrediction } from './routes/replicate-create-deployment-prediction.ts';
import { replicateCreateModelPrediction } from './routes/replicate-create-model-prediction.ts';
import { replicateCreatePrediction } from './routes/replicate-create-prediction.ts';
import { replicateGetModel } from './routes/replicate-get-model.ts';
import { replicateGetPrediction } from './routes/replicate-get-prediction.ts';
import { replicateGetVersion } from './routes/replicate-get-version.ts';
import { replicateGetWebhookSecret } from './routes/replicate-get-webhook-secret.ts';
import { replicateListModels } from './routes/replicate-list-models.ts';
import { replicateListPredictions } from './routes/replicate-list-predictions.ts';
import { replicateListVersions } from './routes/replicate-list-versions.ts';
import { replicateReadOutput } from './routes/replicate-read-output.ts';
import { replicateStreamPrediction } from './routes/replicate-stream-prediction.ts';
import { retryJob } from './routes/retry-job.ts';
import { revokeKey } from './routes/revoke-key.ts';
import { rotateKey } from './routes/rotate-key.ts';
import { rotateWebhook } from './routes/rotate-webhook.ts';
import { runpodCancel } from './routes/runpod-cancel.ts';
import { runpodHealth } from './routes/runpod-health.ts';
import { runpodPurgeQueue } from './routes/runpod-purge-queue.ts';
import { runpodRetry } from './routes/runpod-retry.ts';
import { runpodRun } from './routes/runpod-run.ts';
import { runpodRunSync } from './routes/runpod-run-sync.ts';
import { runpodStatus } from './routes/runpod-status.ts';
import { runpodStatusSync } from './routes/runpod-status-sync.ts';
import { runpodStream } from './routes/runpod-stream.ts';
import { submitJob } from './routes/submit-job.ts';
import { testWebhook } from './routes/test-webhook.ts';
import { warmUpModel } from './routes/warm-up-model.ts';

export const routeHandlers: { readonly [Id in RouteId]: RouteHandler<Id> } = {
  submitJob,
  listJobs,
  getJob,
  followJob,
  cancelJob,
  retryJob,
  getJobOutput,
  listModels,
  getModel,
  warmUpModel,
  getLimits,
  getUsage,
  createChatCompletion,
  createCompletion,
  createImage,
  runpodRun,
  runpodRunSync,
  runpodStatus,
  runpodStatusSync,
  runpodStream,
  runpodCancel,
  runpodRetry,
  runpodPurgeQueue,
  runpodHealth,
  generate,
  getTask,
  replicateCreatePrediction,
  replicateCreateModelPrediction,
  replicateCreateDeploymentPrediction,
  replicateListPredictions,
  replicateGetPrediction,
  replicateCancelPrediction,
  replicateStreamPrediction,
  replicateReadOutput,
  replicateListModels,
  replicateGetModel,
  replicateListVersions,
  replicateGetVersion,
  replicateGetWebhookSecret,
  falRun,
  falStream,
  falSubmit,
  falGetStatus,
  falStreamStatus,
  falGetResult,
  falCancel,
  falInitiateUpload,
  falUpload,
  falGetKeys,
  createFile,
  listFiles,
  getFile,
  getFileContent,
  deleteFile,
  createBatch,
  listBatches,
  getBatch,
  cancelBatch,
  createAdapter,
  listAdapters,
  getAdapter,
  completeAdapter,
  deleteAdapter,
  createWebhook,
  listWebhooks,
  getWebhook,
  deleteWebhook,
  rotateWebhook,
  testWebhook,
  listDeliveries,
  replayDelivery,
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
  adminListPools,
  adminGetPool,
  adminPausePool,
  adminResumePool,
  adminDrainPool,
  adminPrewarmPool,
  adminListFleet,
  adminReadMetrics,
  adminListJobs,
  adminGetJob,
  adminRefundJob,
  adminListLedger,
  adminGetUsage,
  adminGetCosts,
  adminCloseCosts,
  createKey,
  listKeys,
  rotateKey,
  revokeKey,
  getHealth,
  getOpenapi,
  getDocs,
};
