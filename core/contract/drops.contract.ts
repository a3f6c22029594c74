/** Promises of `Drops`. */
import { describe, expect, it } from 'vitest';
import { fileLimits } from '../limits.ts';
import type { Scene } from './scene.ts';

export function dropsContract(scene: Scene): void {
  const name = 'a b/März (2).jsonl';
  const text = async (pieces: AsyncIterable<Uint8Array> | null) => {
    const all: Uint8Array[] = [];
    for await (const piece of pieces ?? []) all.push(piece);
    return pieces === null ? null : Buffer.concat(all).toString();
  };

  describe('Drops', () => {
    it('finds a file under its name, and none of another tenant', async () => {
      const { drops } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      await scene.drop(tenantId, name, Buffer.from('first'));

      const found = await drops.look(tenantId, name);

      expect(found).toMatchObject({ bytes: 5 });
      expect((found?.atMs ?? 1) % 1_000).toBe(0);
      expect(Math.abs((found?.atMs ?? 0) - scene.clock.nowMs())).toBeLessThan(60_000);
      expect(await drops.look(tenantId, name)).toEqual(found);
      expect(await text(await drops.read(tenantId, name, found?.version ?? ''))).toBe('first');
      expect(await drops.look(other, name)).toBeNull();
      expect(await drops.look(tenantId, 'other.jsonl')).toBeNull();
    });

    it('reads the version that was looked at, and nothing once another was put', async () => {
      const { drops } = scene.ports;
      const tenantId = scene.tenantId();
      await scene.drop(tenantId, name, Buffer.from('first'));
      const first = await drops.look(tenantId, name);
      await scene.drop(tenantId, name, Buffer.from('second'));

      expect(await drops.read(tenantId, name, first?.version ?? '')).toBeNull();
      const second = await drops.look(tenantId, name);
      expect(second?.version).not.toBe(first?.version);
      expect(await text(await drops.read(tenantId, name, second?.version ?? ''))).toBe('second');
      expect(await drops.read(tenantId, 'other.jsonl', second?.version ?? '')).toBeNull();
    });

    it('leaves results whole or not at all, where no dropped file is looked for', async () => {
      const { drops } = scene.ports;
      const tenantId = scene.tenantId();
      async function* failing() {
        yield Buffer.alloc(fileLimits.partBytes + 1);
        yield Buffer.alloc(fileLimits.partBytes);
        throw new Error('no more');
      }
      async function* whole() {
        yield Buffer.from('whole ');
        yield Buffer.from('result');
      }

      await drops.write(tenantId, name, whole, 'application/jsonl', { isEncrypted: true, retentionMs: 1 });
      await expect(drops.write(tenantId, name, failing, 'application/jsonl')).rejects.toThrow('no more');

      expect(Buffer.from(await scene.collect(tenantId, name)).toString()).toBe('whole result');
      expect(await drops.look(tenantId, name)).toBeNull();
    });
  });
}
