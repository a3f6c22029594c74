/** Valid records for tests: every builder takes the fields that matter to the test and fills in the rest. */
import type { AdapterRecord } from './adapter/adapter.ts';
import type { Demand } from './admission/gate.ts';
import type { WaitView } from './api/job-resource.ts';
import type { BatchRecord } from './batch/batch.ts';
import { newBatch } from './batch/batch.ts';
import type { JobEntry, ShareEntry, WarmupEntry } from './billing/ledger.ts';
import type { Statement } from './billing/statement.ts';
import type { JobRecord } from './job/job.ts';
import type { WorkerRecord } from './scaling/worker-record.ts';
import type { AliasRecord } from './tenancy/alias.ts';
import type { PlanRecord } from './tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from './tenancy/tenant.ts';
import type { DeliveryRecord } from './webhook/delivery.ts';
import { deliveriesOf } from './webhook/delivery.ts';
import type { EndpointRecord } from './webhook/endpoint.ts';

/** 2030-03-17T17:46:40Z: the middle of a month, a day and a minute. */
export const sampleNowMs = 1_900_000_000_000;

/** A job as `submit` creates it: queued, in its line, never claimed. */
export function sampleJob(overrides: Partial<JobRecord> = {}): JobRecord {
  return {
    tenantId: 'tenant-a',
    jobId: 'job_00000000000000000000000001',
    keyId: 'key00001',
    pool: 'demo',
    model: 'demo-image',
    modelRevision: '1',
    class: 'interactive',
    status: 'queued',
    place: { kind: 'line' },
    attempt: 0,
    interruptions: 0,
    memoryWaits: 0,
    input: { prompt: 'a lighthouse at night', steps: 4 },
    batchKey: 'demo-image@1|512x512|4',
    adapters: [],
    tag: 1_000,
    tagCost: 200_000,
    predictedGpuMs: 800,
    toldStart: null,
    weightedImages: 1,
    images: 1,
    memoryMb: 400,
    allotmentMb: null,
    runningJobsMax: null,
    isolation: 'shared',
    encrypted: false,
    reservation: 'a.1.nonce',
    reservedUsdMicros: 400,
    retentionMs: 30 * 24 * 60 * 60 * 1000,
    filesUntilMs: null,
    metadata: {},
    webhook: null,
    flags: [],
    cache: null,
    streamed: false,
    traceparent: null,
    fingerprint: null,
    createdAtMs: sampleNowMs,
    runMsMax: null,
    retryOf: null,
    pictures: [],
    startByMs: sampleNowMs + 24 * 60 * 60 * 1000,
    startedAtMs: null,
    finishedAtMs: null,
    cancelRequestedAtMs: null,
    progress: null,
    outputs: [],
    error: null,
    usage: null,
    costUsdMicros: null,
    timings: null,
    receipt: null,
    ...overrides,
  };
}

/** A batch as its request creates it: nobody has read its file. */
export function sampleBatch(overrides: Partial<BatchRecord> = {}): BatchRecord {
  const asked = {
    tenantId: 'tenant-a',
    batchId: 'batch_00000000000000000000000001',
    keyId: 'key00001',
    keyModels: null,
    inputFileId: 'file_00000000000000000000000001',
    endpoint: '/v1/jobs',
    metadata: {},
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    linesMax: 50_000,
    isEncrypted: false,
    retentionMs: 30 * 24 * 60 * 60 * 1000,
  };
  return { ...newBatch(asked, sampleNowMs), ...overrides };
}

/** The wait of a job that stands second, while a worker starts. */
export function sampleWait(overrides: Partial<WaitView> = {}): WaitView {
  return {
    reason: 'starting_worker',
    ahead: 1,
    isExact: true,
    start: { atMs: sampleNowMs + 12_000, atP90Ms: sampleNowMs + 40_000 },
    phase: { name: 'starting', sinceMs: sampleNowMs - 8_000, expectedMs: 20_000 },
    atMs: sampleNowMs,
    ...overrides,
  };
}

const fullInput = {
  prompt: 'ein Leuchtturm 灯台 🗼 "quoted" \n second line',
  empty: '',
  'dotted.name': 1.5,
  nested: { list: [1, 'two', null, true, { deep: [] }], none: null },
  negative: -0.25,
};

