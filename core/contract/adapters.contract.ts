/** Promises of `Adapters` and `AdapterFiles`. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AdapterRecord } from '../adapter/adapter.ts';
import { newAdapter } from '../adapter/adapter.ts';
import { sampleAdapter, sampleNowMs } from '../samples.ts';
import type { Scene } from './scene.ts';
import { atOnce } from './scene.ts';

const maxOf = 20;

export function adaptersContract(scene: Scene): void {
  const adapterOf = (tenantId: string, name: string): AdapterRecord => {
    const asked = { tenantId, name, model: 'demo-image', bytes: 1_200, sha256: sha256Of(Buffer.from(name)) };
    return newAdapter(asked, sampleNowMs);
  };

  describe('Adapters', () => {
    it('gives back every field of an adapter from the moment it was stored', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();
      const adapter = adapterOf(tenantId, 'a');
      const { adapterId } = adapter;
      const refusal = { rule: 'lokr', detail: 'it is one' } as const;
      const refused = { ...sampleAdapter({ tenantId, adapterId, status: 'refused', refusal }), version: 2 };

      expect(await adapters.create(adapter, maxOf)).toBe('created');
      expect(await adapters.get(tenantId, adapterId)).toEqual(adapter);
      expect(await adapters.put(refused)).toBe('stored');
      expect(await adapters.get(tenantId, adapterId)).toEqual(refused);
    });

    it('creates an adapter once, and changes it only from the version before', async () => {
      const { adapters } = scene.ports;
      const adapter = adapterOf(scene.tenantId(), 'a');
      await adapters.create(adapter, maxOf);

      expect(await adapters.create({ ...adapter, name: 'other' }, maxOf)).toBe('exists');
      expect(await adapters.put({ ...adapter, version: 1 })).toBe('conflict');
      expect(await adapters.put({ ...adapter, version: 3 })).toBe('conflict');
      expect(await adapters.put(adapterOf(scene.tenantId(), 'b'))).toBe('conflict');
      expect(await adapters.get(adapter.tenantId, adapter.adapterId)).toEqual(adapter);
    });

    it('never has more of a tenant than its bound, however many ask at once', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();
      const many = Array.from({ length: 12 }, (_, index) => adapterOf(tenantId, `adapter ${index}`));

      const outcomes = await atOnce(many.length, (index) =>
        adapters.create(many[index] ?? adapterOf(tenantId, ''), 5),
      );

      expect(outcomes.toSorted()).toEqual([...Array(5).fill('created'), ...Array(7).fill('full')]);
      expect(await adapters.list(tenantId)).toHaveLength(5);
      const [first] = await adapters.list(tenantId);
      expect(await adapters.create(first ?? adapterOf(tenantId, ''), 5)).toBe('exists');
      expect(await adapters.create(adapterOf(tenantId, 'one more'), 0)).toBe('full');
    });

    it('has a place again for one that was removed, once', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();
      const [first, second] = [adapterOf(tenantId, 'a'), adapterOf(tenantId, 'b')];
      await adapters.create(first, 1);

      expect(await adapters.remove(tenantId, second.adapterId)).toBe('missing');
      expect(await adapters.remove(tenantId, first.adapterId)).toBe('removed');
      expect(await adapters.remove(tenantId, first.adapterId)).toBe('missing');
      expect(await adapters.get(tenantId, first.adapterId)).toBeNull();
      expect(await adapters.create(second, 1)).toBe('created');
      expect(await adapters.create(first, 1)).toBe('full');
    });

    it("lists a tenant's own, oldest first, and answers for no other tenant", async () => {
      const { adapters } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const young = { ...adapterOf(tenantId, 'a'), createdAtMs: sampleNowMs + 1_000 };
      const old = adapterOf(tenantId, 'b');
      for (const adapter of [young, old]) await adapters.create(adapter, maxOf);

      expect(await adapters.list(tenantId)).toEqual([old, young]);
      expect(await adapters.list(other)).toEqual([]);
      expect(await adapters.get(other, old.adapterId)).toBeNull();
      expect(await adapters.remove(other, old.adapterId)).toBe('missing');
    });
  });

  describe('what the adapters of a tenant take', () => {
    const isChanged = async (tenantId: string) => {
      let cursor: string | undefined;
      do {
        const page = await scene.ports.adapters.listChanged(cursor);
        if (page.items.includes(tenantId)) return true;
        cursor = page.cursor ?? undefined;
      } while (cursor !== undefined);
      return false;
    };

    it('is the bytes of all but the refused, under a number that every change raises', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();
      const [first, second] = [adapterOf(tenantId, 'a'), adapterOf(tenantId, 'b')];
      const totals = [await adapters.total(tenantId)];
      const add = async (change: Promise<unknown>) => {
        await change;
        totals.push(await adapters.total(tenantId));
      };

      await add(adapters.create(first, maxOf));
      await add(adapters.create(second, maxOf));
      await add(adapters.put({ ...first, status: 'ready', version: 2 }));
      await add(adapters.put({ ...second, status: 'refused', version: 2 }));
      await add(adapters.remove(tenantId, first.adapterId));
      await add(adapters.remove(tenantId, first.adapterId));

      expect(totals.map(({ bytes }) => bytes)).toEqual([0, 1_200, 2_400, 2_400, 1_200, 0, 0]);
      expect(totals.map(({ version }) => version)).toEqual([0, 1, 2, 3, 4, 5, 5]);
    });

    it('is said to be changed by the write that changes it, until that change is settled', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();
      const adapter = adapterOf(tenantId, 'a');
      expect(await isChanged(tenantId)).toBe(false);

      await adapters.create(adapter, maxOf);
      expect(await isChanged(tenantId)).toBe(true);
      await adapters.settle(tenantId, 0);
      expect(await isChanged(tenantId)).toBe(true);
      await adapters.settle(tenantId, 1);
      expect(await isChanged(tenantId)).toBe(false);
      await adapters.put({ ...adapter, status: 'ready', version: 2 });
      await adapters.settle(tenantId, 1);
      expect(await isChanged(tenantId)).toBe(true);
      await adapters.settle(tenantId, 2);
      await adapters.create(adapter, maxOf);
      expect(await isChanged(tenantId)).toBe(false);
      await adapters.remove(tenantId, adapter.adapterId);
      expect(await isChanged(tenantId)).toBe(true);
    });

    it('is said to be changed where somebody says so, of a tenant without any too', async () => {
      const { adapters } = scene.ports;
      const tenantId = scene.tenantId();

      await adapters.noteChange(tenantId);

      expect(await isChanged(tenantId)).toBe(true);
      const { bytes, version } = await adapters.total(tenantId);
      await adapters.settle(tenantId, version);
      expect([bytes, await isChanged(tenantId)]).toEqual([0, false]);
    });
  });

  describe('AdapterFiles', () => {
    const body = Buffer.from('weights '.repeat(1_000));
    const file = { bytes: body.byteLength, sha256: sha256Of(body) };
    const adapterId = 'adapter_00000000000000000000000001';

    it('gives back the bytes that went through its link', async () => {
      const { adapterFiles } = scene.ports;
      const tenantId = scene.tenantId();

      const link = await adapterFiles.uploadLink(tenantId, adapterId, file, 60);
      expect(await scene.upload(link, body)).toBe(true);

      expect(await allOf(await adapterFiles.read(tenantId, adapterId))).toEqual(body);
    });

    it('clears all of a tenant, and none of another, be its name the beginning of the other', async () => {
      const { adapterFiles } = scene.ports;
      const tenantId = scene.tenantId();
      const [others, ids] = [
        [scene.tenantId(), `${tenantId}-2`],
        [1, 2, 3].map((n) => `${adapterId.slice(0, -1)}${n}`),
      ];
      const put = async (owner: string, id: string) =>
        scene.upload(await adapterFiles.uploadLink(owner, id, file, 60), body);
      for (const id of ids) await put(tenantId, id);
      for (const other of others) await put(other, adapterId);

      let outcome = await adapterFiles.clear(tenantId);
      while (outcome === 'more') outcome = await adapterFiles.clear(tenantId);

      for (const id of ids) expect(await adapterFiles.read(tenantId, id)).toBeNull();
      for (const other of others) expect(await adapterFiles.read(other, adapterId)).not.toBeNull();
      expect(await adapterFiles.clear(tenantId)).toBe('cleared');
    });

    it('has none before, none after, and none of another tenant or adapter', async () => {
      const { adapterFiles } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const link = await adapterFiles.uploadLink(tenantId, adapterId, file, 60);

      expect(await adapterFiles.read(tenantId, adapterId)).toBeNull();
      await scene.upload(link, body);
      expect(await adapterFiles.read(other, adapterId)).toBeNull();
      expect(await adapterFiles.read(tenantId, 'adapter_00000000000000000000000002')).toBeNull();
      await adapterFiles.remove(tenantId, adapterId);
      await adapterFiles.remove(tenantId, adapterId);
      expect(await adapterFiles.read(tenantId, adapterId)).toBeNull();
    });
  });
}

async function allOf(pieces: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces ?? []) all.push(piece);
  return Buffer.concat(all);
}

function sha256Of(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
