import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { bucketOf } from '../admission/stored-bytes.ts';
import { isStoredNote, readStoredNote, storedNoteName } from '../admission/stored-note.ts';
import type { FileRecord } from '../batch/file.ts';
import { sortedId } from '../canonical.ts';
import { removeFile } from './files.ts';
import { finishCount } from './finish-count.ts';
import { count } from './stored-file.ts';
import { sweep } from './sweep.ts';

async function fileWorld() {
  const world = await createFlowWorld();
  const { tenantId } = world.tenant;
  const nowMs = world.clock.nowMs();
  const file: FileRecord = {
    tenantId,
    fileId: sortedId('file', nowMs, world.ids.next('file')),
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

  it('of a file that is deleted are no longer counted, though the answer of its deletion was lost', async () => {
    const { file, gate, ...world } = await fileWorld();
    await world.files.create(file);
    await count(world, file, file.bytes);
    const resent: typeof world.files = {
      ...world.files,
      async remove(...args) {
        await world.files.remove(...args);
        return world.files.remove(...args);
      },
    };

    const outcome = await removeFile({ ...world, files: resent }, file.tenantId, file.fileId);

    expect(outcome).toBe('removed');
    expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: 0 }, open: [] });
  });

  it.each(['files.remove', 'gates.release'] as const)(
    'are no longer counted, and its record goes, when whoever deletes it dies at %s',
    async (site) => {
      const { file, gate, ...world } = await fileWorld();
      await world.files.create(file);
      await count(world, file, file.bytes);
      const died = () => Promise.reject(new Error('it died'));
      const dying =
        site === 'files.remove'
          ? { ...world, files: { ...world.files, remove: died } }
          : { ...world, gates: { ...world.gates, release: died } };
      await expect(removeFile(dying, file.tenantId, file.fileId)).rejects.toThrow('it died');

      await sweep(world);

      expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: 0 }, open: [] });
      expect(await world.files.get(file.tenantId, file.fileId)).toBeNull();
    },
  );

  it('are taken away once by any number of deletions', async () => {
    const { file, gate, ...world } = await fileWorld();
    await world.files.create(file);
    await count(world, file, 2 * file.bytes);
    // Each has found it before any removes it.
    await Promise.all([1, 2, 3].map(() => removeFile(world, file.tenantId, file.fileId)));

    expect(await gate()).toEqual({ stored: { [bucketOf(file.expiresAtMs)]: file.bytes }, open: [] });
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