/** A record with every field filled and awkward values in the free ones, as no real job has it. */
export function fullJob(overrides: Partial<JobRecord> = {}): JobRecord {
  return sampleJob({
    status: 'running',
    place: { kind: 'lease', workerId: 'worker-1', expiresAtMs: sampleNowMs + 30_000 },
    attempt: 2,
    interruptions: 1,
    memoryWaits: 1,
    input: fullInput,
    tag: Number.MAX_SAFE_INTEGER,
    toldStart: { waitMs: 900, kind: 'line', p50Ms: 1_000, p90Ms: 2_500 },
    weightedImages: 2.25,
    images: 2,
    allotmentMb: 10_000,
    runningJobsMax: 3,
    isolation: 'process',
    encrypted: true,
    retentionMs: 7 * 24 * 60 * 60 * 1000,
    filesUntilMs: sampleNowMs + 5 * 24 * 60 * 60 * 1000,
    metadata: { order: '17', 'key with space': '', 'dotted.key': 'é' },
    webhook: { url: 'https://hooks.example/jobs?token=é', events: ['job.running', 'job.succeeded'] },
    flags: ['count_mismatch'],
    cache: { key: 'c'.repeat(64), ttlMs: 60_000, entriesMax: 10 },
    streamed: true,
    fingerprint: 'f'.repeat(64),
    startedAtMs: sampleNowMs + 100,
    finishedAtMs: sampleNowMs + 900,
    cancelRequestedAtMs: sampleNowMs + 500,
    progress: { step: 3, steps: 4 },
    outputs: [
      {
        type: 'image',
        path: 'jobs/job_1/2/0.png',
        contentType: 'image/png',
        bytes: 12_345,
        sha256: 'a'.repeat(64),
        width: 512,
        height: 768,
      },
      {
        type: 'text',
        path: 'jobs/job_1/2/1.txt',
        contentType: 'text/plain',
        bytes: 5,
        sha256: 'b'.repeat(64),
        text: 'a ☕',
        finishReason: 'stop',
      },
    ],
    error: { code: 'nan_output', message: 'The model produced no valid numbers.', retryable: true },
    usage: { gpuMs: 812, images: 2, weightedImages: 2.25, inputTokens: 41, outputTokens: 7 },
    costUsdMicros: 0,
    timings: { queuedMs: 100, loadMs: 0, runMs: 700, uploadMs: 12 },
    receipt: {
      workerId: 'worker-1',
      engine: 'demo',
      modelRevision: '1',
      batchSize: 2,
      seeds: [0, 4_294_967_295],
      unknownWords: ['灯台'],
      versions: { onnxruntime: '1.30.0' },
    },
    ...overrides,
  });
}

export function sampleDemand(overrides: Partial<Demand> = {}): Demand {
  return {
    jobId: 'job_1',
    nonce: 'n',
    line: 'fake#batch',
    tagCost: 1,
    images: 1,
    tokens: 1,
    storesFiles: true,
    gpuMs: 1,
    reservedUsdMicros: 1,
    ...overrides,
  };
}

export function sampleTenant(overrides: Partial<TenantRecord> = {}): TenantRecord {
  return {
    tenantId: 'tenant-a',
    plan: 'pro',
    overrides: {},
    status: 'active',
    models: null,
    createdAtMs: sampleNowMs,
    version: 1,
    ...overrides,
  };
}

export function sampleKey(overrides: Partial<KeyRecord> = {}): KeyRecord {
  return {
    keyId: 'key00001',
    tenantId: 'tenant-a',
    hash: '0'.repeat(64),
    label: null,
    scopes: ['jobs:read', 'jobs:write'],
    models: null,
    createdAtMs: sampleNowMs,
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedDay: null,
    ...overrides,
  };
}

export function samplePlan(overrides: Partial<PlanRecord> = {}): PlanRecord {
  return {
    name: 'studio',
    limits: { weight: 8, open_jobs_max: 50, requests_per_minute: 60 },
    createdAtMs: sampleNowMs,
    removedAtMs: null,
    version: 1,
    ...overrides,
  };
}

export function sampleAlias(overrides: Partial<AliasRecord> = {}): AliasRecord {
  return {
    family: 'demo-image',
    name: 'stable',
    versions: [
      { version: 'v1', model: 'demo-image-v1', weight: 90 },
      { version: 'v2', model: 'demo-image-v2', weight: 10 },
    ],
    createdAtMs: sampleNowMs,
    version: 1,
    ...overrides,
  };
}

