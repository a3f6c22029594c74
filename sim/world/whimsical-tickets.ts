/**
 * `Tickets` as a standard SQS queue may behave at its worst: late, out of order, twice, again after it was deleted, and
 * now and then not at all, as when a message was moved aside or an operator purged the queue.
 */
import type { Tickets } from '#core/ports/tickets.ts';
import { createMemoryTickets } from '../memory/memory-tickets.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';

const chances = {
  twice: 0.05,
  late: 0.15,
  lost: 0.01,
  undeleted: 0.03,
  unhidden: 0.03,
  miscounted: 0.1,
} as const;

export type Whim = keyof typeof chances;

const lateMsMax = 20_000;

export interface WhimsicalTicketsOptions {
  readonly loop: Loop;
  readonly random: Random;
  /** Whims that the queue has now. */
  readonly has: (whim: Whim) => boolean;
}

export function createWhimsicalTickets({ loop, random, has }: WhimsicalTicketsOptions): Tickets {
  const queue = createMemoryTickets({ clock: loop.clock });
  // Drawn first, so that a whim that is off leaves the other draws of the run where they were.
  const strikes = (whim: Whim) => random() < chances[whim] && has(whim);

  return {
    ...queue,
    async send(ticket) {
      const [lost, twice, late] = [strikes('lost'), strikes('twice'), strikes('late')];
      if (lost) return;
      if (twice) loop.after(random() * lateMsMax, () => void queue.send(ticket));
      if (late) loop.after(random() * lateMsMax, () => void queue.send(ticket));
      else await queue.send(ticket);
    },
    async delete(pool, held) {
      await queue.delete(
        pool,
        held.filter(() => !strikes('undeleted')),
      );
    },
    async hide(pool, held, ms) {
      await queue.hide(
        pool,
        held.filter(() => !strikes('unhidden')),
        ms,
      );
    },
    async depth(pool) {
      const { visible, hidden } = await queue.depth(pool);
      return strikes('miscounted')
        ? { visible: Math.floor(visible * 2 * random()), hidden }
        : { visible, hidden };
    },
  };
}
