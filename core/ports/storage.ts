/**
 * What the flows need from the world is in this folder. Three families implement it: in-memory ports (unit tests, simulator), the
 * AWS adapters, and nothing else; `core/contract` is the one conformance suite for all of them.
 *
 * Every method is safe to call twice: writes are conditional and say so by a variant, never by an exception.
 * An exception means the outcome is unknown and the caller must be ready to find the write applied.
 * Every method that touches a tenant's data takes `tenantId` first; another tenant's object answers as missing.
 */
import type { AdapterFiles, Adapters } from './adapters.ts';
import type { Batches, Files } from './batches.ts';
import type { Blobs } from './blobs.ts';
import type { Drops } from './drops.ts';
import type { Gates } from './gates.ts';
import type { Jobs } from './jobs.ts';
import type { Ledger } from './ledger.ts';
import type { Marks } from './marks.ts';
import type { Pools, Workers } from './pools.ts';
import type { ResultCache } from './result-cache.ts';
import type { JobEvents, Streams } from './streams.ts';
import type { Aliases, Keys, Plans, Tenants } from './tenancy.ts';
import type { Tickets } from './tickets.ts';
import type { Deliveries, Endpoints } from './webhooks.ts';

/** Everything that stores or queues: what a family of adapters brings. */
export interface StoragePorts {
  readonly tenants: Tenants;
  readonly keys: Keys;
  readonly plans: Plans;
  readonly aliases: Aliases;
  readonly gates: Gates;
  readonly jobs: Jobs;
  readonly jobEvents: JobEvents;
  readonly streams: Streams;
  readonly marks: Marks;
  readonly ledger: Ledger;
  readonly pools: Pools;
  readonly workers: Workers;
  readonly tickets: Tickets;
  readonly blobs: Blobs;
  readonly results: ResultCache;
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly adapters: Adapters;
  readonly adapterFiles: AdapterFiles;
  readonly files: Files;
  readonly batches: Batches;
  readonly drops: Drops;
}
