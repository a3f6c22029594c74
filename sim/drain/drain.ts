/**
 * How much of a card's time one worker uses while a line is drained, in simulated time: the product's own loop over stores
 * that answer after 10 to 40 ms, beside loops that people write. A call of `b` jobs takes `fixed + b x each`; the best that
 * there is makes N / b calls, one after the other, and waits for nothing (scaling.md section 4).
 */
import type { WorkPorts } from '#core/flows/work.ts';
import { work } from '#core/flows/work.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { Clock } from '#core/ports/process.ts';
import type { Runner, RunOutcome } from '#core/ports/runner.ts';
import type { StoragePorts } from '#core/ports/storage.ts';
import { sampleJob, sampleTenant } from '#core/samples.ts';
import { fakeManifest, worldPool } from '../memory/flow-world.ts';
import { createMemoryAdapterCache } from '../memory/memory-adapters.ts';
import { createMemoryWorld } from '../memory/memory-world.ts';
import { createRecordingLog } from '../memory/recording-log.ts';
import { createSeededIds } from '../memory/seeded-ids.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { createLoop } from '../world/loop.ts';
import { naiveLoop, prefetchingLoop } from './naive-loops.ts';
import { slowPort } from './slow-ports.ts';

export interface DrainAsk {
  readonly jobs: number;
  /** Of one job in a call of its own. */
  readonly jobMs: number;
  readonly batchMax: number;
  readonly seed: number;
}

export interface Drained {
  /** The best that there is, over what it took: 1 is a card that never waits. */
  readonly efficiency: number;
  readonly calls: number;
  /** Jobs that a while later stand as succeeded: of ours, all; the plain loops keep no such record. */
  readonly succeeded: number;
}

export const drainers = ['pilotlight', 'one ahead', 'one by one'] as const;
export type Drainer = (typeof drainers)[number];

/** Of a call, what does not depend on how many jobs it has: batching pays, as it does for small pictures. */
const fixedShare = 0.6;
/** A queue, a table and files across a network (scaling.md section 5). */
const latencyMs = { least: 10, most: 40 } as const;

/** What a loop that drains is given: everything that is slow, and where it says that it called the model. */
export interface Scene extends StoragePorts {
  readonly clock: Clock;
  readonly runner: Runner;
}

export async function drain(drainer: Drainer, ask: DrainAsk): Promise<Drained> {
  const loop = createLoop(Date.UTC(2030, 0, 1));
  const { clock } = loop;
  const ids = createSeededIds(ask.seed);
  const world = createMemoryWorld({ clock, ids });
  await fill(world, ask);
  const beganAtMs = clock.nowMs();
  const runner = createCallRunner(clock, ask);
  const scene: Scene = { ...slowed(world, clock, createRandom(ask.seed)), clock, runner };
  const stopping = new AbortController();
  const log = createRecordingLog();
  const loops = {
    pilotlight: () => {
      const adapterCache = createMemoryAdapterCache(world.adapterFiles);
      const catalog = createCatalog([manifestOf(ask)]);
      const ports: WorkPorts = { ...scene, adapterCache, catalog, ids, log };
      const { signal } = stopping;
      return work(ports, {
        ...{ workerId: 'worker_1', pool: worldPool },
        slots: ask.batchMax,
        stopping: signal,
        interrupt: signal,
      });
    },
    'one ahead': () => prefetchingLoop(scene, worldPool, stopping.signal),
    'one by one': () => naiveLoop(scene, worldPool, stopping.signal),
  };
  void loops[drainer]();
  await loop.run(beganAtMs + 100 * bestMs(ask), () => runner.ended >= ask.jobs);
  const tookMs = clock.nowMs() - beganAtMs;
  await loop.run(clock.nowMs() + settledWithinMs);
  stopping.abort();
  const succeeded = await succeededOf(world, ask);
  return { efficiency: bestMs(ask) / tookMs, calls: runner.calls, succeeded };
}

