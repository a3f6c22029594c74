/**
 * Calls that last, streams and waits, each hold one of their tenant's places from before they do so until they end,
 * however they end: on AWS each holds a function, of which an account has a bounded number for all tenants.
 */
import { AppError } from '#core/errors.ts';
import { streamLimits } from '#core/limits.ts';
import type { Clock, Ids, Log } from '#core/ports/process.ts';
import type { Streams } from '#core/ports/streams.ts';

export interface PlaceDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly streams: Streams;
}

export interface HeldPlace {
  release(): Promise<void>;
}

/** Null when the tenant has `streamLimits.openMax` of them taken. */
export async function findPlace(
  { clock, ids, log, streams }: PlaceDeps,
  tenantId: string,
): Promise<HeldPlace | null> {
  const [streamId, nowMs] = [ids.nonce(), clock.nowMs()];
  const place = { max: streamLimits.openMax, nowMs, untilMs: nowMs + streamLimits.placeMs };
  if ((await streams.open(tenantId, streamId, place)) === 'full') return null;
  return {
    async release() {
      try {
        await streams.close(tenantId, streamId);
      } catch (error) {
        // Nothing is lost but the place, and that for a while.
        log.warn('stream.place_kept', { tenantId, reason: String(error) });
      }
    },
  };
}

/** Throws `concurrency_limit` when there is none left. */
export async function takePlace(deps: PlaceDeps, tenantId: string): Promise<HeldPlace> {
  const place = await findPlace(deps, tenantId);
  if (place !== null) return place;
  const publicMessage = `The tenant has ${streamLimits.openMax} streams and waiting calls open. It clears when one of them ends.`;
  throw new AppError('concurrency_limit', { publicMessage, retryAfterSeconds: 1 });
}

/** What `work` comes to, with a place held while it lasts. Throws `concurrency_limit` before any of it. */
export async function withPlace<T>(deps: PlaceDeps, tenantId: string, work: () => Promise<T>): Promise<T> {
  const place = await takePlace(deps, tenantId);
  try {
    return await work();
  } finally {
    await place.release();
  }
}
