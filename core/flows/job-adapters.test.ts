/** A job's adapters from its request to its runner. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeManifest, submission, worldPool } from '#sim/memory/flow-world.ts';
import { newAdapter } from '../adapter/adapter.ts';
import { loraFile } from '../adapter/file-under-test.ts';
import type { AskedAdapter } from '../adapter/job-adapters.ts';
import { digest } from '../canonical.ts';
import { isTerminal } from '../job/job.ts';
import { createCatalog } from '../models/manifest.ts';
import type { RunBatch } from '../ports/runner.ts';
import { sampleTenant } from '../samples.ts';
import { completeAdapter, offerAdapter, removeAdapter } from './adapters.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';
import { work } from './work.ts';

async function addAdapter(world: FlowWorld, rank = 2, change: { tenantId?: string; model?: string } = {}) {
  const file = loraFile(rank);
  const { tenantId = 'tenant-a', model = fakeManifest.id } = change;
  const asked = { name: 'mine', model, bytes: file.byteLength, sha256: digest(file) };
  const offered = await offerAdapter(world, sampleTenant({ tenantId }), asked);
  if (!('adapter' in offered)) throw new Error('there is room');
  const { adapterId } = offered.adapter;
  const link = await world.adapterFiles.uploadLink(tenantId, adapterId, offered.adapter, 60);
  world.adapterFiles.upload(link, file);
  const completed = await completeAdapter(world, tenantId, adapterId);
  if (completed.kind !== 'ready') throw new Error(`it is ${completed.kind}`);
  return completed.adapter;
}

function ask(world: FlowWorld, adapters: AskedAdapter[], change: Partial<SubmitAsk> = {}) {
  return submit(world, submission(world.tenant, { adapters, ...change }));
}

async function accepted(world: FlowWorld, adapters: AskedAdapter[], change: Partial<SubmitAsk> = {}) {
  const outcome = await ask(world, adapters, change);
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${JSON.stringify(outcome)}`);
  return outcome.job;
}

/** Lets a worker run until all jobs have ended; what its runner was given. */
async function runAll(world: FlowWorld): Promise<RunBatch[]> {
  const batches: RunBatch[] = [];
  const runner = {
    ...world.runner,
    run: (batch: RunBatch, events: Parameters<FlowWorld['runner']['run']>[1]) => {
      batches.push(batch);
      return world.runner.run(batch, events);
    },
  };
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work({ ...world, runner }, { workerId: 'worker_1', pool: worldPool, slots: 4, ...signals });
  await world.clock.advance(120_000);
  stopping.abort();
  await world.clock.advance(30_000);
  await done;
  return batches;
}

