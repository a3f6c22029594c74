/**
 * One claimed batch on its way: adapters, load, run, store the results, finish, settle. From its claim to its end a pulse
 * renews the leases, carries progress and brings back cancellations.
 *
 * A batch may be claimed, and its adapters fetched, while another one runs, and its jobs are ended while the next one runs:
 * only while `run` is under way does it have the runner.
 *
 * Safety rests on the attempt number alone: a worker whose lease another took over finds every write refused, and its
 * results lie under a path that nothing names.
 */
import { roomMbOf } from '../dispatch/packing.ts';
import type { JobRecord } from '../job/job.ts';
import { afterClaim, cancelRunning, fail, jobError } from '../job/transitions.ts';
import { tookMs } from '../jumping-clock.ts';
import { residentMbOf } from '../models/manifest.ts';
import { traceIdOf } from '../observability/trace.ts';
import type { Ids } from '../ports/process.ts';
import type { LoadOutcome, RunAdapter, RunEvents, RunNeeds, Runner, RunOutcome } from '../ports/runner.ts';
import { applyTransition } from './apply.ts';
import type { EndContext, EndPorts } from './end-job.ts';
import { endJob } from './end-job.ts';
import { startPulse } from './pulse.ts';
import { startRunBounds } from './run-bounds.ts';
import type { AdaptersTaken, TakeAdaptersPorts } from './take-adapters.ts';
import { takeAdapters } from './take-adapters.ts';
import type { PicturesTaken } from './take-pictures.ts';
import { takePictures } from './take-pictures.ts';
import type { TellPorts } from './tell-text.ts';
import { startTelling } from './tell-text.ts';

export interface RunPorts extends EndPorts, TakeAdaptersPorts, TellPorts {
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

export interface Batch {
  /** Of its claimed jobs, those that are to be run. */
  readonly jobs: readonly JobRecord[];
  /**
   * Loads and runs; resolves once the runner is free again. To be called once. Where it rejects the batch is over: its
   * leases run out.
   */
  run(watch: RunWatch): Promise<void>;
  /** Ends every job by what `run` found; without one, it goes back to the line. */
  end(): Promise<void>;
}

export interface RunWatch {
  /** The model is there and the call begins. */
  onBegun(): void;
  onProgress(step: number, steps: number): void;
}

/** Takes the batch on; jobs that are not to be run any more, or that no worker of this kind can run, end here. */
export async function takeBatch(ports: RunPorts, ask: RunAsk): Promise<Batch> {
  const jobs: JobRecord[] = [];
  for (const job of ask.jobs) if (!(await endsAtOnce(ports, job, ask.gpuMemoryMb))) jobs.push(job);
  const pulse = startPulse(ports, { ...ask, jobs });
  const telling = startTelling(ports, jobs);
  const [taken, pictures] = await Promise.all([adaptersOf(ports, jobs), takePictures(ports, jobs)]);
  let ran: Ran | null = null;
  async function drop(): Promise<void> {
    if (taken.kind === 'taken') taken.release();
    await pulse.stop();
  }
  return {
    jobs,
    async run(watch) {
      try {
        const events = { ...pulse.events, ...telling.events };
        ran = await runCall(ports, { ...ask, jobs, taken, pictures }, events, watch);
      } catch (error) {
        await drop();
        throw error;
      } finally {
        pulse.callEnded();
      }
    },
    async end() {
      const { outcomes, ...call } = ran ?? notRun(jobs, ports.clock.nowMs());
      const context: EndContext = { ...ask, ...call };
      try {
        await Promise.all(
          jobs.map(async (job) => {
            // Whoever sees that the job has ended finds all that it said.
            await telling.finish(job);
            await endJob(ports, pulse.latest(job), outcomes.get(job.jobId), context);
          }),
        );
      } finally {
        await drop();
      }
    },
  };
}

/** Jobs that share a call have the same. */
async function adaptersOf(ports: RunPorts, [first]: readonly JobRecord[]): Promise<AdaptersTaken> {
  return first === undefined
    ? { kind: 'taken', adapters: [], release: () => undefined }
    : takeAdapters(ports, first);
}

interface Ran extends Pick<EndContext, 'batchSize' | 'hadMates' | 'begunAtMs' | 'loadMs' | 'overlong'> {
  readonly outcomes: ReadonlyMap<string, RunOutcome>;
}

interface Call extends RunAsk {
  readonly taken: AdaptersTaken;
  readonly pictures: PicturesTaken;
}

async function runCall(ports: RunPorts, call: Call, events: RunEvents, watch: RunWatch): Promise<Ran> {
  const { taken, pictures } = call;
  const jobs = call.jobs.filter(({ jobId }) => !pictures.outcomes.has(jobId));
  const begunAtMs = ports.clock.nowMs();
  const [first] = jobs;
  if (first === undefined) return { ...notRun(jobs, begunAtMs), outcomes: pictures.outcomes };
  if (taken.kind === 'failed') {
    const { retryable } = taken;
    const failed = { kind: 'failed', code: 'adapter_error', message: '', retryable, gpuMs: 0 } as const;
    return { ...notRun(jobs, begunAtMs), outcomes: sameForAll(call.jobs, failed) };
  }
  const loaded = await ports.runner.load(first.model, first.modelRevision, needsOf(jobs));
  // The wait as the job sees it: a load that prewarming began earlier counts from here only.
  const loadMs = tookMs(begunAtMs, ports.clock.nowMs());
  watch.onBegun();
  const bounds = startRunBounds(ports, jobs);
  const loadedCall = { ...call, ...taken, jobs };
  const ran = await runLoaded(ports, loadedCall, loaded, watched(events, watch)).finally(bounds.stop);
  const outcomes = new Map([...ran, ...pictures.outcomes]);
  // A model that did not fit was nobody's fault in the batch: alone it would not fit either.
  const hadMates = loaded.kind === 'loaded' && jobs.length > 1;
  return { outcomes, batchSize: jobs.length, hadMates, begunAtMs, loadMs, overlong: bounds.overlong };
}

function watched(events: RunEvents, watch: RunWatch): RunEvents {
  return {
    ...events,
    onProgress(itemId, step, steps) {
      events.onProgress(itemId, step, steps);
      watch.onProgress(step, steps);
    },
  };
}

function notRun(jobs: readonly JobRecord[], nowMs: number): Ran {
  const outcomes = sameForAll(jobs, { kind: 'canceled', gpuMs: 0 });
  const overlong = new Set<string>();
  return { outcomes, batchSize: jobs.length, hadMates: false, begunAtMs: nowMs, loadMs: 0, overlong };
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
  const roomMb = roomMbOf(job, residentMbOf(ports.catalog, job.model), gpuMemoryMb);
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
  { jobs, interrupt, adapters, pictures }: Call & { readonly adapters: readonly RunAdapter[] },
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
      items: jobs.map((job) => ({ id: job.jobId, params: pictures.inputs.get(job.jobId) ?? job.input })),
      adapters,
      needs: needsOf(jobs),
      traceIds: jobs.flatMap(({ traceparent }) => traceIdOf(traceparent) ?? []),
    },
    events,
  );
}

function sameForAll(jobs: readonly JobRecord[], outcome: RunOutcome): ReadonlyMap<string, RunOutcome> {
  return new Map(jobs.map((job) => [job.jobId, outcome]));
}
