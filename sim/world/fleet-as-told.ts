/**
 * The Fleet port as a control plane answers: it does what it is asked for, and in some worlds tells of it late or wrong.
 * What it says of a pool there was so a minute or two ago, or is one too many or too few; and some of the workers that are due
 * do not come. Nothing that matters may hang on its word alone.
 */
import type { Fleet } from '#core/ports/pools.ts';
import { isStillAsked } from '#core/scaling/is-still-asked.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';
import { drawsOf } from './quirks.ts';
import type { Ground } from './world.ts';

type Status = Awaited<ReturnType<Fleet['status']>>;

const staleShare = 0.4;
const staleMsMax = 120_000;
/** Of the words that are of now. */
const miscountShare = 0.4;

/** Of the workers that are due, in a world whose fleet refuses some. */
const refusedShare = 0.5;

/** Whether a worker that is due now is not placed. */
export function refusals({ scenario, isHealed }: Ground): () => boolean {
  const random = drawsOf(scenario, 'unplaced');
  return () => random !== null && !isHealed() && random() < refusedShare;
}

export function fleetAsTold({ loop, scenario, isHealed }: Ground, fleet: Fleet): Fleet {
  const random = drawsOf(scenario, 'lies');
  if (random === null) return fleet;
  return createLyingFleet(fleet, { loop, random, isLying: () => !isHealed() });
}

interface LyingFleetOptions {
  readonly loop: Pick<Loop, 'clock'>;
  readonly random: Random;
  readonly isLying: () => boolean;
}

function createLyingFleet(fleet: Fleet, { loop, random, isLying }: LyingFleetOptions): Fleet {
  /** What was so, by pool, with when it was looked at; oldest first. */
  const seen = new Map<string, { readonly atMs: number; readonly status: Status }[]>();

  function remember(pool: string, status: Status): void {
    // Most of a world comes after it has healed.
    if (!isLying()) seen.clear();
    else seen.set(pool, [...(seen.get(pool) ?? []), { atMs: loop.clock.nowMs(), status }]);
  }

  async function tell(pool: string): Promise<Status> {
    const status = await fleet.status(pool);
    remember(pool, status);
    if (!isLying()) return status;
    const thenMs = loop.clock.nowMs() - random() * staleMsMax;
    const stale = seen.get(pool)?.findLast(({ atMs }) => atMs <= thenMs)?.status;
    if (random() < staleShare) return stale ?? status;
    return random() < miscountShare ? miscounted(random, status) : status;
  }

  return {
    status: tell,
    async setDesired(pool, desired, before) {
      // An adapter that can ask for no condition looks once more, and is told no truer.
      const told = await tell(pool);
      if (!isStillAsked(told.desired, { desired, before })) return 'elsewhere';
      const { desired: asked } = await fleet.status(pool);
      const outcome = await fleet.setDesired(pool, desired, asked);
      remember(pool, await fleet.status(pool));
      return outcome;
    },
  };
}

function miscounted(random: Random, status: Status): Status {
  const name = random() < 0.5 ? 'desired' : 'running';
  const wrong = status[name] + (random() < 0.5 ? 1 : -1);
  return { ...status, [name]: Math.max(0, wrong) };
}
