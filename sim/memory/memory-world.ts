/** All storage ports in memory, over one clock. */
import type { Clock, Ids } from '#core/ports/process.ts';
import type { StoragePorts } from '#core/ports/storage.ts';
import type { MemoryAdapterFiles } from './memory-adapters.ts';
import { createMemoryAdapterFiles, createMemoryAdapters } from './memory-adapters.ts';
import { createMemoryBatches, createMemoryFiles } from './memory-batches.ts';
import type { MemoryBlobs } from './memory-blobs.ts';
import { createMemoryBlobs } from './memory-blobs.ts';
import type { MemoryDrops } from './memory-drops.ts';
import { createMemoryDrops } from './memory-drops.ts';
import { createMemoryGates } from './memory-gates.ts';
import { createMemoryJobEvents } from './memory-job-events.ts';
import { createMemoryJobs } from './memory-jobs.ts';
import { createMemoryLedger } from './memory-ledger.ts';
import { createMemoryMarks } from './memory-marks.ts';
import { createMemoryPools } from './memory-pools.ts';
import { createMemoryResults } from './memory-results.ts';
import { createMemoryStreams } from './memory-streams.ts';
import {
  createMemoryAliases,
  createMemoryKeys,
  createMemoryPlans,
  createMemoryTenants,
} from './memory-tenants.ts';
import { createMemoryTickets } from './memory-tickets.ts';
import { createMemoryDeliveries, createMemoryEndpoints } from './memory-webhooks.ts';
import { createMemoryWorkers } from './memory-workers.ts';

export interface MemoryWorld extends StoragePorts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly adapterFiles: MemoryAdapterFiles;
  readonly blobs: MemoryBlobs;
  readonly drops: MemoryDrops;
}

/** An empty world. `clock` and `ids` come back with it, so that it can be handed to a flow whole. */
export function createMemoryWorld({ clock, ids }: { clock: Clock; ids: Ids }): MemoryWorld {
  const gates = createMemoryGates({ clock });
  return {
    clock,
    ids,
    jobs: createMemoryJobs({ clock }),
    jobEvents: createMemoryJobEvents(),
    streams: createMemoryStreams(),
    marks: createMemoryMarks({ clock }),
    gates,
    tickets: createMemoryTickets({ clock }),
    pools: createMemoryPools(),
    workers: createMemoryWorkers(),
    ledger: createMemoryLedger(),
    blobs: createMemoryBlobs({ clock }),
    results: createMemoryResults(),
    tenants: createMemoryTenants({ gates }),
    keys: createMemoryKeys(),
    plans: createMemoryPlans(),
    aliases: createMemoryAliases(),
    endpoints: createMemoryEndpoints(),
    deliveries: createMemoryDeliveries({ clock }),
    adapters: createMemoryAdapters(),
    adapterFiles: createMemoryAdapterFiles({ clock }),
    files: createMemoryFiles({ clock }),
    batches: createMemoryBatches({ clock }),
    drops: createMemoryDrops({ clock }),
  };
}