export function sampleLedgerEntry(overrides: Partial<JobEntry> = {}): JobEntry {
  return {
    tenantId: 'tenant-a',
    month: '203003',
    jobId: 'job_00000000000000000000000001',
    kind: 'charge',
    keyId: 'key00001',
    model: 'demo-image',
    pool: 'demo',
    workerId: 'worker-1',
    class: 'interactive',
    outcome: 'succeeded',
    tag: null,
    gpuMs: 812,
    images: 1,
    weightedImages: 1.5,
    inputTokens: 12,
    outputTokens: 34,
    bytesStored: 12_345,
    retentionMs: 30 * 24 * 60 * 60 * 1000,
    usdMicros: 321,
    parts: { compute: 321 },
    reservedUsdMicros: 400,
    admittedAtMs: sampleNowMs,
    atMs: sampleNowMs + 900,
    ...overrides,
  };
}

/** A worker that serves and has nothing to do. */
export function sampleWorker(overrides: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    workerId: 'worker_00000000000000000000000001',
    pool: 'demo',
    phase: 'serving',
    phaseSinceMs: sampleNowMs + 2_000,
    startedAtMs: sampleNowMs,
    reportedAtMs: sampleNowMs + 2_000,
    resident: ['demo-image@1'],
    runningJobs: 0,
    busyMs: 0,
    loadMs: 1_500,
    ...overrides,
  };
}

export function sampleShare(overrides: Partial<ShareEntry> = {}): ShareEntry {
  return {
    tenantId: 'tenant-a',
    month: '203003',
    kind: 'share',
    pool: 'demo',
    servedGpuMs: 812,
    usdMicros: 70,
    parts: { coldStart: 20, idle: 50 },
    atMs: sampleNowMs + 30 * 24 * 60 * 60 * 1000,
    ...overrides,
  };
}

export function sampleWarmup(overrides: Partial<WarmupEntry> = {}): WarmupEntry {
  return {
    tenantId: 'tenant-a',
    month: '203003',
    kind: 'warmup',
    warmupId: 'warmup_00000000000000000000000001',
    keyId: 'key00001',
    model: 'demo-image',
    pool: 'demo',
    outcome: 'kept',
    fromMs: sampleNowMs,
    untilMs: sampleNowMs + 600_000,
    usdMicros: 87_667,
    fingerprint: null,
    token: 'nonce',
    atMs: sampleNowMs,
    ...overrides,
  };
}

export function sampleStatement(overrides: Partial<Statement> = {}): Statement {
  return {
    month: '203003',
    pool: 'demo',
    pricing: 'at_cost',
    usdMicrosPerHour: 526_000,
    workers: 1,
    livedMs: 2_700,
    loadedMs: 400,
    gpuMs: 812,
    tenants: 1,
    dedicatedMs: 1_209_600_000,
    billUsdMicros: 395,
    chargedUsdMicros: 321,
    coldStartUsdMicros: 20,
    idleUsdMicros: 50,
    operatorUsdMicros: 4,
    closedAtMs: sampleNowMs + 30 * 24 * 60 * 60 * 1000,
    ...overrides,
  };
}

/** A LoRA whose file was checked. */
export function sampleAdapter(overrides: Partial<AdapterRecord> = {}): AdapterRecord {
  return {
    tenantId: 'tenant-a',
    adapterId: 'adapter_00000000000000000000000001',
    name: 'pastel',
    model: 'demo-image',
    bytes: 1_200,
    sha256: 'a'.repeat(64),
    status: 'ready',
    refusal: null,
    rank: 8,
    layers: 3,
    createdAtMs: sampleNowMs,
    checkedAtMs: sampleNowMs + 2_000,
    version: 2,
    ...overrides,
  };
}

export function sampleEndpoint(overrides: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    tenantId: 'tenant-a',
    endpointId: 'whe_00000000000000000000000001',
    url: 'https://hooks.example/jobs',
    events: ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'],
    secrets: [{ version: 1, untilMs: null }],
    createdAtMs: sampleNowMs,
    failingSinceMs: null,
    disabled: null,
    version: 1,
    ...overrides,
  };
}

/** The end of a job on its way to {@link sampleEndpoint}, not tried yet. */
export function sampleDelivery(overrides: Partial<DeliveryRecord> = {}): DeliveryRecord {
  const job = sampleJob({ status: 'canceled', place: { kind: 'done' }, finishedAtMs: sampleNowMs + 900 });
  const [delivery] = deliveriesOf(job, [sampleEndpoint()]);
  if (delivery === undefined) throw new Error('the sample endpoint is told of every end');
  return { ...delivery, ...overrides };
}
