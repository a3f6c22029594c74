/**
 * Adapters in a share of the worlds: tenants bring files, name them in jobs, name those of others, and take them away while
 * jobs that name them wait and run. The checks know the promise and nothing of the code: a tenant has no more than it may,
 * nobody's job names another's, a call runs under exactly what each of its jobs named, what was taken away is named by no
 * claim that came later, what is there can be read whole, and counts as what its tenant keeps, neither more nor less. Drawn
 * by chance of their own, as webhooks are.
 */
import { createHash } from 'node:crypto';
import type { AdapterRecord } from '#core/adapter/adapter.ts';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { lastingBucket } from '#core/admission/stored-bytes.ts';
import { digest } from '#core/canonical.ts';
import { completeAdapter, offerAdapter, removeAdapter } from '#core/flows/adapters.ts';
import type { SubmitAsk } from '#core/flows/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { AdapterFiles, Adapters } from '#core/ports/adapters.ts';
import type { Clock } from '#core/ports/process.ts';
import type { RunBatch } from '#core/ports/runner.ts';
import { exponentialMs } from '../random.ts';
import type { OutsidePorts } from './calls.ts';
import { submitOnce } from './client.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { oneOf } from './scenario.ts';
import type { World } from './world.ts';

const operationsOfTenant = 6;
const operations = ['bring', 'bring', 'name', 'name', 'name', 'remove'] as const;
const triesMax = 3;
/** Of each tenant: less than it brings. */
const ownMax = 2;
/** Long enough for any world. */
const linkSeconds = 24 * 60 * 60;
const model = 'image';

/** What is known of adapters from outside. */
export interface AdapterHistory {
  /** Whose each is, by its id. */
  readonly owners: Map<string, string>;
  /** Those that somebody was told are ready, in order. */
  readonly ready: AdapterRecord[];
  /** When the record of each was taken away, while nobody brought it again. */
  readonly goneSinceMs: Map<string, number>;
  /** Those that somebody tried to take away: the file goes first. */
  readonly takenAway: Set<string>;
  /** When each job was last claimed. */
  readonly claimedAtMs: Map<string, number>;
}

export function createAdapterHistory(): AdapterHistory {
  return {
    owners: new Map(),
    ready: [],
    goneSinceMs: new Map(),
    takenAway: new Set(),
    claimedAtMs: new Map(),
  };
}

/** What one tenant does with adapters beside its other work; resolves when the last was begun. */
export async function runAdapters(world: World, tenantId: string): Promise<void> {
  for (let done = 0; done < operationsOfTenant; done += 1) {
    await world.loop.clock.sleep(exponentialMs(world.random, world.scenario.thinkMsMean));
    const operation = oneOf(world.random, operations);
    if (operation === 'bring') void bring(world, tenantId);
    else if (operation === 'name') void name(world, tenantId, done);
    else void takeAway(world, tenantId);
  }
}

/** One of four files, of which one is none: offered, put where the link says, checked. Each step again where it got no answer. */
async function bring(world: World, tenantId: string): Promise<void> {
  const file = oneOf(world.random, [loraFile(1), loraFile(2), loraFile(3), new Uint8Array(200)]);
  const asked = { name: 'mine', model, bytes: file.byteLength, sha256: digest(file) };
  const offered = await retrying(world, 'offer-adapter', async ({ ports, clock }) => {
    const tenant = await ports.tenants.get(tenantId);
    if (tenant === null) throw new Error('the scene has every tenant');
    const overrides = { ...tenant.overrides, adapters_max: ownMax };
    return offerAdapter({ ...ports, clock }, { ...tenant, overrides }, asked);
  });
  if (offered === null || !('adapter' in offered)) return;
  const { adapterId } = offered.adapter;
  world.history.adapters.owners.set(adapterId, tenantId);
  const link = await world.stores.adapterFiles.uploadLink(tenantId, adapterId, asked, linkSeconds);
  world.stores.adapterFiles.upload(link, file);
  const completed = await retrying(world, 'complete-adapter', ({ ports, clock }) =>
    completeAdapter({ ...ports, clock }, tenantId, adapterId),
  );
  if (completed?.kind !== 'ready') return;
  if (file.every((byte) => byte === 0)) violate(world.history, 'I6', `${adapterId} is ready and no adapter`);
  world.history.adapters.ready.push(completed.adapter);
}

/** A job of the tenant that names an adapter of anybody's, whether or not it is still there. */
async function name(world: World, tenantId: string, count: number): Promise<void> {
  const { history, random, ids } = world;
  const known = history.adapters.ready;
  const adapter = known[Math.floor(random() * known.length)];
  if (adapter === undefined) return;
  const op = `adapters-${count}-${ids.nonce()}`;
  const prompt = `canary-${tenantId}-${op}`;
  history.canaries.add(prompt);
  const ask: SubmitAsk = {
    tenant: { tenantId } as SubmitAsk['tenant'],
    keyId: 'key00001',
    model,
    quality: null,
    granted: null,
    input: { prompt, n: 1, steps: 2, step_ms: oneOf(random, [100, 1_000]) },
    class: 'interactive',
    metadata: { op },
    webhook: null,
    deadlineSeconds: null,
    cache: null,
    idempotencyKey: random() < 0.5 ? `key-${op}` : null,
    adapters: [{ id: adapter.adapterId, weight: oneOf(random, [0.5, 1]) }],
  };
  await submitOnce(world, ask);
}

