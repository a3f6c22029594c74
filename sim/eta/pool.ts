/**
 * A pool in simulated time that starts from zero, dispatches by the product's rules, and tells every job at its
 * admission when it will start. The estimate is made from what the API would have seen: a look at most
 * `etaLimits.lookMs` old, with the jobs admitted since; and it is calibrated by every start, as the worker does.
 */
import type { Calibration, ToldStart } from '#core/eta/calibration.ts';
import { afterStarts, afterWake, calibrated, uncalibrated } from '#core/eta/calibration.ts';
import type { Outlook } from '#core/eta/outlook.ts';
import { outlookOf } from '#core/eta/outlook.ts';
import type { OutlookRules } from '#core/eta/supply.ts';
import type { JobClass, LineEntry } from '#core/job/job.ts';
import { etaLimits, workerLimits } from '#core/limits.ts';
import type { EventHeap } from '#sim/event-heap.ts';
import { createEventHeap } from '#sim/event-heap.ts';
import type { Pilotlight } from '#sim/fairness/dispatchers/pilotlight.ts';
import { createPilotlight } from '#sim/fairness/dispatchers/pilotlight.ts';
import type { SimJob } from '#sim/fairness/simulate.ts';
import type { Random } from '#sim/random.ts';
import { createRandom, exponentialMs } from '#sim/random.ts';
import type { Fleet, FleetOptions, SimWorker } from './fleet.ts';
import { createFleet, move, scale, seenWorkers } from './fleet.ts';

export interface PoolOptions extends FleetOptions {
  readonly jobs: readonly SimJob[];
  readonly seed: number;
}

/** What a job was told when it was admitted, and what became of it. */
export interface Started {
  readonly job: SimJob;
  readonly told: ToldStart;
  readonly startedAtMs: number;
}

type Event =
  | { readonly kind: 'arrival'; readonly job: SimJob }
  | { readonly kind: 'ready' | 'pick up' | 'finish'; readonly worker: SimWorker }
  | { readonly kind: 'tick' };

interface Admitted extends Omit<Started, 'startedAtMs'> {
  readonly entry: LineEntry;
}

interface Pool {
  readonly random: Random;
  readonly events: EventHeap<Event>;
  readonly dispatch: Pilotlight;
  readonly fleet: Fleet;
  readonly rules: OutlookRules;
  readonly waiting: Map<string, Admitted>;
  readonly started: Started[];
  calibration: Calibration;
  outlook: Outlook | null;
  toCome: number;
}

/** The scaler's tick on AWS. */
const tickMs = 60_000;
/** A ticket's way to an idle worker and the claim: never shorter than the first, on average longer by the second. */
const pickUpMs = { least: 30, more: 40 };
/** What a call spends once, however many jobs share it. */
const sharedMs = 200;
const loadMs = 2_000;

/** Every job, in the order of the starts. */
export function runPool(options: PoolOptions): Started[] {
  const pool = poolOf(options);
  for (const job of options.jobs) pool.events.push(job.arrivedAtMs, { kind: 'arrival', job });
  pool.events.push(tickMs, { kind: 'tick' });
  for (let next = pool.events.pop(); next !== null; next = pool.events.pop()) {
    happen(pool, next.event, next.atMs);
    ring(pool, next.atMs);
  }
  return pool.started;
}

function poolOf(options: PoolOptions): Pool {
  const random = createRandom(options.seed);
  return {
    random,
    events: createEventHeap(),
    dispatch: createPilotlight({ batchMax: options.batchMax, slackMs: loadMs }),
    fleet: createFleet(options, random),
    rules: {
      batchMax: () => options.batchMax,
      sharedMs: () => sharedMs,
      slackTag: loadMs * 1000,
      wakeMs: etaLimits.wakeMs,
      silentMs: workerLimits.silentMs,
      loadMs,
    },
    waiting: new Map(),
    started: [],
    calibration: uncalibrated,
    outlook: null,
    toCome: options.jobs.length,
  };
}

function happen(pool: Pool, event: Event, nowMs: number): void {
  switch (event.kind) {
    case 'arrival':
      admit(pool, event.job, nowMs);
      return;
    case 'ready':
      serve(pool, nowMs);
      return;
    case 'pick up':
      claim(pool, event.worker, nowMs);
      return;
    case 'finish':
      finish(pool, event.worker, nowMs);
      return;
    case 'tick':
      tick(pool, nowMs);
      return;
  }
}