/** The last call's results, the ends of its jobs and their charges are written by then. */
const settledWithinMs = 10_000;

async function succeededOf({ jobs }: StoragePorts, { jobs: count }: DrainAsk): Promise<number> {
  let succeeded = 0;
  for (let index = 0; index < count; index += 1) {
    const job = await jobs.get(tenantOf(index), jobIdOf(index), { consistent: true });
    if (job?.status === 'succeeded' && job.place.kind === 'done') succeeded += 1;
  }
  return succeeded;
}

/** Of the whole line, in calls as large as they may be. */
export function bestMs({ jobs, jobMs, batchMax }: DrainAsk): number {
  return (jobs / batchMax) * callMs(jobMs, batchMax);
}

function callMs(jobMs: number, items: number): number {
  return jobMs * (fixedShare + (1 - fixedShare) * items);
}

function manifestOf({ jobMs, batchMax }: DrainAsk): Manifest {
  const time = {
    ...fakeManifest.time,
    fixed_ms: jobMs * fixedShare,
    per_image_step_ms: jobMs * (1 - fixedShare),
  };
  return { ...fakeManifest, batch_max: batchMax, time };
}

const tenantsCount = 10;

const tenantOf = (index: number) => `tenant-${index % tenantsCount}`;
const jobIdOf = (index: number) => `job_${String(index).padStart(26, '0')}`;

/** Jobs of ten tenants, alike, each with its ticket. */
async function fill({ tenants, jobs, tickets }: StoragePorts, ask: DrainAsk): Promise<void> {
  const times = { createdAtMs: Date.UTC(2030, 0, 1), startByMs: Date.UTC(2031, 0, 1) };
  for (let index = 0; index < tenantsCount; index += 1)
    await tenants.create(sampleTenant({ tenantId: tenantOf(index) }));
  for (let index = 0; index < ask.jobs; index += 1) {
    const own = { tenantId: tenantOf(index), jobId: jobIdOf(index), pool: worldPool };
    const job = { ...own, ...times, model: fakeManifest.id, tag: index, predictedGpuMs: ask.jobMs };
    await jobs.create(sampleJob(job));
    await tickets.send(own);
  }
}

function slowed(world: StoragePorts, clock: Clock, random: Random): StoragePorts {
  const wait = () => latencyMs.least + random() * (latencyMs.most - latencyMs.least);
  const slow = <P extends object>(port: P) => slowPort(port, clock, wait);
  return {
    ...world,
    blobs: slow(world.blobs),
    deliveries: slow(world.deliveries),
    endpoints: slow(world.endpoints),
    gates: slow(world.gates),
    jobs: slow(world.jobs),
    ledger: slow(world.ledger),
    pools: slow(world.pools),
    results: slow(world.results),
    tickets: slow(world.tickets),
  };
}

interface CallRunner extends Runner {
  readonly calls: number;
  /** Jobs whose call has ended. */
  readonly ended: number;
}

/** One call at a time, as a card takes them; no step of it is told, as with models that have none. */
function createCallRunner(clock: Clock, { jobMs }: DrainAsk): CallRunner {
  let [calls, ended] = [0, 0];
  const outcome: RunOutcome = {
    kind: 'succeeded',
    files: [{ type: 'text', contentType: 'text/plain', body: new Uint8Array(1), sha256: '' }],
    gpuMs: jobMs,
    seeds: [],
    unknownWords: [],
    engine: 'drain',
    versions: {},
  };
  return {
    get calls() {
      return calls;
    },
    get ended() {
      return ended;
    },
    load: async () => ({ kind: 'loaded', loadMs: 0 }),
    async run({ items }) {
      calls += 1;
      await clock.sleep(callMs(jobMs, items.length));
      ended += items.length;
      return new Map(items.map(({ id }) => [id, outcome]));
    },
    cancel: () => undefined,
    resident: () => new Set(),
  };
}
