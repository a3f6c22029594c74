import { expect, it } from 'vitest';
import { sampleKey, sampleNowMs, sampleTenant } from '#core/samples.ts';
import type { KeyRecord } from '#core/tenancy/tenant.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createKeyHolders } from './key-holders.ts';

const isThere = (key: KeyRecord | null) => key !== null;

it('forgets the oldest key when it remembers as many as it may', async () => {
  const reads: string[] = [];
  const holders = createKeyHolders({
    clock: createManualClock(sampleNowMs),
    keys: {
      get: async (keyId) => {
        reads.push(keyId);
        return sampleKey({ keyId });
      },
      touch: async () => undefined,
    },
    log: createRecordingLog(),
    plans: { get: async () => null },
    tenants: { get: async () => sampleTenant() },
  });
  const ids = Array.from({ length: 4_097 }, (_, index) => `key${index}`);
  for (const id of ids) await holders.find(id, isThere);
  reads.length = 0;

  await holders.find('key4096', isThere);
  await holders.find('key1', isThere);
  expect(reads).toEqual([]);

  await holders.find('key0', isThere);
  expect(reads).toEqual(['key0']);
});

it('forgets a revoked key as soon as ever when the clock ran ahead and was put right', async () => {
  let nowMs = sampleNowMs + 24 * 60 * 60 * 1000;
  const stored = new Map([['key1', sampleKey({ keyId: 'key1' })]]);
  const holders = createKeyHolders({
    clock: { ...createManualClock(sampleNowMs), nowMs: () => nowMs },
    keys: { get: async (keyId) => stored.get(keyId) ?? null, touch: async () => undefined },
    log: createRecordingLog(),
    plans: { get: async () => null },
    tenants: { get: async () => sampleTenant() },
  });
  const before = await holders.find('key1', isThere);

  nowMs = sampleNowMs;
  stored.delete('key1');

  expect(before).not.toBeNull();
  expect(await holders.find('key1', isThere)).toBeNull();
});
