/** Examples of the OpenAPI document, by route id and part. A test parses each by the schema it stands beside. */
import type { z } from 'zod';

type Json = z.core.util.JSONType;

const job = {
  id: 'job_01hzy3v6q8k2m4n6p8r0s2t4v6',
  object: 'job',
  status: 'queued',
  model: 'pilotlight-shapes',
  model_revision: '1',
  class: 'interactive',
  input: { prompt: 'a red ring above a blue square', seed: 7 },
  adapters: [],
  output: [],
  error: null,
  metadata: { order: '17' },
  flags: [],
  attempts: 0,
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  retry_of: null,
  created_at: '2026-11-20T12:00:00.000Z',
  started_at: null,
  finished_at: null,
  deadline_at: '2026-11-21T12:00:00.000Z',
  wait: {
    reason: 'starting_worker',
    position: 2,
    position_exact: true,
    eta: {
      start_at: '2026-11-20T12:00:41.000Z',
      start_at_p90: '2026-11-20T12:01:10.000Z',
      finish_at: '2026-11-20T12:00:41.420Z',
      may_expire: false,
    },
    phase: { name: 'starting', elapsed_s: 12.5, expected_s: 50 },
  },
  progress: null,
  usage: null,
  cost: null,
  timings: null,
  receipt: null,
  urls: {
    self: '/v1/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6',
    cancel: '/v1/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6/cancel',
    events: '/v1/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6/events',
  },
};

const linkToPicture =
  'https://bucket.example/tenants/acme/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6/1/0.png?X-Amz-Signature=1f';

const prediction = {
  id: job.id,
  model: 'pilotlight/pilotlight-shapes',
  version: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  input: job.input,
  output: [`https://api.example/replicate/v1/outputs/acme.${job.id}.1763641802.${'0'.repeat(43)}/0.png`],
  logs: '100%|██████████| 4/4',
  error: null,
  status: 'succeeded',
  source: 'api',
  data_removed: false,
  created_at: '2026-11-20T12:00:00.000Z',
  started_at: '2026-11-20T12:00:02.000Z',
  completed_at: '2026-11-20T12:00:02.420Z',
  metrics: { predict_time: 0.42, total_time: 2.42 },
  urls: {
    get: `https://api.example/replicate/v1/predictions/${job.id}`,
    cancel: `https://api.example/replicate/v1/predictions/${job.id}/cancel`,
  },
};

const falRequest = `https://api.example/fal/queue/pilotlight/pilotlight-shapes/requests/${job.id}`;

const falLinks = {
  request_id: job.id,
  response_url: falRequest,
  status_url: `${falRequest}/status`,
  cancel_url: `${falRequest}/cancel`,
};

const falPictures = {
  images: [
    {
      url: linkToPicture,
      content_type: 'image/png',
      file_name: '0.png',
      file_size: 48_213,
      width: 512,
      height: 512,
    },
  ],
  seed: 7,
  timings: { inference: 0.42 },
};

const succeeded = {
  ...job,
  status: 'succeeded',
  output: [
    {
      type: 'image',
      url: '/v1/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6/output/0',
      content_type: 'image/png',
      width: 512,
      height: 512,
      bytes: 48213,
      sha256: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
    },
  ],
  attempts: 1,
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  retry_of: null,
  started_at: '2026-11-20T12:00:01.500Z',
  finished_at: '2026-11-20T12:00:02.400Z',
  wait: null,
  progress: { step: 4, steps: 4 },
  usage: { gpu_ms: 812, images: 1, weighted_images: 1, input_tokens: 0, output_tokens: 0 },
  cost: { usd_micros: 321 },
  timings: { queued_ms: 1500, load_ms: 0, run_ms: 850, upload_ms: 50 },
  receipt: {
    engine: 'demo',
    model_revision: '1',
    batch_size: 1,
    seeds: [7],
    unknown_words: [],
    runtime_versions: {},
    cached_from: null,
  },
};

const usage = {
  jobs: 3,
  images: 4,
  weighted_images: 16,
  input_tokens: 0,
  output_tokens: 0,
  gpu_ms: 5_120,
  storage_byte_hours: 9_600_000,
  cost_usd_micros: 1_434,
  shared_usd_micros: 0,
  warmup_usd_micros: 0,
};

const adapter = {
  id: 'adapter_01hzy3v6q8k2m4n6p8r0s2t4v6',
  object: 'adapter',
  name: 'pastel',
  model: 'pilotlight-shapes',
  bytes: 275_112,
  sha256: '2df26bb0d5e51349a5f89fc470f97c1a4295d0d5578d952f2958d8273a9826b5',
  status: 'ready',
  refusal: null,
  rank: 8,
  layers: 23,
  created_at: '2026-11-20T12:00:00.000Z',
  checked_at: '2026-11-20T12:00:09.000Z',
};

