/** Promises of `ResultCache`. */
import { describe, expect, it } from 'vitest';
import type { CachedResult } from '../cache/cached-result.ts';
import { digest } from '../canonical.ts';
import { fullJob, sampleNowMs } from '../samples.ts';
import type { Scene } from './scene.ts';
import { atOnce } from './scene.ts';

const nowMs = sampleNowMs;
const ample = { entriesMax: 100, nowMs };

export function resultsContract(scene: Scene): void {
  const { outputs, receipt } = fullJob();
  const entryOf = (tenantId: string, name: string, change: Partial<CachedResult> = {}): CachedResult => {
    if (receipt === null) throw new Error('a full job has a receipt');
    const jobId = scene.jobId();
    const times = { storedAtMs: nowMs, expiresAtMs: nowMs + 60_000, filesUntilMs: nowMs + 90_000 };
    return { tenantId, key: digest(name), jobId, outputs, receipt, ...times, ...change };
  };
  const keysOf = async (tenantId: string, names: readonly string[]) => {
    const found = await Promise.all(
      names.map((name) => scene.ports.results.get(tenantId, digest(name), nowMs)),
    );
    return names.filter((_, index) => found[index] !== null);
  };

  describe('ResultCache', () => {
    it('gives back every field of an entry', async () => {
      const entry = entryOf(scene.tenantId(), 'a');

      expect(await scene.ports.results.put(entry, ample)).toBe('stored');

      await scene.eventually(async () => {
        expect(await scene.ports.results.get(entry.tenantId, entry.key, nowMs)).toEqual(entry);
      });
    });

    it('knows no entry of another tenant or key', async () => {
      const entry = entryOf(scene.tenantId(), 'a');
      await scene.ports.results.put(entry, ample);

      expect(await scene.ports.results.get(scene.tenantId(), entry.key, nowMs)).toBeNull();
      expect(await scene.ports.results.get(entry.tenantId, digest('b'), nowMs)).toBeNull();
    });

    it('knows no entry from its expiry on', async () => {
      const entry = entryOf(scene.tenantId(), 'a');
      await scene.ports.results.put(entry, ample);

      await scene.eventually(async () => {
        const { tenantId, key, expiresAtMs } = entry;
        expect(await scene.ports.results.get(tenantId, key, expiresAtMs - 1)).not.toBeNull();
        expect(await scene.ports.results.get(tenantId, key, expiresAtMs)).toBeNull();
      });
    });

    it('keeps the first entry of a key, and takes a new one once that has expired', async () => {
      const first = entryOf(scene.tenantId(), 'a');
      const second = { ...first, jobId: scene.jobId(), expiresAtMs: first.expiresAtMs + 60_000 };
      const { results } = scene.ports;
      await results.put(first, ample);

      expect(await results.put(second, { ...ample, nowMs: first.expiresAtMs - 1 })).toBe('exists');
      expect(await results.put(second, { ...ample, nowMs: first.expiresAtMs })).toBe('stored');

      await scene.eventually(async () => {
        expect(await results.get(first.tenantId, first.key, nowMs)).toEqual(second);
      });
    });

    it('stores a key once under 16 parallel callers', async () => {
      const tenantId = scene.tenantId();

      const outcomes = await atOnce(16, () => scene.ports.results.put(entryOf(tenantId, 'a'), ample));

      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    });

    it('removes what was used longest ago beyond the bound, of this tenant alone', async () => {
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const { results } = scene.ports;
      await results.put(entryOf(other, 'a'), ample);
      for (const [index, name] of ['a', 'b', 'c'].entries()) {
        await results.put(entryOf(tenantId, name, { storedAtMs: nowMs + index }), ample);
      }
      await results.touch(tenantId, digest('a'), nowMs + 10);

      let last = 20;
      await scene.eventually(async () => {
        last += 1;
        await results.put(entryOf(tenantId, `new ${last}`, { storedAtMs: nowMs + last }), {
          ...ample,
          entriesMax: 2,
        });
        expect(await keysOf(tenantId, ['a', 'b', 'c', `new ${last}`])).toEqual(['a', `new ${last}`]);
      });
      expect(await keysOf(other, ['a'])).toEqual(['a']);
    });

    it('counts no use earlier than the one noted', async () => {
      const tenantId = scene.tenantId();
      const { results } = scene.ports;
      await results.put(entryOf(tenantId, 'a', { storedAtMs: nowMs + 10 }), ample);
      await results.put(entryOf(tenantId, 'b', { storedAtMs: nowMs + 5 }), ample);

      await results.touch(tenantId, digest('a'), nowMs);

      await scene.eventually(async () => {
        await results.put(entryOf(tenantId, scene.nonce(), { storedAtMs: nowMs + 20 }), {
          ...ample,
          entriesMax: 2,
        });
        expect(await keysOf(tenantId, ['a', 'b'])).not.toContain('b');
      });
    });

    it('makes no entry by noting a use', async () => {
      const tenantId = scene.tenantId();

      await scene.ports.results.touch(tenantId, digest('a'), nowMs);

      expect(await scene.ports.results.get(tenantId, digest('a'), nowMs)).toBeNull();
    });
  });
}
