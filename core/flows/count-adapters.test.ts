import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeManifest, submission } from '#sim/memory/flow-world.ts';
import { loraFile } from '../adapter/file-under-test.ts';
import { lastingBucket } from '../admission/stored-bytes.ts';
import { digest } from '../canonical.ts';
import { adapterLimits, sweepLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import type { AdapterPorts } from './adapters.ts';
import { completeAdapter, offerAdapter, removeAdapter } from './adapters.ts';
import { countAdapters } from './count-adapters.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';

const tenantId = 'tenant-a';
const files = [1, 2, 3].map((rank) => loraFile(rank));
const [small = new Uint8Array(), middle = new Uint8Array()] = files;

const askedOf = (file: Uint8Array) => ({
  name: 'mine',
  model: fakeManifest.id,
  bytes: file.byteLength,
  sha256: digest(file),
});

async function offer(world: FlowWorld, file: Uint8Array, ports: AdapterPorts = world) {
  const offered = await offerAdapter(ports, world.tenant, askedOf(file));
  if (!('adapter' in offered)) throw new Error(`it is ${offered.kind}`);
  return offered.adapter;
}

/** Announced, uploaded and checked. */
async function add(world: FlowWorld, file: Uint8Array) {
  const adapter = await offer(world, file);
  const link = await world.adapterFiles.uploadLink(tenantId, adapter.adapterId, adapter, 60);
  world.adapterFiles.upload(link, file);
  await completeAdapter(world, tenantId, adapter.adapterId);
  return { ...adapter, link };
}

const counted = async (world: FlowWorld) => (await world.gates.read(tenantId))?.stored[lastingBucket] ?? 0;
const isSettled = async ({ adapters }: FlowWorld) => !(await adapters.listChanged()).items.includes(tenantId);

/** Ports that die at the write of this number, before or after it took effect, and at every call from then on. */
function dyingAt(world: FlowWorld, count: number, isApplied: boolean): AdapterPorts {
  let left = count;
  const writes = new Set(['create', 'put', 'remove', 'settle', 'keep']);
  const guard = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, method: keyof Port & string) {
        const call = target[method];
        if (typeof call !== 'function') return call;
        return async (...given: unknown[]) => {
          if (left === 0) throw new Error('killed');
          if (!writes.has(method)) return call(...given);
          left -= 1;
          if (left === 0 && !isApplied) throw new Error('killed');
          const answer = await call(...given);
          if (left === 0) throw new Error('killed');
          return answer;
        };
      },
    });
  const { adapters, adapterFiles, clock, gates } = world;
  return { adapters: guard(adapters), adapterFiles: guard(adapterFiles), clock, gates: guard(gates) };
}

const deaths = [1, 2, 3, 4].flatMap((count) => [
  { count, isApplied: false },
  { count, isApplied: true },
]);

describe('what adapters take', () => {
  it('counts from the announcement until it is removed, and is given back once however often that is asked', async () => {
    const world = await createFlowWorld();
    const { adapterId } = await offer(world, small);
    await offer(world, small);
    await offer(world, middle);
    expect(await counted(world)).toBe(small.byteLength + middle.byteLength);

    const outcomes = await Promise.all([1, 2, 3].map(() => removeAdapter(world, tenantId, adapterId)));
    outcomes.push(await removeAdapter(world, tenantId, adapterId));

    expect(outcomes.toSorted()).toEqual(['missing', 'missing', 'missing', 'removed']);
    expect(await counted(world)).toBe(middle.byteLength);
    expect(await isSettled(world)).toBe(true);
  });

  it('is given back once the file is refused, and not again with its record', async () => {
    const world = await createFlowWorld();
    await add(world, small);
    const wrong = await add(world, new Uint8Array(200));

    expect(await counted(world)).toBe(small.byteLength);
    await removeAdapter(world, tenantId, wrong.adapterId);
    expect(await counted(world)).toBe(small.byteLength);
  });

  it('is the sum of all that are announced at once', async () => {
    const world = await createFlowWorld();

    await Promise.all(files.map((file) => offer(world, file)));

    expect(await counted(world)).toBe(files.reduce((sum, { byteLength }) => sum + byteLength, 0));
  });

  it('is never told over a later count by who was held up', async () => {
    const world = await createFlowWorld();
    const { adapterId } = await offer(world, small);
    const held = {
      adapters: {
        ...world.adapters,
        async total(id: string) {
          const total = await world.adapters.total(id);
          await removeAdapter(world, tenantId, adapterId);
          return total;
        },
      },
      gates: world.gates,
    };

    await countAdapters(held, tenantId);

    expect(await counted(world)).toBe(0);
    expect(await isSettled(world)).toBe(true);
  });

  it.each(deaths)('is counted by the sweep when an announcement dies at its write %j', async (death) => {
    const world = await createFlowWorld();
    await add(world, middle);

    await offer(world, small, dyingAt(world, death.count, death.isApplied)).catch(() => undefined);
    await sweep(world);

    const isThere = (await world.adapters.list(tenantId)).length === 2;
    expect(await counted(world)).toBe(middle.byteLength + (isThere ? small.byteLength : 0));
    expect(await isSettled(world)).toBe(true);
    await offer(world, small);
    expect(await counted(world)).toBe(middle.byteLength + small.byteLength);
  });

  it.each(deaths)('is given back by the sweep when a removal dies at its write %j', async (death) => {
    const world = await createFlowWorld();
    await add(world, middle);
    const { adapterId } = await add(world, small);

    const dying = dyingAt(world, death.count, death.isApplied);
    await removeAdapter(dying, tenantId, adapterId).catch(() => undefined);
    await sweep(world);
    await sweep(world);

    const isThere = (await world.adapters.get(tenantId, adapterId)) !== null;
    expect(await counted(world)).toBe(middle.byteLength + (isThere ? small.byteLength : 0));
    await removeAdapter(world, tenantId, adapterId);
    expect(await counted(world)).toBe(middle.byteLength);
  });

  it('lets no adapter and no job in at the limit, and says of neither that waiting helps', async () => {
    const gb = (small.byteLength + middle.byteLength) / 1e9;
    const tenant = sampleTenant({ tenantId, overrides: { storage_gb_max: gb } });
    const world = await createFlowWorld({ tenant });
    await offer(world, small);
    const { adapterId } = await offer(world, middle);

    const another = await offerAdapter(world, tenant, askedOf(files[2] ?? small));
    const job = await submit(world, submission(tenant));
    await removeAdapter(world, tenantId, adapterId);

    const refusal = { limit: 'storage_gb_max', retryAfterSeconds: null };
    expect(another).toMatchObject({ kind: 'refused', refusal });
    expect(job).toMatchObject({ kind: 'refused', refusal });
    expect((await submit(world, submission(tenant))).kind).toBe('accepted');
  });
});

