/** A whole worker over real runner processes, from submission to result; only storage is in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCatalog } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { submit } from '#core/flows/submit.ts';
import { work } from '#core/flows/work.ts';
import { isTerminal } from '#core/job/job.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { createCatalog, residentMbOf } from '#core/models/manifest.ts';
import type { Log } from '#core/ports/process.ts';
import { sampleTenant } from '#core/samples.ts';
import { createMemoryAdapterCache } from '#sim/memory/memory-adapters.ts';
import { createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import type { HostKind } from '../runner-host/host-under-test.ts';
import { hostKinds, openHost } from '../runner-host/host-under-test.ts';
import { RunnerClient } from './runner-client.ts';
import { RunnerPool } from './runner-pool.ts';

const log: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const modelsDir = join(import.meta.dirname, '..', 'models');

/** The fake model as it ships, and with the fault that takes ever more memory. */
async function fakeManifest(): Promise<Manifest> {
  const manifest = (await readCatalog(modelsDir)).get('fake')?.manifest;
  if (manifest === undefined) throw new Error('there is no fake model');
  const { input_schema: schema } = manifest;
  const fault = { type: 'string', enum: ['grow'] };
  return { ...manifest, input_schema: { ...schema, properties: { ...schema.properties, fault } } };
}

async function openWorld(kind: HostKind) {
  const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
  const catalog = createCatalog([await fakeManifest()]);
  const world = createMemoryWorld({ clock: systemClock, ids: createSeededIds(1) });
  const host = await openHost(kind, { log, modelsDir, scratchRoot });
  const runner = new RunnerPool({
    createClient: (memoryMaxMb) =>
      new RunnerClient({
        ...{ host, engine: 'fake', modelsDir, clock: systemClock, log, memoryWatchMs: 20 },
        memoryMaxMb: memoryMaxMb ?? undefined,
      }),
    residentMb: (model) => residentMbOf(catalog, model),
  });
  onTestFinished(async () => {
    await runner.close();
    await rm(scratchRoot, { recursive: true, force: true });
  });
  const outlooks = createOutlooks({ ...world, catalog });
  const adapterCache = createMemoryAdapterCache(world.adapterFiles);
  return { ...world, adapterCache, catalog, runner, log, outlooks, scaler: { wake: async () => undefined } };
}

describe.each(hostKinds)('a worker with a %s host', (kind) => {
  it('lets a tenant that outgrows its cap fail alone, beside tenants that share and one that does not', async () => {
    const world = await openWorld(kind);
    const own = { isolation: 'process', gpu_memory_gb: 0.4 } as const;
    const tenants = {
      greedy: sampleTenant({ tenantId: 'greedy', overrides: own }),
      modest: sampleTenant({ tenantId: 'modest', overrides: own }),
      first: sampleTenant({ tenantId: 'first' }),
      second: sampleTenant({ tenantId: 'second' }),
    };
    for (const tenant of Object.values(tenants)) await world.tenants.create(tenant);
    const jobs = Object.values(tenants).map(async (tenant) => {
      const isGreedy = tenant === tenants.greedy;
      const outcome = await submit(
        { ...world, outbound: createMemoryOutbound(world) },
        {
          tenant,
          ...{ keyId: 'key00001', model: 'fake', granted: null, class: 'interactive', metadata: {} },
          ...{ deadlineSeconds: null, idempotencyKey: null, cache: null, quality: null, webhook: null },
          input: { prompt: 'x', steps: 30, step_ms: 20, ...(isGreedy ? { fault: 'grow' } : {}) },
        },
      );
      if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${JSON.stringify(outcome)}`);
      return outcome.job;
    });
    const submitted = await Promise.all(jobs);
    const stopping = new AbortController();
    const interrupt = new AbortController().signal;

    const worker = work(world, {
      workerId: 'w',
      pool: 'fake',
      slots: 8,
      stopping: stopping.signal,
      interrupt,
    });
    const read = () => Promise.all(submitted.map(({ tenantId, jobId }) => world.jobs.get(tenantId, jobId)));
    await expect
      .poll(async () => (await read()).every((job) => job !== null && isTerminal(job)), { timeout: 60_000 })
      .toBe(true);
    stopping.abort();
    await worker;

    expect(await read()).toMatchObject([
      {
        tenantId: 'greedy',
        status: 'failed',
        attempt: 1,
        costUsdMicros: 0,
        error: { code: 'out_of_memory' },
      },
      { tenantId: 'modest', status: 'succeeded', receipt: { batchSize: 1 } },
      { tenantId: 'first', status: 'succeeded', receipt: { batchSize: 2 } },
      { tenantId: 'second', status: 'succeeded', receipt: { batchSize: 2 } },
    ]);
    expect([...world.runner.processIds().keys()].toSorted()).toEqual(['modest', null]);
  });
});
