import { describe, expect, it } from 'vitest';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import { besideDrop } from '../batch/drop.ts';
import { pathOfFile } from '../batch/file.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import type { TakeDropPorts } from './take-drop.ts';
import { takeDrop } from './take-drop.ts';

const name = 'nightly/März.jsonl';
const lines = (...ids: readonly string[]) => Buffer.from(ids.map((id) => `${lineOf(id)}\n`).join(''));

async function dropWorld(given: Parameters<typeof createBatchWorld>[0] = {}) {
  const world = await createBatchWorld(given);
  const { tenantId } = world.tenant;
  return {
    ...world,
    tenantId,
    put: (body: Uint8Array, as = name) => world.drops.drop(tenantId, as, body),
    take: (ports: TakeDropPorts = world, as = name) => takeDrop(ports, { tenantId, name: as }),
    text(of: string): string | null {
      const left = world.drops.left(tenantId, of);
      return left === null ? null : Buffer.from(left).toString();
    },
    status(of = name) {
      const left = world.drops.left(tenantId, besideDrop(of).status);
      return left === null ? null : JSON.parse(Buffer.from(left).toString());
    },
    batches: world.batches,
    all: async () => (await world.batches.list(tenantId, { limit: 100 })).items,
    storedBytes: async () => Object.values((await world.gates.read(tenantId))?.stored ?? {}),
  };
}

describe('a dropped file', () => {
  it('becomes a batch, whose results are left beside it, the status last', async () => {
    const world = await dropWorld();
    world.put(Buffer.concat([lines('a'), Buffer.from('no line\n'), lines('b')]));

    const taken = await world.take();

    if (taken.kind !== 'taken') throw new Error(taken.kind);
    expect(world.status()).toBeNull();
    const batch = await world.finish((await world.all())[0] ?? never());
    expect(batch).toMatchObject({
      batchId: taken.batchId,
      endpoint: '/v1/jobs',
      status: 'completed',
      total: 3,
    });
    expect(world.status()).toMatchObject({
      object: 'drop',
      name,
      status: 'completed',
      error: null,
      output: 'nightly/März.output.jsonl',
      errors: 'nightly/März.errors.jsonl',
      batch: { id: batch.batchId, request_counts: { total: 3, completed: 2, failed: 1 } },
    });
    const file = await world.blobs.get(world.tenantId, pathOfFile(batch.outputFileId ?? ''));
    expect(world.text('nightly/März.output.jsonl')).toBe(Buffer.from(file ?? []).toString());
    expect(world.text('nightly/März.errors.jsonl')).toContain('not_json');
  });

  it('becomes one batch however often, and by how many at once, it is told of', async () => {
    const world = await dropWorld();
    world.put(lines('a'));

    const outcomes = await Promise.all([world.take(), world.take(), world.take()]);
    outcomes.push(await world.take());

    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['known', 'known', 'known', 'taken']);
    expect(await world.all()).toHaveLength(1);
    await world.finish((await world.all())[0] ?? never());
    expect(await world.take()).toMatchObject({ kind: 'known' });
  });

  it('becomes another batch when it is put again, also with the same bytes', async () => {
    const world = await dropWorld();
    world.put(lines('a'));
    await world.take();
    await world.clock.advance(1_000);
    world.put(lines('a'));

    expect(await world.take()).toMatchObject({ kind: 'taken' });
    expect(await world.all()).toHaveLength(2);
  });

  it('is nothing where it is gone, or changed while it was copied', async () => {
    const world = await dropWorld();
    expect(await world.take()).toEqual({ kind: 'gone' });
    world.put(lines('a'));
    const changing = {
      ...world,
      blobs: {
        ...world.blobs,
        write: (...args: Parameters<typeof world.blobs.write>) => {
          world.put(lines('b'));
          return world.blobs.write(...args);
        },
      },
    };

    expect(await world.take(changing)).toEqual({ kind: 'gone' });
    expect(await world.all()).toEqual([]);
  });

  it('counts once for what its tenant stores, and is a file of its list', async () => {
    const world = await dropWorld();
    const body = lines('a');
    world.put(body);

    await Promise.all([world.take(), world.take()]);

    expect(await world.storedBytes()).toEqual([body.byteLength]);
    const { items } = await world.files.list(world.tenantId, { limit: 10, order: 'asc' });
    expect(items).toMatchObject([{ filename: name, bytes: body.byteLength, purpose: 'batch' }]);
  });

  it('is finished by the next one that is told, wherever the first one died, and becomes one batch', async () => {
    for (let dies = 1; dies < 20; dies += 1) {
      const world = await dropWorld();
      world.put(lines('a'));
      let calls = 0;
      const mortal = mortalPorts(world, () => {
        calls += 1;
        if (calls === dies) throw new Error('it died');
      });

      const died = await world.take(mortal).then(
        () => false,
        () => true,
      );
      const outcome = await world.take();

      expect(['taken', 'known']).toContain(outcome.kind);
      expect(await world.all()).toHaveLength(1);
      if (!died) return;
    }
    throw new Error('it makes more calls than that');
  });
});

