/**
 * A pool in simulated time: workers that never fail, jobs that arrive, and a dispatcher that says which go next. A
 * batch holds its worker for the sum of its jobs' GPU time. Nothing else takes time, so that what is measured is the
 * order and only the order.
 */
import type { JobClass } from '#core/job/job.ts';
import { createEventHeap } from '../event-heap.ts';

export interface SimJob {
  readonly jobId: string;
  readonly tenantId: string;
  readonly weight: number;
  readonly class: JobClass;
  readonly model: string;
  readonly batchKey: string;
  readonly arrivedAtMs: number;
  readonly predictedGpuMs: number;
  readonly usedGpuMs: number;
}

/** Decides the order; told of everything that the product would tell its own rules. */
export interface Dispatcher {
  admit(job: SimJob, nowMs: number): void;
  /** What this worker runs now; empty only when nothing waits. */
  claim(worker: number, nowMs: number): readonly SimJob[];
  settle(job: SimJob, nowMs: number): void;
}

export interface World {
  readonly workers: number;
  readonly jobs: readonly SimJob[];
  /** The job that a tenant submits when one of its own ended: closed-loop tenants. */
  readonly follow?: (ended: SimJob, nowMs: number) => SimJob | null;
  /** Nothing happens after this time; without it, the run ends when nothing is left. */
  readonly untilMs?: number;
}

/** One job that was claimed. */
export interface Served {
  readonly job: SimJob;
  readonly worker: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

type Event =
  | { readonly kind: 'arrival'; readonly job: SimJob }
  | { readonly kind: 'finish'; readonly worker: number; readonly jobs: readonly SimJob[] };

/** Every job that was claimed, in the order of the claims. */
export function simulate(world: World, dispatcher: Dispatcher): readonly Served[] {
  const events = createEventHeap<Event>();
  const idle = Array.from({ length: world.workers }, (_, index) => world.workers - 1 - index);
  const served: Served[] = [];
  for (const job of world.jobs) events.push(job.arrivedAtMs, { kind: 'arrival', job });

  for (let next = events.pop(); next !== null; next = events.pop()) {
    const { atMs, event } = next;
    if (atMs > (world.untilMs ?? Number.POSITIVE_INFINITY)) break;
    if (event.kind === 'finish') idle.push(event.worker);
    tell(world, dispatcher, event, atMs);
    // All that happens at one moment comes before what is decided at that moment.
    if (events.nextAtMs() > atMs) claimAll(atMs);
  }
  return served;

  function claimAll(nowMs: number): void {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) {
      const jobs = dispatcher.claim(worker, nowMs);
      if (jobs.length === 0) {
        idle.push(worker);
        return;
      }
      const finishedAtMs = nowMs + jobs.reduce((sum, job) => sum + job.usedGpuMs, 0);
      for (const job of jobs) served.push({ job, worker, startedAtMs: nowMs, finishedAtMs });
      events.push(finishedAtMs, { kind: 'finish', worker, jobs });
    }
  }
}

function tell(world: World, dispatcher: Dispatcher, event: Event, nowMs: number): void {
  if (event.kind === 'arrival') {
    dispatcher.admit(event.job, nowMs);
    return;
  }
  for (const job of event.jobs) dispatcher.settle(job, nowMs);
  for (const job of event.jobs) {
    const follower = world.follow?.(job, nowMs) ?? null;
    if (follower !== null) dispatcher.admit(follower, nowMs);
  }
}
