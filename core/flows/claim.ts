/**
 * What a worker does with the tickets it received: find the jobs to run now. A ticket names a job only as a hint; the
 * line decides (late binding). In order:
 *
 * 1. a redelivered ticket means that some worker fell silent: jobs whose lease ran out come first, one at a time,
 *    because one of them may be what silenced it;
 * 2. the line, by fair tag, filled up to a batch that fits the card and the allotment of every tenant in it;
 * 3. the jobs that the tickets name, read consistently: the index behind the line may lag.
 *
 * A tenant with `running_jobs_max` takes a place in its gate before the claim, one conditional write. A crash in
 * between leaves the place with a job that waits: it is not running, but it is the next of its tenant to be claimed,
 * under that place. Jobs of a tenant without a free place are passed over and keep their tags, and so are jobs that wait
 * for memory of a card.
 */
import { batchShareOf, chooseBatch, inARowAfter } from '../dispatch/choose-batch.ts';
import { fillBatch, roomMbOf } from '../dispatch/packing.ts';
import type { JobRecord, LineEntry } from '../job/job.ts';
import { jobClasses, lineEntryOf } from '../job/job.ts';
import { claim, expire, isHeldUp, isOverdue, reclaim } from '../job/transitions.ts';
import { workerLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import { residentMbOf } from '../models/manifest.ts';
import type { Pools } from '../ports/pools.ts';
import type { Clock } from '../ports/process.ts';
import type { HeldTicket } from '../ports/tickets.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';

export interface ClaimPorts extends ApplyPorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly pools: Pools;
}

/** A worker as dispatch sees it. */
export interface WorkerView {
  readonly workerId: string;
  readonly pool: string;
  readonly resident: ReadonlySet<string>;
  /** Claims of interactive jobs since the last batch-class claim, while batch jobs waited. */
  readonly interactiveInARow: number;
  /**
   * Memory of its card.
   * @default no bound is known
   */
  readonly gpuMemoryMb?: number | undefined;
  /**
   * Attempts that it has in hand, by {@link attemptName}. A line that lags shows them as waiting still, and a claim of one in the
   * very millisecond in which its lease is renewed cannot be told from the claim that it was taken with.
   * @default none
   */
  readonly inHand?: ReadonlySet<string>;
}

/** Names one attempt of one job. */
export function attemptName({ jobId, attempt }: Pick<JobRecord, 'jobId' | 'attempt'>): string {
  return `${jobId} ${attempt}`;
}

export interface Claimed {
  /** All of one batch key. */
  readonly jobs: readonly JobRecord[];
  readonly interactiveInARow: number;
}

type Lines = Readonly<Record<LineEntry['class'], readonly LineEntry[]>>;

interface LineHead {
  readonly entries: readonly LineEntry[];
  /** The line may go on behind them. */
  readonly isCut: boolean;
  /** Some of what was seen waits for memory: others may wait behind. */
  readonly hidesOthers: boolean;
}

/** What this claim found out that the line does not show. */
interface Passed {
  /** Jobs that another worker took. */
  readonly lost: Set<string>;
  /** Tenants without a free place, with the jobs that hold one. */
  readonly full: Map<string, ReadonlySet<string>>;
}

export async function claimBatch(
  ports: ClaimPorts,
  worker: WorkerView,
  held: readonly HeldTicket[],
): Promise<Claimed> {
  if (held.some((ticket) => ticket.deliveries > 1)) {
    const taken = await claimLapsed(ports, worker);
    if (taken !== null) return { jobs: [taken], interactiveInARow: worker.interactiveInARow };
  }
  const fromLine = await claimFromLine(ports, worker);
  if (fromLine.jobs.length > 0) return fromLine;
  const hinted = await claimHinted(ports, worker, held);
  return { jobs: hinted === null ? [] : [hinted], interactiveInARow: worker.interactiveInARow };
}

async function claimLapsed(ports: ClaimPorts, worker: WorkerView): Promise<JobRecord | null> {
  const nowMs = ports.clock.nowMs();
  const passed = nothingPassed();
  for (const entry of await ports.jobs.lapsed(worker.pool, nowMs, workerLimits.lineWindow)) {
    const job = await reclaimEntry(ports, worker, entry, passed);
    if (job !== null) return job;
  }
  return null;
}

