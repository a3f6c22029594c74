/** The stores of a world: in memory, lagging and whimsical as the scenario says, watched by the checker. */
import type { Gates } from '#core/ports/gates.ts';
import type { Ledger } from '#core/ports/ledger.ts';
import type { Ids } from '#core/ports/process.ts';
import type { Ticket } from '#core/ports/tickets.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import { createMemoryWorld } from '../memory/memory-world.ts';
import type { Random } from '../random.ts';
import { noteJob, readyBytes, watchAdapters } from './adapters.ts';
import { watchFiles } from './drops.ts';
import type { History } from './history.ts';
import { hasGone, ownBytesOf } from './history.ts';
import { createLaggingJobs } from './lagging-jobs.ts';
import type { Loop } from './loop.ts';
import { watchPictures } from './pictures.ts';
import type { QueueBounds } from './quirks.ts';
import type { Scenario } from './scenario.ts';
import { checkStored } from './step-checker.ts';
import { fileBytes, watchBrought } from './tenant-files.ts';
import { checkWarmup } from './warmups.ts';
import { watchDeliveries } from './webhooks.ts';
import { createWhimsicalTickets } from './whimsical-tickets.ts';

export interface StoreOptions {
  readonly loop: Loop;
  readonly random: Random;
  readonly scenario: Scenario;
  readonly history: History;
  readonly ids: Ids;
  readonly isHealed: () => boolean;
  readonly queue: QueueBounds | null;
  readonly putAside: (ticket: Ticket) => void;
}

export function createStores(options: StoreOptions): MemoryWorld {
  const { loop, random, scenario, history, ids, isHealed, queue } = options;
  const world = createMemoryWorld({ clock: loop.clock, ids });
  return {
    ...world,
    gates: {
      ...world.gates,
      ...watchStorage(world.gates, { history, latestMs: () => loop.clock.nowMs() + scenario.skewMsMax }),
    },
    files: watchPictures(watchFiles(watchBrought(world.files, history), history), history),
    ledger: watchLedger(world.ledger, history),
    adapters: watchAdapters(world.adapters, { history, nowMs: () => loop.clock.nowMs() }),
    deliveries: watchDeliveries(world.deliveries, history),
    jobs: createLaggingJobs({
      loop,
      random,
      lagMsMax: () => scenario.lagMsMax,
      onStored(job) {
        noteJob(history, job, loop.clock.nowMs());
        checkStored(history, job, scenario);
      },
    }),
    tickets: createWhimsicalTickets({
      loop,
      random,
      has: (whim) => !isHealed() && scenario.whims.has(whim),
      bounds: () => (isHealed() ? null : queue),
      putAside: options.putAside,
    }),
  };
}

/**
 * What a tenant kept as its jobs were admitted: by what was settled and told to be ready before, whatever the gate counted
 * of it, and by the clock that is furthest ahead.
 */
function watchStorage(
  gates: Gates,
  { history, latestMs }: { readonly history: History; readonly latestMs: () => number },
): Pick<Gates, 'admit' | 'release'> {
  const keptOf = (tenantId: string) =>
    [...history.stored.values()]
      .filter(
        (job) => job.tenantId === tenantId && history.settled.has(job.jobId) && !hasGone(job, latestMs()),
      )
      .reduce(
        (sum, job) => sum + ownBytesOf(job),
        readyBytes(history, tenantId) + fileBytes(history, tenantId, latestMs()),
      );
  return {
    async admit(tenantId, ask) {
      const kept = keptOf(tenantId);
      const outcome = await gates.admit(tenantId, ask);
      // The first time: a write that is sent again finds its reservation, whatever is kept by then.
      if (outcome.kind === 'admitted' && !history.keptAtAdmission.has(ask.token)) {
        history.keptAtAdmission.set(ask.token, kept);
      }
      return outcome;
    },
    async release(tenantId, jobId, release) {
      const outcome = await gates.release(tenantId, jobId, release);
      const isOfJob = history.stored.get(jobId)?.reservation === release.token;
      if (outcome === 'released' && isOfJob) history.settled.add(jobId);
      return outcome;
    },
  };
}

/** Refunds and warm-ups as they come to be: what the month's budget may be used for again, and what it is used for. */
function watchLedger(ledger: Ledger, history: History): Ledger {
  return {
    ...ledger,
    async append(entry) {
      const outcome = await ledger.append(entry);
      if (outcome === 'appended' && entry.kind === 'refund')
        history.refunded.set(entry.jobId, -entry.usdMicros);
      if (outcome === 'appended') checkWarmup(history, entry);
      return outcome;
    },
  };
}