describe('a request with adapters', () => {
  it('becomes a job that names their files, in one order, and takes them to its runner', async () => {
    const world = await createFlowWorld();
    const [first, second] = [await addAdapter(world, 1), await addAdapter(world, 2)];
    const asked = [
      { id: first.adapterId, weight: 0.5 },
      { id: second.adapterId, weight: -1 },
    ];

    const job = await accepted(world, asked);
    const turned = await accepted(world, asked.toReversed());
    const batches = await runAll(world);

    expect(turned.adapters).toEqual(job.adapters);
    expect(turned.batchKey).toBe(job.batchKey);
    expect(new Set(job.adapters.map(({ sha256 }) => sha256))).toEqual(new Set([first.sha256, second.sha256]));
    expect(batches).toHaveLength(1);
    expect(batches[0]?.items).toHaveLength(2);
    expect(batches[0]?.adapters).toEqual(
      job.adapters.map(({ id, sha256, weight }) => ({ id, sha256, weight, path: `/adapters/${sha256}` })),
    );
    expect((await world.jobs.get('tenant-a', job.jobId))?.status).toBe('succeeded');
  });

  it('shares a call with the same adapters at the same weights only', async () => {
    const world = await createFlowWorld();
    const { adapterId: id } = await addAdapter(world);

    const plain = await accepted(world, []);
    const one = await accepted(world, [{ id, weight: 1 }]);
    const half = await accepted(world, [{ id, weight: 0.5 }]);
    const same = await accepted(world, [{ id, weight: 1 }]);
    const batches = await runAll(world);

    expect(new Set([plain, one, half].map(({ batchKey }) => batchKey)).size).toBe(3);
    expect(same.batchKey).toBe(one.batchKey);
    const shared = batches.map(({ items, adapters = [] }) => [items.length, adapters[0]?.weight ?? null]);
    expect(shared.toSorted()).toEqual([
      [1, null],
      [1, 0.5],
      [2, 1],
    ]);
  });

  it("may name another tenant's, a missing, a pending and a malformed one alike: there is none", async () => {
    const world = await createFlowWorld();
    await world.tenants.create(sampleTenant({ tenantId: 'tenant-b' }));
    const theirs = await addAdapter(world, 2, { tenantId: 'tenant-b' });
    const pending = newAdapter(
      { tenantId: 'tenant-a', name: 'x', model: fakeManifest.id, bytes: 9, sha256: 'ab'.repeat(32) },
      world.clock.nowMs(),
    );
    await world.adapters.create(pending, 20);
    const ids = [theirs.adapterId, pending.adapterId, 'adapter_00000000000000000000000000', 'x', '__proto__'];

    const outcomes = await Promise.all(ids.map((id) => ask(world, [{ id, weight: 1 }])));

    const details = [{ path: 'adapters.0.id', message: 'there is no such adapter' }];
    expect(outcomes).toEqual(ids.map(() => ({ kind: 'invalid_adapter', details })));
    expect((await world.gates.read('tenant-a'))?.open).toEqual({});
  });

  it('is refused before anything is looked up where the model does not take them so', async () => {
    const { adapters: _, ...plain } = fakeManifest;
    const other = { ...plain, id: 'plain-image' };
    const world = await createFlowWorld({ manifests: [fakeManifest, other] });
    const three = ['a', 'b', 'c'].map((id) => ({ id, weight: 1 }));

    expect(await ask(world, three)).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'adapters', message: 'the model takes 2 at most' }],
    });
    expect(
      await ask(
        world,
        [three[0], three[0]].filter((each) => each !== undefined),
      ),
    ).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'adapters.1.id' }],
    });
    expect(await ask(world, three.slice(0, 1), { model: 'plain-image' })).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'adapters', message: 'the model takes no adapters' }],
    });
  });

  it('must name those of its model, and may those of the model that it is a variant of', async () => {
    const other = { ...fakeManifest, id: 'other-image' };
    const variant = {
      ...fakeManifest,
      id: 'fake-int4',
      variant: { of: fakeManifest.id, quant: 'int4' as const },
    };
    const world = await createFlowWorld({ manifests: [fakeManifest, other, variant] });
    const { adapterId: id } = await addAdapter(world);

    expect(await ask(world, [{ id, weight: 1 }], { model: 'other-image' })).toMatchObject({
      kind: 'invalid_adapter',
      details: [{ path: 'adapters.0.id', message: 'is for the model fake-image' }],
    });
    expect(await ask(world, [{ id, weight: 1 }], { model: 'fake-int4' })).toMatchObject({ kind: 'accepted' });
  });

  it('repeated under its Idempotency-Key is its first job, whatever became of the adapter; another weight is another request', async () => {
    const world = await createFlowWorld();
    const { adapterId: id } = await addAdapter(world);
    const key = { idempotencyKey: 'once' };
    const job = await accepted(world, [{ id, weight: 1 }], key);

    await removeAdapter(world, 'tenant-a', id);

    expect(await ask(world, [{ id, weight: 1 }], key)).toMatchObject({
      kind: 'replayed',
      job: { jobId: job.jobId },
    });
    expect(await ask(world, [{ id, weight: 0.9 }], key)).toEqual({ kind: 'mismatch' });
    expect(await ask(world, [], key)).toEqual({ kind: 'mismatch' });
  });

  it('is answered out of the result cache for the same files and weights alone', async () => {
    const world = await createFlowWorld({
      tenant: sampleTenant({ overrides: { result_cache: 'on' } }),
      manifests: [createCatalog([fakeManifest]).list()[0]?.manifest ?? fakeManifest],
    });
    const [first, second] = [await addAdapter(world, 1), await addAdapter(world, 2)];
    const seeded = { input: { prompt: 'a lighthouse', seed: 7 } };
    const one = [{ id: first.adapterId, weight: 1 }];
    await accepted(world, one, seeded);
    await runAll(world);

    const outcomes = await Promise.all(
      [one, [], [{ id: first.adapterId, weight: 0.5 }], [{ id: second.adapterId, weight: 1 }]].map(
        (adapters) => accepted(world, adapters, seeded),
      ),
    );

    expect(outcomes.map(isTerminal)).toEqual([true, false, false, false]);
  });
});

describe('a job whose adapter was deleted', () => {
  it('fails when its turn comes, uncharged, and its batch mates under other adapters do not', async () => {
    const world = await createFlowWorld();
    const { adapterId: id } = await addAdapter(world);
    const lost = await accepted(world, [{ id, weight: 1 }]);
    const plain = await accepted(world, []);

    await removeAdapter(world, 'tenant-a', id);
    await runAll(world);

    expect(await world.jobs.get('tenant-a', lost.jobId)).toMatchObject({
      status: 'failed',
      attempt: 1,
      costUsdMicros: 0,
      error: { code: 'adapter_error', retryable: false },
    });
    expect((await world.jobs.get('tenant-a', plain.jobId))?.status).toBe('succeeded');
    expect((await world.gates.read('tenant-a'))?.open).toEqual({});
  });

  it('fails also where only the file is gone, and is tried again where the store is out of reach', async () => {
    const world = await createFlowWorld();
    const { adapterId: id } = await addAdapter(world);
    const gone = await accepted(world, [{ id, weight: 1 }]);
    await world.adapterFiles.remove('tenant-a', id);
    await runAll(world);
    expect((await world.jobs.get('tenant-a', gone.jobId))?.error?.code).toBe('adapter_error');

    await removeAdapter(world, 'tenant-a', id);
    const again = await addAdapter(world);
    const { adapterCache } = world;
    let failures = 1;
    const flaky: typeof adapterCache = {
      take: (tenantId, adapter) => {
        if (failures === 0) return adapterCache.take(tenantId, adapter);
        failures -= 1;
        return Promise.reject(new Error('the store is out of reach'));
      },
    };
    const waiting = await accepted(world, [{ id: again.adapterId, weight: 1 }]);
    await runAll({ ...world, adapterCache: flaky });

    expect(await world.jobs.get('tenant-a', waiting.jobId)).toMatchObject({
      status: 'succeeded',
      attempt: 2,
    });
  });
});
