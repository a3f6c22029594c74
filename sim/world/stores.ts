/** The stores of a world: in memory, lagging and whimsical as the scenario says, watched by the checker. */
import type { Deliveries, Ids, Ledger } from '#core/ports.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import { createMemoryWorld } from '../memory/memory-world.ts';
import type { Random } from '../random.ts';
import type { History } from './history.ts';
import { createLaggingJobs } from './lagging-jobs.ts';
import type { Loop } from './loop.ts';
import type { Scenario } from './scenario.ts';
import { checkStored } from './step-checker.ts';
import { createWhimsicalTickets } from './whimsical-tickets.ts';

export interface StoreOptions {
  readonly loop: Loop;
  readonly random: Random;
  readonly scenario: Scenario;
  readonly history: History;
  readonly ids: Ids;
  readonly isHealed: () => boolean;
}

export function createStores({ loop, random, scenario, history, ids, isHealed }: StoreOptions): MemoryWorld {
  const world = createMemoryWorld({ clock: loop.clock, ids });
  return {
    ...world,
    ledger: watchRefunds(world.ledger, history),
    deliveries: watchDeliveries(world.deliveries, history),
    jobs: createLaggingJobs({
      loop,
      random,
      lagMsMax: () => scenario.lagMsMax,
      onStored: (job) => checkStored(history, job),
    }),
    tickets: createWhimsicalTickets({ loop, random, has: (whim) => !isHealed() && scenario.whims.has(whim) }),
  };
}

function watchDeliveries(deliveries: Deliveries, history: History): Deliveries {
  return {
    ...deliveries,
    async put(delivery) {
      const outcome = await deliveries.put(delivery);
      if (outcome === 'stored') history.deliveries.set(delivery.deliveryId, delivery);
      return outcome;
    },
  };
}

/** Refunds as they come to be: what the month's budget may be used for again. */
function watchRefunds(ledger: Ledger, history: History): Ledger {
  return {
    ...ledger,
    async append(entry) {
      const outcome = await ledger.append(entry);
      if (outcome === 'appended' && entry.kind === 'refund')
        history.refunded.set(entry.jobId, -entry.usdMicros);
      return outcome;
    },
  };
}
