/**
 * Runs one claimed batch to its end: load, run, store the results, finish, settle. While it runs, a pulse renews the
 * leases, carries progress and brings back cancellations.
 *
 * Safety rests on the attempt number alone: a worker whose lease another took over finds every write refused, and its
 * results lie under a path that nothing names.
 */

import { gpuCostUsdMicros } from '../billing/price.ts';
import { roomMbOf } from '../dispatch/packing.ts';
import type { JobError, JobOutput, JobRecord, JobTimings } from '../job/job.ts';
import type { Finished } from '../job/transitions.ts';
import {
  afterClaim,
  attemptsSpent,
  cancelRunning,
  fail,
  giveBack,
  jobError,
  mayTryAgain,
  succeed,
  tryAgain,
} from '../job/transitions.ts';
import { tookMs } from '../jumping-clock.ts';
import type { Catalog } from '../models/manifest.ts';
import type {
  Blobs,
  Clock,
  Ids,
  LoadOutcome,
  RunEvents,
  RunFile,
  RunNeeds,
  Runner,
  RunOutcome,
} from '../ports.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';
import { startPulse } from './pulse.ts';

export interface RunPorts extends ApplyPorts {
  readonly blobs: Blobs;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly runner: Runner;
}

export interface RunAsk {
  readonly workerId: string;
  /** All of one batch key, freshly claimed. */
  readonly jobs: readonly JobRecord[];
  /** Aborts when the worker must be gone: what still runs goes back to the line. */
  readonly interrupt: AbortSignal;
  /**
   * Memory of the worker's card.
   * @default no bound is known
   */
  readonly gpuMemoryMb?: number | undefined;
}

type Succeeded = Extract<RunOutcome, { kind: 'succeeded' }>;

/** Returns when every job of the batch ended, went back to the line, or was taken over. */
export async function runBatch(ports: RunPorts, ask: RunAsk): Promise<void> {
  const jobs: JobRecord[] = [];
  for (const job of ask.jobs) {
    if (await endsAtOnce(ports, job, ask.gpuMemoryMb)) continue;
    jobs.push(job);
  }
  const first = jobs[0];
  if (first === undefined) return;

  const pulse = startPulse(ports, { ...ask, jobs });
  try {
    const loadingAtMs = ports.clock.nowMs();
    const loaded = await ports.runner.load(first.model, first.modelRevision, needsOf(jobs));
    // The wait as the job sees it: a load that prewarming began earlier counts from here only.
    const loadMs = tookMs(loadingAtMs, ports.clock.nowMs());
    const outcomes = await runLoaded(ports, { ...ask, jobs }, loaded, pulse.events);
    const context: EndContext = {
      ...ask,
      batchSize: jobs.length,
      loadMs,
    };
    await Promise.all(jobs.map((job) => end(ports, pulse.latest(job), outcomes.get(job.jobId), context)));
  } finally {
    await pulse.stop();
  }
}

interface EndContext extends RunAsk {
  readonly batchSize: number;
  readonly loadMs: number;
}

/** A claim can show that the job is not to be run any more, or that no worker of this kind can. */
async function endsAtOnce(
  ports: RunPorts,
  job: JobRecord,
  gpuMemoryMb: number | undefined,
): Promise<boolean> {
  const after = afterClaim(job);
  const nowMs = ports.clock.nowMs();
  switch (after.next) {
    case 'run':
      return endsUnfit(ports, job, gpuMemoryMb);
    case 'cancel':
      await applyTransition(ports, job, cancelRunning(job, nowMs, {}));
      return true;
    case 'fail':
      await applyTransition(ports, job, fail(job, nowMs, jobError(after.code)));
      return true;
  }
}

/** Tried again it would not fit either: the workers of a pool have cards alike. */
async function endsUnfit(ports: RunPorts, job: JobRecord, gpuMemoryMb: number | undefined): Promise<boolean> {
  const weightsMb = ports.catalog.get(job.model)?.manifest.memory.weights_mb ?? 0;
  const roomMb = roomMbOf(job, weightsMb, gpuMemoryMb);
  if (job.memoryMb <= roomMb) return false;
  const message = `The job takes ${job.memoryMb} MB of GPU memory beside the model, and there are ${Math.max(0, roomMb)} MB.`;
  const error = { ...jobError('out_of_memory', message), retryable: false };
  await applyTransition(ports, job, fail(job, ports.clock.nowMs(), error));
  return true;
}

function needsOf(jobs: readonly JobRecord[]): RunNeeds {
  const [first] = jobs;
  const peakMb = jobs.reduce((sum, job) => sum + job.memoryMb, 0);
  if (first?.isolation !== 'process') return { peakMb, tenantId: null, memoryMaxMb: null };
  return { peakMb, tenantId: first.tenantId, memoryMaxMb: first.allotmentMb };
}

async function runLoaded(
  ports: RunPorts,
  { jobs, interrupt }: RunAsk,
  loaded: LoadOutcome,
  events: RunEvents,
): Promise<ReadonlyMap<string, RunOutcome>> {
  const [first] = jobs;
  if (first === undefined) return new Map();
  if (interrupt.aborted) return sameForAll(jobs, { kind: 'canceled', gpuMs: 0 });
  if (loaded.kind === 'failed') {
    const retryable = loaded.code !== 'no_such_model';
    return sameForAll(jobs, { kind: 'failed', code: loaded.code, message: '', retryable, gpuMs: 0 });
  }
  return ports.runner.run(
    {
      batchId: ports.ids.next('batch'),
      model: first.model,
      revision: first.modelRevision,
      items: jobs.map((job) => ({ id: job.jobId, params: job.input })),
      needs: needsOf(jobs),
    },
    events,
  );
}

