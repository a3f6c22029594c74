import { expect, it } from 'vitest';
import { sampleKey, sampleNowMs, sampleTenant } from '#core/samples.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createKeyHolders } from './key-holders.ts';

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
  for (const id of ids) await holders.get(id);
  reads.length = 0;

  await holders.get('key4096');
  await holders.get('key1');
  expect(reads).toEqual([]);

  await holders.get('key0');
  expect(reads).toEqual(['key0']);
});