async function takeAway(world: World, tenantId: string): Promise<void> {
  const { adapters } = world.history;
  const own = adapters.ready.filter((each) => each.tenantId === tenantId);
  const adapter = own[Math.floor(world.random() * own.length)];
  if (adapter === undefined) return;
  const { adapterId } = adapter;
  adapters.takenAway.add(adapterId);
  await retrying(world, 'remove-adapter', ({ ports, clock }) =>
    removeAdapter({ ...ports, clock }, tenantId, adapterId),
  );
}

/** Null when no try was answered. */
async function retrying<T>(
  world: World,
  flow: string,
  act: (at: { readonly ports: OutsidePorts; readonly clock: Clock }) => Promise<T>,
): Promise<T | null> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { process, ports } = world.api(flow);
    const served = await process.serve(() => act({ ports, clock: process.clock }));
    if (served.kind === 'answered') return served.value;
    await world.loop.clock.sleep(500 * 2 ** tries);
  }
  return null;
}

/** I5 as each comes to be, and which are gone. */
export function watchAdapters(
  adapters: Adapters,
  { history, nowMs }: { readonly history: History; readonly nowMs: () => number },
): Adapters {
  return {
    ...adapters,
    async create(adapter, max) {
      const outcome = await adapters.create(adapter, max);
      if (outcome !== 'created') return outcome;
      history.adapters.goneSinceMs.delete(adapter.adapterId);
      const own = await adapters.list(adapter.tenantId);
      if (own.length > ownMax)
        violate(history, 'I5', `${adapter.tenantId} has ${own.length} adapters of ${ownMax}`);
      return outcome;
    },
    async remove(tenantId, adapterId) {
      const outcome = await adapters.remove(tenantId, adapterId);
      if (outcome === 'removed') history.adapters.goneSinceMs.set(adapterId, nowMs());
      return outcome;
    },
  };
}

/** To be called with each job before it counts as stored: I9, and when it was claimed. */
export function noteJob(history: History, job: JobRecord, nowMs: number): void {
  const before = history.stored.get(job.jobId);
  const { owners, claimedAtMs } = history.adapters;
  if (job.attempt !== (before?.attempt ?? 0)) claimedAtMs.set(job.jobId, nowMs);
  if (before !== undefined) return;
  for (const { id } of job.adapters) {
    if (owners.get(id) !== job.tenantId)
      violate(history, 'I9', `${job.jobId} of ${job.tenantId} names ${id} of ${owners.get(id)}`);
  }
}

/** To be called with each call of a runner: it is under what each of its jobs named, and none of it was gone at their claim. */
export function checkAdapters(history: History, { items, adapters = [] }: RunBatch): void {
  const under = adapters.map(({ id, weight }) => `${id} ${weight}`).join();
  for (const { id: jobId } of items) {
    const named = (history.stored.get(jobId)?.adapters ?? [])
      .map(({ id, weight }) => `${id} ${weight}`)
      .join();
    if (named !== under) violate(history, 'I9', `${jobId} named ${named} and runs under ${under}`);
    const claimedAtMs = history.adapters.claimedAtMs.get(jobId) ?? 0;
    for (const { id } of adapters) {
      const goneSinceMs = history.adapters.goneSinceMs.get(id) ?? Number.POSITIVE_INFINITY;
      if (goneSinceMs < claimedAtMs)
        violate(history, 'I9', `${jobId} runs under ${id}, which was gone by then`);
    }
  }
}

/** I6 at rest: an adapter that somebody was told is ready, and nobody tried to take away, is there and whole. */
export async function checkReadyAdapters({ history, stores }: World): Promise<void> {
  for (const { tenantId, adapterId, sha256 } of history.adapters.ready) {
    if (history.adapters.takenAway.has(adapterId)) continue;
    const record = await stores.adapters.get(tenantId, adapterId);
    if (record?.status !== 'ready' || (await hashOf(stores.adapterFiles, record)) !== sha256)
      violate(history, 'I6', `${adapterId} of ${tenantId} was ready and is not there`);
  }
}

/** What nobody tried to take away of what the tenant was told is ready: so much is counted from then on. */
export function readyBytes({ adapters }: History, tenantId: string): number {
  const own = adapters.ready.filter((each) => each.tenantId === tenantId);
  const standing = new Map(
    own
      .filter(({ adapterId }) => !adapters.takenAway.has(adapterId))
      .map(({ adapterId, bytes }) => [adapterId, bytes]),
  );
  return [...standing.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** I5 at rest: the gate counts what the adapters take that are there, whatever died between the two. */
export async function checkAdapterBytes({ history, stores }: World, tenantId: string): Promise<void> {
  const own = await stores.adapters.list(tenantId);
  const expected = own
    .filter(({ status }) => status !== 'refused')
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const counted = (await stores.gates.read(tenantId))?.stored[lastingBucket] ?? 0;
  if (counted !== expected)
    violate(history, 'I5', `adapters of ${tenantId} take ${expected} bytes and ${counted} are counted`);
}

async function hashOf(files: Pick<AdapterFiles, 'read'>, { tenantId, adapterId }: AdapterRecord) {
  const hash = createHash('sha256');
  for await (const piece of (await files.read(tenantId, adapterId)) ?? []) hash.update(piece);
  return hash.digest('hex');
}
