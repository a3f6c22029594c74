/**
 * The Fleet port as a control plane may answer that is behind, or counts wrong: what it says of a pool was so a minute or two
 * ago, or is one too many or too few. What it is asked for it does. Nothing that matters may hang on its word alone.
 */
import type { Fleet } from '#core/ports/pools.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';

type Status = Awaited<ReturnType<Fleet['status']>>;

const staleShare = 0.4;
export const staleMsMax = 120_000;
/** Of the words that are of now. */
const miscountShare = 0.4;

export interface LyingFleetOptions {
  readonly loop: Pick<Loop, 'clock'>;
  readonly random: Random;
  readonly isLying: () => boolean;
}

export function createLyingFleet(fleet: Fleet, { loop, random, isLying }: LyingFleetOptions): Fleet {
  /** What was so, by pool, with when it was looked at; oldest first. */
  const seen = new Map<string, { readonly atMs: number; readonly status: Status }[]>();

  function remember(pool: string, status: Status): void {
    const earlier = seen.get(pool) ?? [];
    seen.set(pool, [...earlier, { atMs: loop.clock.nowMs(), status }]);
  }

  return {
    async status(pool) {
      const status = await fleet.status(pool);
      remember(pool, status);
      if (!isLying()) return status;
      const thenMs = loop.clock.nowMs() - random() * staleMsMax;
      const stale = seen.get(pool)?.findLast(({ atMs }) => atMs <= thenMs)?.status;
      if (random() < staleShare) return stale ?? status;
      return random() < miscountShare ? miscounted(random, status) : status;
    },
    async setDesired(pool, desired) {
      remember(pool, await fleet.status(pool));
      await fleet.setDesired(pool, desired);
      remember(pool, await fleet.status(pool));
    },
  };
}

function miscounted(random: Random, status: Status): Status {
  const name = random() < 0.5 ? 'desired' : 'running';
  const wrong = status[name] + (random() < 0.5 ? 1 : -1);
  return { ...status, [name]: Math.max(0, wrong) };
}
