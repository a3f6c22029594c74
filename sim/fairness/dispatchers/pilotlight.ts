/**
 * The product's dispatch: its own tags, its own choice, its own true-up, in the order in which the flows call them.
 * What a store would hold (finish tags, virtual time, lines) is held here; no rule is written here.
 */
import {
  batchShareOf,
  chooseBatch,
  chooseClass,
  inARowAfter,
  modelKey,
} from '#core/dispatch/choose-batch.ts';
import { lineName, startTag, tagCost, trueUpDelta } from '#core/dispatch/fair-tags.ts';
import { fillBatch } from '#core/dispatch/packing.ts';
import type { JobClass, LineEntry } from '#core/job/job.ts';
import { workerLimits } from '#core/limits.ts';
import { compareText, insertSorted, removeSorted } from '#sim/memory/sorted.ts';
import type { Dispatcher, SimJob } from '../simulate.ts';

export interface PilotlightOptions {
  /** How many jobs fit one call. */
  readonly batchMax?: number;
  /** One model load's worth of GPU time. */
  readonly slackMs?: number;
  /** Whether settling moves the finish tag; the product always does, a run without it shows why. */
  readonly trueUp?: boolean;
}

interface Waiting {
  readonly job: SimJob;
  readonly entry: LineEntry;
}

/** The product's dispatch, open to those who look at its lines. */
export interface Pilotlight extends Dispatcher {
  /** The entry that the job stands in the line with. */
  admit(job: SimJob, nowMs: number): LineEntry;
  readonly lines: Readonly<Record<JobClass, readonly LineEntry[]>>;
}

export function createPilotlight(options: PilotlightOptions = {}): Pilotlight {
  const { batchMax = 1, slackMs = 0, trueUp = true } = options;
  const finishTags = new Map<string, number>();
  const lines: Record<JobClass, LineEntry[]> = { interactive: [], batch: [] };
  const waiting = new Map<string, Waiting>();
  const inARow = new Map<number, number>();
  const resident = new Map<number, ReadonlySet<string>>();
  const virtualTimes: Record<JobClass, number> = { interactive: 0, batch: 0 };

  return {
    lines,

    /** As `submit` does: the gate adds the cost, the place follows, a tenant that was idle is lifted. */
    admit(job) {
      const cost = tagCost(job.predictedGpuMs, job.weight);
      const finishTag = finishTagOf(job) + cost;
      const { tag, lift } = startTag(finishTag, cost, virtualTimes[job.class]);
      finishTags.set(positionOf(job), lift?.to ?? finishTag);
      const entry = entryOf(job, tag);
      waiting.set(job.jobId, { job, entry });
      insertSorted(lines[job.class], entry, byTag);
      return entry;
    },

    /** As `claimBatch` does with a line that no other worker takes from. */
    claim(worker) {
      const heads = {
        interactive: lines.interactive.slice(0, workerLimits.lineWindow),
        batch: lines.batch.slice(0, workerLimits.lineWindow),
      };
      const ask = {
        lines: heads,
        resident: resident.get(worker) ?? new Set(),
        batchMax: () => batchMax,
        slackTag: slackMs * 1000,
        interactiveInARow: inARow.get(worker) ?? 0,
        batchShareOf,
      };
      const { head, mates, virtualTime } = chooseBatch(ask);
      if (head === null) return [];
      const room = { jobsMax: batchMax, roomMb: Number.POSITIVE_INFINITY };
      const entries = [head, ...fillBatch([head], mates, room)];
      virtualTimes[head.class] = Math.max(virtualTimes[head.class], virtualTime);
      inARow.set(worker, inARowAfter(ask, chooseClass(ask)));
      resident.set(worker, new Set([modelKey(head)]));
      return entries.map(takeOut);
    },

    /** As `settle` does. */
    settle(job) {
      if (!trueUp) return;
      const cost = tagCost(job.predictedGpuMs, job.weight);
      const delta = trueUpDelta({ tagCost: cost, predictedGpuMs: job.predictedGpuMs }, job.usedGpuMs);
      finishTags.set(positionOf(job), finishTagOf(job) + delta);
    },
  };

  function finishTagOf(job: SimJob): number {
    return finishTags.get(positionOf(job)) ?? 0;
  }

  function takeOut(entry: LineEntry): SimJob {
    const found = waiting.get(entry.jobId);
    if (found === undefined) throw new Error(`${entry.jobId} was claimed twice`);
    waiting.delete(entry.jobId);
    removeSorted(lines[entry.class], entry, byTag);
    return found.job;
  }
}

/** Of the finish tag: a tenant has one in every line. */
function positionOf(job: SimJob): string {
  return `${job.tenantId} ${lineName('pool', job.class)}`;
}

function entryOf(job: SimJob, tag: number): LineEntry {
  return {
    tenantId: job.tenantId,
    jobId: job.jobId,
    pool: 'pool',
    class: job.class,
    tag,
    tagCost: tagCost(job.predictedGpuMs, job.weight),
    model: job.model,
    modelRevision: '1',
    batchKey: job.batchKey,
    predictedGpuMs: job.predictedGpuMs,
    memoryMb: 0,
    allotmentMb: null,
    runningJobsMax: null,
    isolation: 'shared',
    attempt: 0,
    startByMs: Number.MAX_SAFE_INTEGER,
    notBeforeMs: null,
    workerId: null,
  };
}

/** The order of a line; of equal tags, by ids, as the stores have it. */
function byTag(left: LineEntry, right: LineEntry): number {
  return (
    left.tag - right.tag || compareText(left.tenantId, right.tenantId) || compareText(left.jobId, right.jobId)
  );
}
