/**
 * What a worker does with the tickets it received: find the jobs to run now. A ticket names a job only as a hint; the
 * line decides (late binding). In order:
 *
 * 1. a redelivered ticket means that some worker fell silent: jobs whose lease ran out come first, one at a time,
 *    because one of them may be what silenced it;
 * 2. the line, by fair tag, filled up to a batch;
 * 3. the jobs that the tickets name, read consistently: the index behind the line may lag.
 */
import { batchShareOf, chooseBatch, chooseClass, inARowAfter } from '../dispatch/choose-batch.ts';
import type { JobRecord, LineEntry } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim, expire, isOverdue, reclaim } from '../job/transitions.ts';
import { workerLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Clock, HeldTicket, Pools } from '../ports.ts';
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
}

export interface Claimed {
  /** All of one batch key. */
  readonly jobs: readonly JobRecord[];
  readonly interactiveInARow: number;
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
  for (const entry of await ports.jobs.lapsed(worker.pool, nowMs, workerLimits.lineWindow)) {
    const job = await applyTransition(ports, entry, reclaim(entry, worker.workerId, nowMs));
    if (job !== null) return job;
  }
  return null;
}

async function claimFromLine(ports: ClaimPorts, worker: WorkerView): Promise<Claimed> {
  const [interactive, batch] = await Promise.all([
    readLine(ports, worker.pool, 'interactive'),
    readLine(ports, worker.pool, 'batch'),
  ]);
  const lines = { interactive, batch };
  const jobClass = chooseClass({ ...worker, lines, batchShareOf });
  const { jobs, virtualTime } = await claimChosen(ports, worker, lines);
  const [head] = jobs;
  if (head === undefined) return { jobs, interactiveInARow: worker.interactiveInARow };
  await ports.pools.advance(worker.pool, head.class, virtualTime);
  return { jobs, interactiveInARow: inARowAfter({ ...worker, lines }, jobClass) };
}

/** The head of a line without the jobs that may no longer start: those expire here. */
async function readLine(ports: ClaimPorts, pool: string, jobClass: LineEntry['class']): Promise<LineEntry[]> {
  const entries = await ports.jobs.line(pool, jobClass, workerLimits.lineWindow);
  const nowMs = ports.clock.nowMs();
  const overdue = entries.filter((entry) => isOverdue(entry, nowMs));
  await Promise.all(overdue.map((entry) => applyTransition(ports, entry, expire(entry, nowMs))));
  return entries.filter((entry) => !isOverdue(entry, nowMs));
}

/**
 * Claims the best job and its mates. Every worker tries the head and goes on to the next entry on a conflict:
 * choosing at random to avoid races makes quiet tenants wait (scaling.md 4.4).
 */
async function claimChosen(
  ports: ClaimPorts,
  worker: WorkerView,
  lines: Record<LineEntry['class'], LineEntry[]>,
): Promise<{ jobs: JobRecord[]; virtualTime: number }> {
  const batchMax = (entry: LineEntry) => ports.catalog.get(entry.model)?.manifest.batch_max ?? 1;
  const lost = new Set<string>();
  for (;;) {
    const left = {
      interactive: lines.interactive.filter((entry) => !lost.has(entry.jobId)),
      batch: lines.batch.filter((entry) => !lost.has(entry.jobId)),
    };
    const { head, mates, virtualTime } = chooseBatch({
      ...worker,
      lines: left,
      batchMax,
      slackTag: slackTag(ports, worker.pool),
      batchShareOf,
    });
    if (head === null) return { jobs: [], virtualTime };
    const first = await claimEntry(ports, worker, head);
    if (first === null) {
      lost.add(head.jobId);
      continue;
    }
    const others = await claimMates(ports, worker, mates, batchMax(head) - 1);
    return { jobs: [first, ...others], virtualTime };
  }
}

/** Up to `max` of the mates, in their order; a mate lost to another worker makes room for the next. */
async function claimMates(
  ports: ClaimPorts,
  worker: WorkerView,
  mates: readonly LineEntry[],
  max: number,
): Promise<JobRecord[]> {
  const claimed: JobRecord[] = [];
  let next = 0;
  while (claimed.length < max && next < mates.length) {
    const wave = mates.slice(next, next + max - claimed.length);
    next += wave.length;
    const jobs = await Promise.all(wave.map((entry) => claimEntry(ports, worker, entry)));
    claimed.push(...jobs.filter((job) => job !== null));
  }
  return claimed;
}

async function claimHinted(
  ports: ClaimPorts,
  worker: WorkerView,
  held: readonly HeldTicket[],
): Promise<JobRecord | null> {
  for (const { tenantId, jobId } of held) {
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null || job.pool !== worker.pool) continue;
    const claimed = await claimRecord(ports, worker, job);
    if (claimed !== null) return claimed;
  }
  return null;
}

async function claimRecord(ports: ClaimPorts, worker: WorkerView, job: JobRecord): Promise<JobRecord | null> {
  const nowMs = ports.clock.nowMs();
  switch (job.place.kind) {
    case 'line':
      if (!isOverdue(job, nowMs)) return claimEntry(ports, worker, lineEntryOf(job));
      await applyTransition(ports, job, expire(job, nowMs));
      return null;
    case 'lease':
      if (job.place.expiresAtMs >= nowMs) return null;
      return applyTransition(ports, job, reclaim(job, worker.workerId, nowMs));
    case 'done':
      return null;
  }
}

function claimEntry(ports: ClaimPorts, worker: WorkerView, entry: LineEntry): Promise<JobRecord | null> {
  return applyTransition(ports, entry, claim(entry, worker.workerId, ports.clock.nowMs()));
}

/** One model load's worth of GPU time: what preferring a resident model may cost the head of the line. */
function slackTag(ports: ClaimPorts, pool: string): number {
  const loadMs = ports.catalog.poolModels(pool).map(({ manifest }) => manifest.time.load_ms);
  return Math.max(0, ...loadMs) * 1000;
}