function sameForAll(jobs: readonly JobRecord[], outcome: RunOutcome): ReadonlyMap<string, RunOutcome> {
  return new Map(jobs.map((job) => [job.jobId, outcome]));
}

/** Turns what the runner said of one job into its transition. */
async function end(
  ports: RunPorts,
  job: JobRecord,
  outcome: RunOutcome | undefined,
  context: EndContext,
): Promise<void> {
  if (outcome === undefined) return endFailed(ports, job, jobError('worker_lost'), context);
  switch (outcome.kind) {
    case 'succeeded':
      return endSucceeded(ports, job, outcome, context);
    case 'canceled':
      return endCanceled(ports, job, outcome.gpuMs);
    case 'failed':
      return endFailed(ports, job, { ...jobError(outcome.code), retryable: outcome.retryable }, context);
  }
}

async function endSucceeded(
  ports: RunPorts,
  job: JobRecord,
  outcome: Succeeded,
  context: EndContext,
): Promise<void> {
  const ranAtMs = ports.clock.nowMs();
  let outputs: JobOutput[];
  try {
    outputs = await Promise.all(outcome.files.map((file, index) => store(ports, job, file, index)));
  } catch (error) {
    ports.log.warn('output.upload_failed', {
      tenantId: job.tenantId,
      jobId: job.jobId,
      reason: String(error),
    });
    return endFailed(ports, job, jobError('output_upload_failed'), context);
  }
  const nowMs = ports.clock.nowMs();
  const timings = timingsOf(job, { ranAtMs, nowMs, loadMs: context.loadMs });
  await applyTransition(
    ports,
    job,
    succeed(job, nowMs, outputs, finishedOf(ports, job, outcome, timings, context)),
  );
}

/** The runner stopped: because the tenant asked, or because the worker is going away. */
async function endCanceled(ports: RunPorts, job: JobRecord, gpuMs: number): Promise<void> {
  if (job.cancelRequestedAtMs === null) {
    await applyTransition(ports, job, giveBack(job));
    return;
  }
  const usage = { gpuMs, images: 0, weightedImages: 0 };
  const nowMs = ports.clock.nowMs();
  await applyTransition(
    ports,
    job,
    cancelRunning(job, nowMs, { usage, costUsdMicros: costOf(ports, job, gpuMs) }),
  );
}

async function endFailed(
  ports: RunPorts,
  job: JobRecord,
  error: JobError,
  context: EndContext,
): Promise<void> {
  const { tenantId, jobId, attempt } = job;
  ports.log.warn('attempt.failed', { tenantId, jobId, attempt, code: error.code, spent: attemptsSpent(job) });
  if (context.interrupt.aborted) {
    await applyTransition(ports, job, giveBack(job));
  } else if (mayTryAgain(job, error)) {
    await applyTransition(ports, job, tryAgain(job, error));
  } else {
    const last = error.code === 'worker_lost' ? jobError('poison') : { ...error, retryable: false };
    await applyTransition(ports, job, fail(job, ports.clock.nowMs(), last));
  }
}

async function store(ports: RunPorts, job: JobRecord, file: RunFile, index: number): Promise<JobOutput> {
  const extension = file.contentType === 'image/png' ? 'png' : 'txt';
  const path = `jobs/${job.jobId}/${job.attempt}/${index}.${extension}`;
  const care = { isEncrypted: job.encrypted, retentionMs: job.retentionMs };
  await ports.blobs.put(job.tenantId, path, file.body, file.contentType, care);
  const { type, contentType, sha256, width, height } = file;
  return { type, path, contentType, bytes: file.body.byteLength, sha256, width, height };
}

function finishedOf(
  ports: RunPorts,
  job: JobRecord,
  outcome: Succeeded,
  timings: JobTimings,
  context: EndContext,
): Finished {
  return {
    usage: { gpuMs: outcome.gpuMs, images: job.images, weightedImages: job.weightedImages },
    costUsdMicros: costOf(ports, job, outcome.gpuMs),
    timings,
    receipt: {
      workerId: context.workerId,
      engine: outcome.engine,
      modelRevision: job.modelRevision,
      batchSize: context.batchSize,
      seeds: [...outcome.seeds],
      unknownWords: [...outcome.unknownWords],
      versions: { ...outcome.versions },
    },
  };
}

/** GPU time at the model's price, never above what admission set aside: a slow card is our fault, not the tenant's. */
function costOf(ports: RunPorts, job: JobRecord, gpuMs: number): number {
  const perHour = ports.catalog.get(job.model)?.manifest.usd_micros_per_gpu_hour ?? 0;
  return Math.min(job.reservedUsdMicros, gpuCostUsdMicros(gpuMs, perHour));
}

function timingsOf(job: JobRecord, at: { ranAtMs: number; nowMs: number; loadMs: number }): JobTimings {
  const startedAtMs = job.startedAtMs ?? job.createdAtMs;
  return {
    queuedMs: tookMs(job.createdAtMs, startedAtMs),
    loadMs: at.loadMs,
    runMs: Math.max(0, at.ranAtMs - startedAtMs - at.loadMs),
    uploadMs: tookMs(at.ranAtMs, at.nowMs),
  };
}