const webhook = {
  id: 'whe_01hzy3v6q8k2m4n6p8r0s2t4v6',
  object: 'webhook',
  url: 'https://hooks.example/jobs',
  events: ['job.succeeded', 'job.failed'],
  status: 'active',
  disabled: null,
  failing_since: null,
  signing: [{ public_key: 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=', ends_at: null }],
  created_at: '2026-11-20T12:00:00.000Z',
};

const file = {
  id: 'file_01kajf6wm0k2m4n6p8r0s2t4v6',
  object: 'file',
  bytes: 12_345,
  created_at: 1_795_176_000,
  expires_at: 1_797_768_000,
  filename: 'lines.jsonl',
  purpose: 'batch',
  status: 'processed',
};

const batch = {
  id: 'batch_01kajf6wm0k2m4n6p8r0s2t4v6',
  object: 'batch',
  endpoint: '/v1/jobs',
  errors: {
    object: 'list',
    data: [{ code: 'not_json', message: 'is not valid JSON', line: 3, param: null }],
  },
  input_file_id: file.id,
  completion_window: '24h',
  status: 'completed',
  output_file_id: 'file_01kajf6wm0a2m4n6p8r0s2t4v6',
  error_file_id: 'file_01kajf6wm0e2m4n6p8r0s2t4v6',
  created_at: 1_795_176_000,
  in_progress_at: 1_795_176_002,
  expires_at: 1_795_262_400,
  finalizing_at: 1_795_176_060,
  completed_at: 1_795_176_061,
  failed_at: null,
  expired_at: null,
  cancelling_at: null,
  cancelled_at: null,
  request_counts: { total: 12, completed: 11, failed: 1 },
  estimate: { usd_micros: 2_200, gpu_ms: 15_000 },
  metadata: { name: 'nightly' },
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
};

const delivery = {
  id: 'whd_01hzy3v6q8k2m4n6p8r0s2t4v6',
  object: 'webhook_delivery',
  webhook: 'whe_01hzy3v6q8k2m4n6p8r0s2t4v6',
  event: 'job.succeeded',
  job: 'job_01hzy3v6q8k2m4n6p8r0s2t4v6',
  batch: null,
  url: null,
  status: 'delivered',
  reason: null,
  tries: [
    { at: '2026-11-20T12:00:03.000Z', duration_ms: 15_000, status: null, error: 'timeout' },
    { at: '2026-11-20T12:00:22.600Z', duration_ms: 41, status: 204, error: null },
  ],
  next_try_at: null,
  created_at: '2026-11-20T12:00:02.400Z',
};

/** Keys are `<route id> request` or `<route id> <status>`. */
export const examples: Readonly<Record<string, Json>> = {
  'submitJob request': {
    model: 'pilotlight-shapes',
    input: { prompt: 'a red ring above a blue square', seed: 7 },
    metadata: { order: '17' },
  },
  'submitJob 200': succeeded,
  'submitJob 202': job,
  'getJob 200': succeeded,
  'listJobs 200': { object: 'list', data: [succeeded], next_cursor: null },
  'createChatCompletion request': {
    model: 'qwen3-vl-8b',
    messages: [{ role: 'user', content: 'What is a lighthouse for?' }],
    max_tokens: 100,
  },
  'createChatCompletion 200': {
    id: 'chatcmpl-01hzy3v6q8k2m4n6p8r0s2t4v6',
    object: 'chat.completion',
    created: 1_795_176_000,
    model: 'qwen3-vl-8b',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'It shows ships the way.', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 14, completion_tokens: 7, total_tokens: 21 },
  },
  'createCompletion request': { model: 'qwen3-vl-8b', prompt: 'Once upon a time', max_tokens: 20 },
  'createImage request': {
    model: 'pilotlight-shapes',
    prompt: 'a red ring above a blue square',
    size: '256x256',
    seed: 7,
  },
  'generate request': {
    model: 'pilotlight-shapes',
    prompt: 'a red ring above a blue square',
    size: 256,
    num_inference_steps: 4,
  },
  'createImage 200': {
    created: 1_795_176_000,
    data: [
      {
        url: 'https://bucket.example/tenants/acme/jobs/job_01hzy3v6q8k2m4n6p8r0s2t4v6/1/0.png?X-Amz-Signature=1f',
      },
    ],
  },
  'replicateCreatePrediction request': {
    version: 'pilotlight/pilotlight-shapes',
    input: { prompt: 'a red ring above a blue square' },
  },
  'replicateCreateModelPrediction request': {
    input: { prompt: 'a red ring above a blue square' },
    webhook: 'https://hooks.example/replicate',
    webhook_events_filter: ['completed'],
  },
  'replicateCreateDeploymentPrediction request': { input: { prompt: 'a red ring above a blue square' } },
  'replicateGetPrediction 200': prediction,
  'falInitiateUpload request': { content_type: 'image/png', file_name: 'street.png' },
  'falRun request': { prompt: 'a red ring above a blue square' },
  'falStream request': { prompt: 'a red ring above a blue square' },
  'falSubmit request': { prompt: 'a red ring above a blue square' },
  'falRun 200': falPictures,
  'falGetResult 200': falPictures,
  'falGetStatus 202': { ...falLinks, status: 'IN_QUEUE', queue_position: 2 },
  'falGetStatus 200': { ...falLinks, status: 'COMPLETED', logs: [], metrics: { inference_time: 0.42 } },
  'getUsage 200': {
    object: 'list',
    data: [{ group: { day: '2026-11-20', tag: 'spring' }, ...usage }],
    total: usage,
  },
  'createFile 200': file,
  'createFile request': {
    filename: 'lines.jsonl',
    purpose: 'batch',
    bytes: 30_000_000,
    sha256: adapter.sha256,
  },
  'getFile 200': file,
  'createBatch request': {
    input_file_id: file.id,
    endpoint: '/v1/jobs',
    completion_window: '24h',
    metadata: { name: 'nightly' },
  },
  'getBatch 200': batch,
  'createAdapter request': {
    name: 'pastel',
    model: 'pilotlight-shapes',
    bytes: adapter.bytes,
    sha256: adapter.sha256,
  },
  'createAdapter 201': {
    ...adapter,
    status: 'pending',
    rank: null,
    layers: null,
    checked_at: null,
    upload: {
      method: 'PUT',
      url: 'https://bucket.example/adapters/acme/adapter_01hzy3v6q8k2m4n6p8r0s2t4v6?X-Amz-Signature=1f',
      headers: {
        'content-length': '275112',
        'x-amz-checksum-sha256': 'LfJrsNXlE0ml+J/EcPl8GkKV0NVXjZUvKVjYJzqYJrU=',
      },
      expires_at: '2026-11-20T13:00:00.000Z',
    },
  },
  'completeAdapter 200': adapter,
  'createWebhook request': { url: 'https://hooks.example/jobs', events: ['job.succeeded', 'job.failed'] },
  'createWebhook 201': { ...webhook, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDtbVKHcYdKuM=' },
  'listDeliveries 200': { object: 'list', data: [delivery], next_cursor: null },
  'adminCreateTenant request': { id: 'companyA', plan: 'pro', requests_per_minute: 30 },
  'adminUpdateTenant request': { plan: 'vip', requests_per_minute: null },
  'adminPutPlan request': { weight: 8, open_jobs_max: 50, requests_per_minute: 60 },
  'adminSetGrants request': { models: ['pilotlight-shapes'] },
  'adminPutAlias request': {
    versions: [
      { version: 'v1', weight: 90 },
      { version: 'v2', weight: 10 },
    ],
  },
  'warmUpModel request': { for_s: 600 },
  'warmUpModel 202': {
    id: 'warmup_01hzy3v6q8k2m4n6p8r0s2t4v6',
    object: 'warmup',
    model: 'pilotlight-shapes',
    pool: 'demo',
    state: 'warming',
    from: '2026-11-20T12:00:00.000Z',
    until: '2026-11-20T12:10:00.000Z',
    ready_at: '2026-11-20T12:00:41.000Z',
    ready_at_p90: '2026-11-20T12:01:10.000Z',
    cost_usd_micros: 87_667,
  },
  'adminPrewarmPool request': { workers: 2, for_s: 900 },
  'adminRefundJob request': { usd_micros: 10_000, reason: 'a blurred face' },
  'adminRotateKey request': { overlap_s: 86_400 },
  'createKey request': { label: 'laptop', scopes: ['jobs:read', 'jobs:write'] },
  'retryJob 202': { ...job, retry_of: 'job_01hzy3v6q8k2m4n6p8r0s2t4v5' },
  'cancelJob 200': {
    ...job,
    status: 'canceled',
    error: { code: 'canceled', message: 'The job was canceled.', retryable: false },
    finished_at: '2026-11-20T12:00:05.000Z',
    wait: null,
    cost: { usd_micros: 0 },
  },
};
