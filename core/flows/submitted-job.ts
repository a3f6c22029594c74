/** The record of a job as its submission creates it. */
import { hitFields } from '../cache/cached-result.ts';
import { digest } from '../canonical.ts';
import type { JobRecord } from '../job/job.ts';
import { jobLimits } from '../limits.ts';
import type { ModelInput } from '../models/manifest.ts';
import { allotmentMbOf } from '../models/memory.ts';
import { retentionMsOf } from '../tenancy/plans.ts';
import type { CheckedRequest } from './checked-request.ts';
import type { SubmitAsk } from './submission.ts';

export function recordOf(
  ask: SubmitAsk,
  checked: CheckedRequest,
  { reservation, tag, nowMs }: { reservation: string; tag: number; nowMs: number },
): JobRecord {
  const { manifest } = checked.model;
  const startWithinMs =
    ask.deadlineSeconds === null ? jobLimits.startWithinMsDefault : ask.deadlineSeconds * 1000;
  return {
    tenantId: ask.tenant.tenantId,
    jobId: checked.jobId,
    keyId: ask.keyId,
    pool: checked.pool,
    model: manifest.id,
    modelRevision: manifest.revision,
    class: checked.class,
    status: 'queued',
    place: { kind: 'line' },
    attempt: 0,
    interruptions: 0,
    memoryWaits: 0,
    input: withSeed(checked),
    batchKey: batchKeyOf(ask, checked),
    adapters: [...checked.adapters],
    pictures: [...checked.pictures],
    tag,
    tagCost: checked.tagCost,
    predictedGpuMs: checked.work.predictedGpuMs,
    toldStart: null,
    weightedImages: checked.work.weightedImages,
    images: checked.work.images,
    memoryMb: checked.work.memoryMb,
    allotmentMb:
      checked.limits.gpu_memory_gb === undefined ? null : allotmentMbOf(checked.limits.gpu_memory_gb),
    runningJobsMax: checked.limits.running_jobs_max ?? null,
    isolation: checked.limits.isolation ?? 'shared',
    encrypted: checked.limits.volume === 'encrypted',
    reservation,
    reservedUsdMicros: checked.reservedUsdMicros,
    retentionMs: retentionMsOf(checked.limits),
    filesUntilMs: null,
    metadata: { ...ask.metadata },
    webhook: ask.webhook,
    flags: [...checked.flags],
    cache: checked.cache,
    // What a tenant wants under a key of its own is written nowhere else.
    streamed: ask.stream === true && checked.limits.volume !== 'encrypted',
    traceparent: ask.traceparent ?? null,
    retryOf: ask.retryOf ?? null,
    fingerprint: checked.fingerprint,
    createdAtMs: nowMs,
    startByMs: Math.min(nowMs + startWithinMs, ask.startByMs ?? Number.POSITIVE_INFINITY),
    runMsMax: ask.runMsMax ?? null,
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
    ...(checked.hit === null ? {} : hitFields(checked.hit, nowMs)),
  };
}

/** Jobs of a tenant with a process of its own share a call with nobody else's. */
function batchKeyOf({ tenant }: SubmitAsk, { work, limits }: CheckedRequest): string {
  return limits.isolation === 'process' ? `${work.batchKey}-${tenant.tenantId}` : work.batchKey;
}

/** A request without a seed gets one from its id: as good as chance, and the same on every attempt. */
function withSeed(checked: CheckedRequest): ModelInput {
  if (!('seed' in checked.model.manifest.input_schema.properties) || checked.input.seed !== undefined)
    return checked.input;
  return { ...checked.input, seed: Number.parseInt(digest(checked.jobId).slice(0, 8), 16) };
}
