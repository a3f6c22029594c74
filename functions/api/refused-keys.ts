/** Keys that are refused, each for a reason of its own: what the test of their work and the bench of their time send. */
import { hashKey } from '#aws/key-hash.ts';
import type { Clock } from '#core/ports/process.ts';
import type { Keys } from '#core/ports/tenancy.ts';
import { sampleKey } from '#core/samples.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { pepper } from './api-scene.ts';

export interface RefusedKey {
  readonly key: string;
  /** The tenant whose own door it is tried at; null: everybody's. */
  readonly door: string | null;
}

/** Stores the keys that there are. `salt` sets the ids and secrets of one call apart from another's. */
export async function refusedKeys({ keys, clock }: { readonly keys: Keys; readonly clock: Clock }, salt = 0) {
  const nowMs = clock.nowMs();
  const keyOf = (id: string, fill: number) =>
    formatKey(`${id}${String(salt).padStart(4, '0')}`, secretOf(salt, fill));
  const stored = async (id: string, more: Partial<Parameters<typeof sampleKey>[0]>) => {
    const key = keyOf(id, 1);
    const keyId = `${id}${String(salt).padStart(4, '0')}`;
    await keys.create(sampleKey({ keyId, hash: hashKey(key, pepper), ...more }));
    return key;
  };
  return {
    /** Let in: the right secret of the id that `wrong secret` has. */
    held: { key: await stored('held', {}), door: null },
    unknown: { key: keyOf('none', 1), door: null },
    'wrong secret': { key: keyOf('held', 2), door: null },
    revoked: { key: await stored('gone', { revokedAtMs: nowMs - 1 }), door: null },
    expired: { key: await stored('past', { expiresAtMs: nowMs - 1 }), door: null },
    "another tenant's, at one tenant's door": {
      key: await stored('them', { tenantId: 'tenant-b' }),
      door: 'tenant-a',
    },
    /** As many more unknown ones as are asked for. */
    unknownOf: (index: number): RefusedKey => ({
      key: formatKey(`n${index.toString(36).padStart(7, '0')}`, secretOf(index, 3)),
      door: null,
    }),
  };
}

function secretOf(salt: number, fill: number): Uint8Array {
  const secret = new Uint8Array(32).fill(fill);
  new DataView(secret.buffer).setUint32(4, salt);
  return secret;
}
