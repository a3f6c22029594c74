/**
 * `Tickets` as a standard SQS queue may behave at its worst: late, out of order, twice, again after it was deleted, and
 * now and then not at all, as when an operator purged the queue. Some put a ticket aside that was handed out too often, and
 * some hand out nothing while too many tickets are in hand.
 */
import type { Ticket, Tickets } from '#core/ports/tickets.ts';
import { createMemoryTickets } from '../memory/memory-tickets.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';
import type { QueueBounds } from './quirks.ts';
import { unbounded } from './quirks.ts';

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
  /** Of the queue now; null: none that a world is long enough to reach. */
  readonly bounds: () => QueueBounds | null;
  /** To the dead-letter queue. */
  readonly putAside: (ticket: Ticket) => void;
}

export function createWhimsicalTickets(options: WhimsicalTicketsOptions): Tickets {
  const { loop, random, has } = options;
  const queue = createMemoryTickets({ clock: loop.clock });
  // Drawn first, so that a whim that is off leaves the other draws of the run where they were.
  const strikes = (whim: Whim) => random() < chances[whim] && has(whim);

  const receive: Tickets['receive'] = async (pool, max, waitMs, signal) => {
    const { deliveriesMax, inHandMax } = options.bounds() ?? unbounded;
    const room = inHandMax - (await queue.depth(pool)).hidden;
    if (room <= 0) {
      // As SQS answers a long poll above its bound: with nothing, and no error.
      await loop.clock.sleep(waitMs, signal);
      return [];
    }
    const held = await queue.receive(pool, Math.min(max, room), waitMs, signal);
    const worn = held.filter(({ deliveries }) => deliveries > deliveriesMax);
    await queue.delete(pool, worn);
    for (const { tenantId, jobId } of worn) options.putAside({ pool, tenantId, jobId });
    return held.filter((each) => !worn.includes(each));
  };

  return {
    ...queue,
    async send(ticket) {
      const [lost, twice, late] = [strikes('lost'), strikes('twice'), strikes('late')];
      if (lost) return;
      if (twice) loop.after(random() * lateMsMax, () => void queue.send(ticket));
      if (late) loop.after(random() * lateMsMax, () => void queue.send(ticket));
      else await queue.send(ticket);
    },
    // Most queues have no bound: asked as they are, their worlds take the turns that they took.
    receive: (...ask) => (options.bounds() === null ? queue.receive(...ask) : receive(...ask)),
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
