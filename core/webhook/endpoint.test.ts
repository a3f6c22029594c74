import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { webhookLimits } from '../limits.ts';
import { sampleEndpoint, sampleNowMs } from '../samples.ts';
import { afterReceipt, endpointRecordSchema, rotated, secretsInForce, unstoredDefault } from './endpoint.ts';

const now = sampleNowMs;
const { disableAfterMs, secretsMax } = webhookLimits;

describe('rotating', () => {
  it('without an overlap ends every secret before', () => {
    const twice = rotated(rotated(sampleEndpoint(), now, 60_000), now, 0);

    expect(twice.secrets).toEqual([{ version: 3, untilMs: null }]);
  });

  it('never lets an earlier secret last longer than it was to', () => {
    const twice = rotated(rotated(sampleEndpoint(), now, 1_000), now, 60_000);

    expect(twice.secrets).toEqual([
      { version: 1, untilMs: now + 1_000 },
      { version: 2, untilMs: now + 60_000 },
      { version: 3, untilMs: null },
    ]);
    expect(secretsInForce(twice, now + 1_000).map(({ version }) => version)).toEqual([3, 2]);
  });

  it('however often, keeps a bounded number, a new version each time, and one that has no end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(100_000), fc.nat(100_000)), { maxLength: 20 }), (turns) => {
        let endpoint = unstoredDefault('tenant-a');
        let atMs = now;
        for (const [waitMs, overlapMs] of turns) {
          atMs += waitMs;
          const before = secretsInForce(endpoint, atMs).map(({ version }) => version);
          endpoint = rotated(endpoint, atMs, overlapMs);
          const [newest = 0, ...rest] = secretsInForce(endpoint, atMs).map(({ version }) => version);

          expect(before).toEqual(expect.arrayContaining(rest));
          expect(newest).toBeGreaterThan(before[0] ?? 0);
          expect(rest.length).toBeLessThan(secretsMax);
          expect(endpoint.secrets.filter(({ untilMs }) => untilMs === null)).toHaveLength(1);
          expect(endpointRecordSchema.parse(endpoint)).toEqual(endpoint);
        }
      }),
    );
  });
});

describe('an endpoint', () => {
  it('is disabled at once where its receiver is gone', () => {
    const after = afterReceipt(sampleEndpoint(), 'gone', now);

    expect(after).toMatchObject({ disabled: { reason: 'gone', atMs: now }, version: 2 });
  });

  it('is disabled once nothing got through for five days, and not a moment before', () => {
    const failing = afterReceipt(sampleEndpoint(), 'failed', now);

    expect(failing).toMatchObject({ failingSinceMs: now, disabled: null });
    if (failing === null) return;
    expect(afterReceipt(failing, 'failed', now + disableAfterMs - 1)).toBeNull();
    expect(afterReceipt(failing, 'failed', now + disableAfterMs)).toMatchObject({
      disabled: { reason: 'failing' },
    });
  });

  it('starts over after a success, which also ends a disablement', () => {
    const disabled = sampleEndpoint({ failingSinceMs: 5, disabled: { reason: 'failing', atMs: 6 } });

    const after = afterReceipt(disabled, 'taken', now);

    expect(after).toMatchObject({ failingSinceMs: null, disabled: null, version: 2 });
  });

  it('needs no write where a receipt says nothing new', () => {
    const disabled = sampleEndpoint({ failingSinceMs: 5, disabled: { reason: 'gone', atMs: 6 } });

    expect(afterReceipt(sampleEndpoint(), 'taken', now)).toBeNull();
    expect(afterReceipt(disabled, 'failed', now + 2 * disableAfterMs)).toBeNull();
    expect(afterReceipt(disabled, 'gone', now)).toBeNull();
  });
});