/** As `submit` does, and the API's answer to it. */
function admit(pool: Pool, job: SimJob, nowMs: number): void {
  const before = look(pool, nowMs);
  const entry = pool.dispatch.admit(job, nowMs);
  const outlook = before.including(entry);
  const { start: estimate } = outlook.placeOf(entry, nowMs);
  const told = { ...estimate, ...calibrated(outlook.seen.calibration, job.class, estimate) };
  pool.waiting.set(job.jobId, { job, entry, told });
  pool.toCome -= 1;
  pool.outlook = outlook;
  if (pool.fleet.state === 'cold') ask(pool, nowMs);
}

function look(pool: Pool, nowMs: number): Outlook {
  if (pool.outlook !== null && nowMs - pool.outlook.seen.atMs < etaLimits.lookMs) return pool.outlook;
  const lineOf = (jobClass: JobClass) => {
    const line = pool.dispatch.lines[jobClass];
    return { entries: line.slice(0, etaLimits.lineWindow), isWhole: line.length <= etaLimits.lineWindow };
  };
  const seen = {
    atMs: nowMs,
    state: pool.fleet.state,
    stateSinceMs: pool.fleet.stateSinceMs,
    isPaused: false,
    calibration: pool.calibration,
    lines: { interactive: lineOf('interactive'), batch: lineOf('batch') },
    leased: pool.fleet.workers.flatMap(({ doing }) => (typeof doing === 'string' ? [] : doing.entries)),
    workers: seenWorkers(pool.fleet, nowMs),
  };
  pool.outlook = outlookOf(seen, pool.rules);
  return pool.outlook;
}

function ask(pool: Pool, nowMs: number): void {
  const running = pool.fleet.workers.filter(({ doing }) => typeof doing !== 'string').length;
  for (const worker of scale(pool.fleet, pool.waiting.size + running, nowMs)) {
    pool.events.push(worker.readyAtMs, { kind: 'ready', worker });
  }
}

function tick(pool: Pool, nowMs: number): void {
  ask(pool, nowMs);
  if (pool.toCome > 0 || pool.waiting.size > 0) pool.events.push(nowMs + tickMs, { kind: 'tick' });
}

/** As `work` does when it begins. */
function serve(pool: Pool, nowMs: number): void {
  const { fleet } = pool;
  if (fleet.state === 'waking') pool.calibration = afterWake(pool.calibration, nowMs - fleet.stateSinceMs);
  if (fleet.state !== 'idle') move(fleet, 'warm', nowMs);
}

/** Workers without work go for the line while there is more in it than others are on their way to. */
function ring({ fleet, dispatch, events, random }: Pool, nowMs: number): void {
  const { interactive, batch } = dispatch.lines;
  const onTheirWay = fleet.workers.filter(({ doing }) => doing === 'picking up').length;
  let left = interactive.length + batch.length - onTheirWay;
  for (const worker of fleet.workers) {
    if (left <= 0) return;
    if (worker.readyAtMs > nowMs || worker.doing !== 'nothing') continue;
    worker.doing = 'picking up';
    left -= 1;
    const afterMs = pickUpMs.least + exponentialMs(random, pickUpMs.more);
    events.push(nowMs + afterMs, { kind: 'pick up', worker });
  }
}

function claim(pool: Pool, worker: SimWorker, nowMs: number): void {
  const jobs = pool.dispatch.claim(worker.id, nowMs);
  if (jobs.length === 0) {
    worker.doing = 'nothing';
    return;
  }
  const admitted = jobs.map((job) => takeOut(pool, job));
  const workerId = String(worker.id);
  worker.doing = { jobs, entries: admitted.map(({ entry }) => ({ ...entry, workerId })) };
  const starts = admitted.map(({ entry: _, ...start }) => ({ ...start, startedAtMs: nowMs }));
  pool.started.push(...starts);
  const seen = starts.map(({ job, told }) => {
    return { class: job.class, told, waitedMs: nowMs - job.arrivedAtMs };
  });
  pool.calibration = afterStarts(pool.calibration, seen);
  const runMs = jobs.reduce((sum, job) => sum + job.usedGpuMs, 0) - (jobs.length - 1) * sharedMs;
  pool.events.push(nowMs + Math.max(1, runMs), { kind: 'finish', worker });
}

function finish(pool: Pool, worker: SimWorker, nowMs: number): void {
  if (typeof worker.doing === 'string') return;
  for (const job of worker.doing.jobs) pool.dispatch.settle(job, nowMs);
  worker.doing = 'nothing';
}

function takeOut({ waiting }: Pool, job: SimJob): Admitted {
  const admitted = waiting.get(job.jobId);
  if (admitted === undefined) throw new Error(`${job.jobId} was claimed and not admitted`);
  waiting.delete(job.jobId);
  return admitted;
}