/** Reads further where all that it saw of a line belongs to tenants without a free place: others may wait behind. */
async function claimFromLine(ports: ClaimPorts, worker: WorkerView): Promise<Claimed> {
  const passed = nothingPassed();
  for (let window = workerLimits.lineWindow; ; window *= windowGrowth) {
    const [interactive, batch] = await Promise.all([
      readLine(ports, worker.pool, 'interactive', window),
      readLine(ports, worker.pool, 'batch', window),
    ]);
    const found = await claimChosen(ports, worker, { interactive, batch }, passed);
    if (found !== 'look further') return found;
  }
}

/** The head of a line without the jobs that may no longer start, which expire here, and those that may not start yet. */
async function readLine(
  ports: ClaimPorts,
  pool: string,
  jobClass: LineEntry['class'],
  window: number,
): Promise<LineHead> {
  const entries = await ports.jobs.line(pool, jobClass, window);
  const nowMs = ports.clock.nowMs();
  const overdue = entries.filter((entry) => isOverdue(entry, nowMs));
  await Promise.all(overdue.map((entry) => expireOverdue(ports, entry)));
  const open = entries.filter((entry) => !isOverdue(entry, nowMs));
  const claimable = open.filter((entry) => !isHeldUp(entry, nowMs));
  return {
    entries: claimable,
    isCut: entries.length >= window,
    hidesOthers: claimable.length < open.length,
  };
}

/**
 * Claims the best job and its mates. Every worker tries the head and goes on to the next entry on a conflict:
 * choosing at random to avoid races makes quiet tenants wait (scaling.md 4.4).
 */
async function claimChosen(
  ports: ClaimPorts,
  worker: WorkerView,
  heads: Record<LineEntry['class'], LineHead>,
  passed: Passed,
): Promise<Claimed | 'look further'> {
  const { catalog } = ports;
  const lines = { interactive: heads.interactive.entries, batch: heads.batch.entries };
  const batchMax = (entry: LineEntry) => catalog.get(entry.model)?.manifest.batch_max ?? 1;
  for (;;) {
    const left = openLines(lines, passed);
    const isBlind = jobClasses.some((jobClass) => heads[jobClass].isCut && left[jobClass].length === 0);
    const hidesOthers = jobClasses.some((jobClass) => heads[jobClass].hidesOthers);
    if (isBlind && (passed.full.size > 0 || hidesOthers)) return 'look further';
    const { head, mates, virtualTime } = chooseBatch({
      ...worker,
      lines: left,
      batchMax,
      slackTag: slackTag(ports, worker.pool),
      batchShareOf,
    });
    if (head === null) return { jobs: [], interactiveInARow: worker.interactiveInARow };
    const first = await claimEntry(ports, worker, head, passed);
    if (first === null) continue;
    const roomMb = roomMbOf(head, residentMbOf(catalog, head.model), worker.gpuMemoryMb);
    const room = { jobsMax: batchMax(head), roomMb };
    const jobs = await claimMates(ports, worker, { first, mates, passed, ...room });
    await ports.pools.advance(worker.pool, head.class, virtualTime);
    return { jobs, interactiveInARow: inARowAfter({ ...worker, lines: left }, head.class) };
  }
}

/**
 * The batch: the first job and those of the mates that fit beside it, in their order. A mate lost to another worker
 * makes room for the next.
 */
async function claimMates(
  ports: ClaimPorts,
  worker: WorkerView,
  ask: {
    readonly first: JobRecord;
    readonly mates: readonly LineEntry[];
    readonly passed: Passed;
    readonly jobsMax: number;
    readonly roomMb: number;
  },
): Promise<JobRecord[]> {
  const batch = [ask.first];
  const tried = new Set<LineEntry>();
  for (;;) {
    const candidates = ask.mates.filter((entry) => !tried.has(entry) && isOpen(entry, ask.passed));
    const wave = fillBatch(batch, candidates, ask);
    if (wave.length === 0) return batch;
    for (const entry of wave) tried.add(entry);
    const jobs = await Promise.all(wave.map((entry) => claimEntry(ports, worker, entry, ask.passed)));
    batch.push(...jobs.filter((job) => job !== null));
  }
}

async function claimHinted(
  ports: ClaimPorts,
  worker: WorkerView,
  held: readonly HeldTicket[],
): Promise<JobRecord | null> {
  const passed = nothingPassed();
  for (const { tenantId, jobId } of held) {
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null || job.pool !== worker.pool) continue;
    const claimed = await claimRecord(ports, worker, job, passed);
    if (claimed !== null) return claimed;
  }
  return null;
}

