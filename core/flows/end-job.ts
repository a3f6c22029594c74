/** The ends of a job that a worker ran: what the runner said of it becomes its transition. */
import { gpuCostUsdMicros } from '../billing/price.ts';
import type { JobError, JobOutput, JobRecord, JobTimings } from '../job/job.ts';
import { nothingUsed } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import type { Finished, Transition } from '../job/transitions.ts';
import {
  afterFailure,
  attemptsSpent,
  cancelRunning,
  fail,
  giveBack,
  jobError,
  succeed,
  tryAgain,
  waitForMemory,
} from '../job/transitions.ts';
import { tookMs } from '../jumping-clock.ts';
import { jobLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/process.ts';
import type { RunAnswer, RunFile, RunOutcome } from '../ports/runner.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';

export interface EndPorts extends ApplyPorts {
  readonly blobs: Blobs;
  readonly catalog: Catalog;
  readonly clock: Clock;
}

/** The call that the job was in. */
export interface EndContext {
  readonly workerId: string;
  /** Aborts when the worker must be gone: what failed then goes back to the line. */
  readonly interrupt: AbortSignal;
  readonly batchSize: number;
  /** Others were on the card in the same call: what ran out of memory then may fit alone. */
  readonly hadMates: boolean;
  /** When the runner took it up: what was claimed ahead has waited until then. */
  readonly begunAtMs: number;
  readonly loadMs: number;
  /** Jobs that were stopped because they ran longer than their requests allow. */
  readonly overlong: ReadonlySet<string>;
}

type Succeeded = Extract<RunOutcome, { kind: 'succeeded' }>;

/** @param outcome undefined when the runner said nothing of the job */
export async function endJob(
  ports: EndPorts,
  job: JobRecord,
  outcome: RunOutcome | undefined,
  context: EndContext,
): Promise<void> {
  if (outcome === undefined) return endFailed(ports, job, jobError('worker_lost'), context);
  switch (outcome.kind) {
    case 'succeeded':
      return endSucceeded(ports, job, outcome, context);
    case 'canceled':
      return endCanceled(ports, job, outcome.gpuMs, context);
    case 'failed':
      return endFailed(ports, job, errorOf(outcome), context);
  }
}

/** A tenant is told in the runner's words what is wrong with its input, and in the table's what went wrong with us. */
function errorOf({ code, message, retryable }: Extract<RunOutcome, { kind: 'failed' }>): JobError {
  const words = code === 'invalid_input' ? message.slice(0, jobLimits.errorTextMax) : undefined;
  return { ...jobError(code, words), retryable };
}

async function endSucceeded(
  ports: EndPorts,
  job: JobRecord,
  outcome: Succeeded,
  context: EndContext,
): Promise<void> {
  const ranAtMs = ports.clock.nowMs();
  let outputs: JobOutput[];
  try {
    outputs = await Promise.all(outcome.files.map((file, index) => store(ports, job, outcome, file, index)));
  } catch (error) {
    ports.log.warn('output.upload_failed', { ...jobNames(job), reason: String(error) });
    return endFailed(ports, job, jobError('output_upload_failed'), context);
  }
  const nowMs = ports.clock.nowMs();
  const timings = timingsOf(job, { ...context, ranAtMs, nowMs });
  await applyTransition(
    ports,
    job,
    succeed(job, nowMs, outputs, finishedOf(ports, job, outcome, timings, context)),
  );
}

/** The runner stopped: because the tenant asked, now or beforehand, or because the worker is going away. */
async function endCanceled(
  ports: EndPorts,
  job: JobRecord,
  gpuMs: number,
  { overlong }: EndContext,
): Promise<void> {
  const isAsked = job.cancelRequestedAtMs !== null;
  if (!isAsked && !overlong.has(job.jobId)) {
    await applyTransition(ports, job, giveBack(job));
    return;
  }
  const usage = { ...nothingUsed, gpuMs };
  const nowMs = ports.clock.nowMs();
  await applyTransition(
    ports,
    job,
    cancelRunning(
      job,
      nowMs,
      { usage, costUsdMicros: costOf(ports, job, gpuMs) },
      isAsked ? 'canceled' : 'run_too_long',
    ),
  );
}

async function endFailed(
  ports: EndPorts,
  job: JobRecord,
  error: JobError,
  context: EndContext,
): Promise<void> {
  const { attempt } = job;
  ports.log.warn('attempt.failed', {
    ...jobNames(job),
    attempt,
    code: error.code,
    spent: attemptsSpent(job),
  });
  await applyTransition(ports, job, failureOf(job, error, context, ports.clock.nowMs()));
}

function failureOf(job: JobRecord, error: JobError, context: EndContext, nowMs: number): Transition {
  if (context.interrupt.aborted) return giveBack(job);
  switch (afterFailure(job, error, context)) {
    case 'wait':
      return waitForMemory(job, error, nowMs);
    case 'try again':
      return tryAgain(job, error);
    case 'fail':
      return fail(
        job,
        nowMs,
        error.code === 'worker_lost' ? jobError('poison') : { ...error, retryable: false },
      );
  }
}

async function store(
  ports: EndPorts,
  job: JobRecord,
  { answer }: Succeeded,
  file: RunFile,
  index: number,
): Promise<JobOutput> {
  const extension = file.contentType === 'image/png' ? 'png' : 'txt';
  const path = `jobs/${job.jobId}/${job.attempt}/${index}.${extension}`;
  const care = { isEncrypted: job.encrypted, retentionMs: job.retentionMs };
  await ports.blobs.put(job.tenantId, path, file.body, file.contentType, care);
  const { type, contentType, sha256, width, height } = file;
  return {
    type,
    path,
    contentType,
    bytes: file.body.byteLength,
    sha256,
    width,
    height,
    ...(answer === undefined || type !== 'text' ? {} : answerOf(job, answer, file.body)),
  };
}

/** A short text also stands in the record, for whoever asks for the job; not one that is to be stored under a key. */
function answerOf(
  { encrypted }: JobRecord,
  { finishReason }: RunAnswer,
  body: Uint8Array,
): Pick<JobOutput, 'text' | 'finishReason'> {
  const isInline = !encrypted && body.byteLength <= jobLimits.inlineTextBytesMax;
  return { finishReason, ...(isInline ? { text: new TextDecoder().decode(body) } : {}) };
}

function finishedOf(
  ports: EndPorts,
  job: JobRecord,
  outcome: Succeeded,
  timings: JobTimings,
  context: EndContext,
): Finished {
  return {
    usage: {
      gpuMs: outcome.gpuMs,
      images: job.images,
      weightedImages: job.weightedImages,
      inputTokens: outcome.answer?.promptTokens ?? 0,
      outputTokens: outcome.answer?.completionTokens ?? 0,
    },
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
function costOf(ports: EndPorts, job: JobRecord, gpuMs: number): number {
  const perHour = ports.catalog.get(job.model)?.manifest.usd_micros_per_gpu_hour ?? 0;
  return Math.min(job.reservedUsdMicros, gpuCostUsdMicros(gpuMs, perHour));
}

function timingsOf(
  job: JobRecord,
  at: Pick<EndContext, 'begunAtMs' | 'loadMs'> & { readonly ranAtMs: number; readonly nowMs: number },
): JobTimings {
  return {
    queuedMs: tookMs(job.createdAtMs, at.begunAtMs),
    loadMs: at.loadMs,
    runMs: Math.max(0, at.ranAtMs - at.begunAtMs - at.loadMs),
    uploadMs: tookMs(at.ranAtMs, at.nowMs),
  };
}
