import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { bucketOf } from '../admission/stored-bytes.ts';
import { isStoredNote, readStoredNote, storedNoteName } from '../admission/stored-note.ts';
import type { FileRecord } from '../batch/file.ts';
import { count, finishCount } from './stored-file.ts';
import { sweep } from './sweep.ts';

async function fileWorld() {
  const world = await createFlowWorld();
  const { tenantId } = world.tenant;
  const nowMs = world.clock.nowMs();
  const file: FileRecord = {
    tenantId,
    fileId: 'file_01',
    purpose: 'vision',
    filename: 'a.png',
    bytes: 70,
    isStored: true,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
  };
  return {
    ...world,
    file,
    gate: async () => {
      const gate = await world.gates.read(tenantId);
      return { stored: gate?.stored ?? {}, open: Object.keys(gate?.open ?? {}) };
    },
  };
}

describe('the bytes of a file', () => {
  it('count until the day on which it goes, and leave nothing open', async () => {
    const { file, gate, ...world } = await fileWorld();

    await count(world, file, 70);
    await count(world, file, -20);

    expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: 50 }, open: [] });
  });

  it('count once when whoever counts them is held up, and the sweep comes first', async () => {
    const { file, gate, ...world } = await fileWorld();
    const held = {
      ...world,
      gates: {
        ...world.gates,
        async release(...args: Parameters<typeof world.gates.release>) {
          await sweep(world);
          return world.gates.release(...args);
        },
      },
    };

    await count(held, file, 70);

    expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: 70 }, open: [] });
  });

  it('count in the sweep when whoever counts them died', async () => {
    const { file, gate, ...world } = await fileWorld();
    const dying = {
      ...world,
      gates: { ...world.gates, release: () => Promise.reject(new Error('it died')) },
    };
    await expect(count(dying, file, 70)).rejects.toThrow('it died');

    await sweep(world);

    expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: 70 }, open: [] });
  });

  it('of a note that nobody can read are none, and the note goes', async () => {
    const { gate, tenant, ...world } = await fileWorld();
    await world.gates.note(tenant.tenantId, storedNoteName('n'), 'no note');

    await finishCount(world, tenant.tenantId, { name: storedNoteName('n'), text: 'no note' });

    expect(await gate()).toEqual({ stored: {}, open: [] });
    expect(readStoredNote('{"bytes":"70"}')).toBeNull();
    expect(isStoredNote('job_01')).toBe(false);
  });
});