async function claimRecord(
  ports: ClaimPorts,
  worker: WorkerView,
  job: JobRecord,
  passed: Passed,
): Promise<JobRecord | null> {
  const nowMs = ports.clock.nowMs();
  switch (job.place.kind) {
    case 'line': {
      const entry = lineEntryOf(job);
      return isHeldUp(entry, nowMs) ? null : claimEntry(ports, worker, entry, passed);
    }
    case 'lease':
      if (job.place.expiresAtMs >= nowMs) return null;
      return reclaimEntry(ports, worker, lineEntryOf(job), passed);
    case 'done':
      return null;
  }
}

/** Null when another worker was first, when it is too late, or when the tenant has no place free; `passed` then says so. */
async function claimEntry(
  ports: ClaimPorts,
  worker: WorkerView,
  entry: LineEntry,
  passed: Passed,
): Promise<JobRecord | null> {
  if (isInHand(worker, entry)) {
    passed.lost.add(entry.jobId);
    return null;
  }
  if (!(await takePlace(ports, entry, passed))) return null;
  // Since the line was looked at, the place or other claims may have taken their time, or the whole process was held.
  if (await expireOverdue(ports, entry)) {
    passed.lost.add(entry.jobId);
    return null;
  }
  const job = await applyTransition(ports, entry, claim(entry, worker.workerId, ports.clock.nowMs()));
  // Whoever has the job now runs it under the very place that was taken for it.
  if (job === null) passed.lost.add(entry.jobId);
  return job;
}

async function expireOverdue(ports: ClaimPorts, entry: LineEntry): Promise<boolean> {
  const nowMs = ports.clock.nowMs();
  if (!isOverdue(entry, nowMs)) return false;
  await applyTransition(ports, entry, expire(entry, nowMs));
  return true;
}

/** As {@link claimEntry}, for a lease that ran out: its job still holds its place, under the attempt before. */
async function reclaimEntry(
  ports: ClaimPorts,
  worker: WorkerView,
  entry: LineEntry,
  passed: Passed,
): Promise<JobRecord | null> {
  if (isInHand(worker, entry) || !(await takePlace(ports, entry, passed))) return null;
  return applyTransition(ports, entry, reclaim(entry, worker.workerId, ports.clock.nowMs()));
}

/** Whether the attempt that a claim of the entry would begin has begun in this worker. */
function isInHand({ inHand }: WorkerView, { jobId, attempt }: LineEntry): boolean {
  return inHand?.has(attemptName({ jobId, attempt: attempt + 1 })) === true;
}

/** A place among the running jobs of the entry's tenant, for the attempt that the claim begins. */
async function takePlace(ports: ClaimPorts, entry: LineEntry, passed: Passed): Promise<boolean> {
  const { tenantId, jobId, attempt, runningJobsMax } = entry;
  if (runningJobsMax === null) return true;
  const outcome = await ports.gates.start(tenantId, jobId, attempt + 1, runningJobsMax);
  switch (outcome.kind) {
    case 'started':
      return true;
    case 'full':
      passed.full.set(tenantId, new Set(outcome.holders));
      return false;
    case 'gone':
      passed.lost.add(jobId);
      return false;
  }
}

function nothingPassed(): Passed {
  return { lost: new Set(), full: new Map() };
}

/** The lines without what this claim has passed over: those jobs take no part in the virtual time either. */
function openLines(lines: Lines, passed: Passed): Lines {
  return {
    interactive: lines.interactive.filter((entry) => isOpen(entry, passed)),
    batch: lines.batch.filter((entry) => isOpen(entry, passed)),
  };
}

function isOpen(entry: LineEntry, { lost, full }: Passed): boolean {
  if (lost.has(entry.jobId)) return false;
  const holders = entry.runningJobsMax === null ? undefined : full.get(entry.tenantId);
  return holders === undefined || holders.has(entry.jobId);
}

/** One model load's worth of GPU time: what preferring a resident model may cost the head of the line. */
function slackTag(ports: ClaimPorts, pool: string): number {
  const loadMs = ports.catalog.poolModels(pool).map(({ manifest }) => manifest.time.load_ms);
  return Math.max(0, ...loadMs) * 1000;
}

/** Each further look at a line sees this many times more of it, so a long one is read a few times and no more. */
const windowGrowth = 4;