describe('adapters of a deleted tenant', () => {
  async function deleteTenant(world: FlowWorld) {
    const deletedAtMs = world.clock.nowMs();
    const { tenants, adapters } = world;
    await tenants.update({
      ...world.tenant,
      status: 'deleted',
      deletedAtMs,
      version: world.tenant.version + 1,
    });
    await adapters.noteChange(tenantId);
  }
  const filesLeft = (world: FlowWorld, ids: readonly string[]) =>
    Promise.all(ids.map((id) => world.adapterFiles.read(tenantId, id)));
  const windowMs = adapterLimits.uploadSeconds * 1000 + sweepLimits.graceMs;

  it('go with their files, some at each sweep, and count no more', async () => {
    const world = await createFlowWorld();
    const ids = [];
    for (const file of files) ids.push((await add(world, file)).adapterId);
    await deleteTenant(world);

    await sweep(world);
    expect(await world.adapters.list(tenantId)).toHaveLength(3);
    await sweep(world);

    expect(await world.adapters.list(tenantId)).toEqual([]);
    expect(await filesLeft(world, ids)).toEqual([null, null, null]);
    expect(await counted(world)).toBe(0);
  });

  it('stay while a job is open that may name them', async () => {
    const world = await createFlowWorld();
    await add(world, small);
    const outcome = await submit(world, submission(world.tenant));
    if (outcome.kind !== 'accepted') throw new Error('it is admitted');
    await deleteTenant(world);

    await sweep(world);
    expect(await world.adapters.list(tenantId)).toHaveLength(1);
    const { jobId, reservation } = outcome.job;
    await world.gates.release(tenantId, jobId, { token: reservation, corrections: [], finishTag: null });
    await sweep(world);

    expect(await world.adapters.list(tenantId)).toEqual([]);
  });

  it('go too where their file comes by a link of before, and nobody looks any more once no link can', async () => {
    const world = await createFlowWorld();
    const { adapterId, link } = await add(world, small);
    await deleteTenant(world);
    await sweep(world);
    world.adapterFiles.upload(link, small);
    expect(await filesLeft(world, [adapterId])).not.toEqual([null]);

    await sweep(world);
    expect(await filesLeft(world, [adapterId])).toEqual([null]);
    expect(await isSettled(world)).toBe(false);
    await world.clock.advance(windowMs);
    await sweep(world);

    expect(await isSettled(world)).toBe(true);
  });

  it('go although a sweep dies in the middle, and keep no other tenant from being counted', async () => {
    const world = await createFlowWorld();
    await add(world, small);
    await deleteTenant(world);
    const other = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(other);
    const dying = dyingAt(world, 1, true);
    await offerAdapter(dying, other, askedOf(middle)).catch(() => undefined);

    const broken = { ...world.adapters, remove: () => Promise.reject(new Error('no table')) };
    await sweep({ ...world, adapters: broken });
    expect((await world.gates.read('tenant-b'))?.stored).toEqual({ [lastingBucket]: middle.byteLength });
    expect(world.log.events()).toContain('sweep.adapters_failed');
    await sweep(world);

    expect(await world.adapters.list(tenantId)).toEqual([]);
  });
});