describe('a dropped file that cannot be taken', () => {
  const suspended = sampleTenant({ status: 'suspended' });
  const deleted = sampleTenant({ status: 'deleted' });
  const control = `a${String.fromCharCode(7)}.jsonl`;

  it.each([
    ['of no url', Buffer.from('{"custom_id":"a","url":"/v1/other"}\nno line\n'), name, 'invalid_request', {}],
    ['without a line', Buffer.from(''), name, 'invalid_request', {}],
    ['with a control character in its name', lines('a'), control, 'invalid_request', {}],
    ['with a name that is too long', lines('a'), `${'ü'.repeat(400)}.jsonl`, 'invalid_request', {}],
    ['of a tenant that is suspended', lines('a'), name, 'tenant_suspended', { tenant: suspended }],
    ['of a tenant that is deleted', lines('a'), name, 'not_found', { tenant: deleted }],
  ])('%s leaves its fault beside it, and nothing else', async (_, body, as, code, given) => {
    const world = await dropWorld(given);
    world.put(body, as);

    const outcome = await world.take(world, as);

    expect(outcome).toMatchObject({ kind: 'refused', fault: { code } });
    expect(world.status(as)).toMatchObject({ name: as, status: 'refused', error: { code }, batch: null });
    expect(await world.all()).toEqual([]);
    expect((await world.files.list(world.tenantId, { limit: 10, order: 'asc' })).items).toEqual([]);
  });

  it('for its size is not read', async () => {
    const world = await dropWorld();
    world.put(lines('a'));
    const found = { version: 'v', bytes: batchLimits.fileBytesMax + 1, atMs: world.clock.nowMs() };
    const drops = { ...world.drops, look: async () => found, read: () => never() };

    expect(await world.take({ ...world, drops })).toMatchObject({ fault: { code: 'payload_too_large' } });
  });

  it('as its tenant stores what it may, or has as many batches as it may, is refused and can be put again', async () => {
    const full = await dropWorld({ tenant: sampleTenant({ overrides: { storage_gb_max: 0.000001 } }) });
    full.put(lines('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'));
    expect(await full.take()).toMatchObject({ kind: 'taken' });
    full.put(lines('k'), 'next.jsonl');
    expect(await full.take(full, 'next.jsonl')).toMatchObject({
      fault: { code: 'quota_exceeded', retryable: true },
    });

    const busy = await dropWorld();
    for (let count = 0; count < batchRunLimits.openBatchesMax; count += 1) await busy.addBatch([lineOf('a')]);
    busy.put(lines('a'));
    expect(await busy.take()).toMatchObject({ fault: { code: 'concurrency_limit', retryable: true } });
  });

  it('stays refused, and a taken one taken, for whoever looks at the same version later', async () => {
    const world = await dropWorld({ tenant: sampleTenant({ overrides: { storage_gb_max: 0.000001 } }) });
    world.put(lines(...'abcdefghijklmn'));
    // Its own bytes fill the room that it was taken into, before there is a batch.
    const dying = { ...world, batches: { ...world.batches, put: () => Promise.reject(new Error('away')) } };
    await expect(world.take(dying)).rejects.toThrow('away');
    expect(await world.take()).toMatchObject({ kind: 'taken' });

    world.put(lines('k'), 'next.jsonl');
    const refused = await world.take(world, 'next.jsonl');
    await world.tenants.update({ ...world.tenant, overrides: {} });
    expect(await world.take(world, 'next.jsonl')).toEqual(refused);
  });

  it('is told of by nobody whose look was slower than its batch', async () => {
    const world = await dropWorld();
    world.put(lines('a'));
    const slow = {
      ...world,
      batches: {
        ...world.batches,
        // While it looks for room, another has made the batch, and others have taken the room.
        async list(...args: Parameters<typeof world.batches.list>) {
          await world.take();
          await world.finish((await world.all())[0] ?? never());
          for (let count = 0; count < batchRunLimits.openBatchesMax; count += 1)
            await world.addBatch([lineOf('b')]);
          return world.batches.list(...args);
        },
      },
    };

    expect(await world.take(slow)).toMatchObject({ kind: 'known' });
    expect(world.status()).toMatchObject({ status: 'completed' });
  });

  it('as its batch may be past its retention is left alone', async () => {
    const world = await dropWorld();
    world.put(lines('a'));
    await world.take();
    await world.finish((await world.all())[0] ?? never());
    await world.clock.advance(31 * 24 * 60 * 60_000);

    expect(await world.take()).toEqual({ kind: 'stale' });
  });
});

describe('results beside a dropped file', () => {
  it('say why its batch failed as a whole', async () => {
    const world = await dropWorld({ tenant: sampleTenant({ overrides: { batch_lines_max: 1 } }) });
    world.put(lines('a', 'b'));
    await world.take();

    await world.finish((await world.all())[0] ?? never());

    expect(world.status()).toMatchObject({
      status: 'failed',
      output: null,
      errors: null,
      batch: { errors: { data: [{ code: 'too_many_lines' }] } },
    });
  });

  it('are left before the end is announced: one that dies in between leaves them again', async () => {
    const world = await dropWorld();
    world.put(lines('a'));
    await world.take();
    const [batch = never()] = await world.all();
    const failing = { ...world, drops: { ...world.drops, write: () => Promise.reject(new Error('away')) } };
    await expect(world.finish(batch, failing)).rejects.toThrow('does not end');
    expect((await world.read(batch)).isAnnounced).toBe(false);

    expect(await world.finish(batch)).toMatchObject({ isAnnounced: true });
    expect(world.status()).toMatchObject({ status: 'completed' });
  });
});

/** The ports of the flow, each call of which may be the last. */
function mortalPorts(world: TakeDropPorts, before: () => void): TakeDropPorts {
  const mortal = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, method) {
        const own = Reflect.get(target, method);
        return typeof own === 'function'
          ? async (...args: unknown[]) => {
              before();
              const answer = await own.apply(target, args);
              return answer;
            }
          : own;
      },
    });
  const { batches, blobs, drops, files, gates, marks, plans, tenants } = world;
  return {
    ...world,
    batches: mortal(batches),
    blobs: mortal(blobs),
    drops: mortal(drops),
    files: mortal(files),
    gates: mortal(gates),
    marks: mortal(marks),
    plans: mortal(plans),
    tenants: mortal(tenants),
  };
}

function never(): never {
  throw new Error('there is one');
}
