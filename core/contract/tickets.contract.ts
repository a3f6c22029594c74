/**
 * Promises of the `Tickets` port. Hides are whole seconds, as SQS counts them; a long poll does the waiting, so no
 * test sleeps.
 */
import { describe, expect, it } from 'vitest';
import type { HeldTicket, Ticket } from '../ports/tickets.ts';
import type { Scene } from './scene.ts';

/** A poll that ends as soon as there is something to receive. */
const patientMs = 3_000;
/** Much less than the longest poll, much more than a wake-up takes. */
const promptMs = 10_000;

export function ticketsContract(scene: Scene): void {
  describe('Tickets', () => {
    describe('send and receive', () => sendAndReceive(scene));
    describe('long poll', () => longPoll(scene));
    describe('delete and hide', () => deleteAndHide(scene));
    describe('depth', () => depth(scene));
  });
}

function sendAndReceive(scene: Scene): void {
  it('delivers what was sent, as its first delivery', async () => {
    const [ticket] = await sent(scene, 1);

    const held = await scene.ports.tickets.receive(ticket.pool, 1, patientMs);

    expect(held).toEqual([{ ...ticket, receipt: expect.any(String), deliveries: 1 }]);
  });

  it('hides a ticket from others while it is held', async () => {
    const [{ pool }] = await sent(scene, 1);
    await received(scene, pool, 1);

    expect(await scene.ports.tickets.receive(pool, 10, 0)).toEqual([]);
  });

  it('never hands out more than `max`, and everything in the end', async () => {
    const tickets = await sent(scene, 7);
    const [{ pool }] = tickets;
    const held: HeldTicket[] = [];

    while (held.length < tickets.length) {
      const some = await scene.ports.tickets.receive(pool, 3, patientMs);
      expect(some.length).toBeLessThanOrEqual(3);
      expect(some.length).toBeGreaterThan(0);
      held.push(...some);
    }

    expect(held.map((ticket) => ticket.jobId).toSorted()).toEqual(
      tickets.map(({ jobId }) => jobId).toSorted(),
    );
  });

  it('keeps two tickets for one job apart', async () => {
    const [ticket] = await sent(scene, 1);
    await scene.ports.tickets.send(ticket);

    const [first, second] = await received(scene, ticket.pool, 2);

    expect(first?.jobId).toBe(second?.jobId);
    expect(first?.receipt).not.toBe(second?.receipt);
  });

  it('keeps pools apart', async () => {
    const [{ pool }] = await sent(scene, 1);
    const other = await scene.pool();

    expect(await scene.ports.tickets.receive(other, 10, 0)).toEqual([]);
    expect(await received(scene, pool, 1)).toHaveLength(1);
  });
}

function longPoll(scene: Scene): void {
  it('ends with nothing when nothing came in time', async () => {
    const receiving = scene.ports.tickets.receive(await scene.pool(), 10, 1_000);

    await scene.pass(1_000);

    expect(await receiving).toEqual([]);
  });

  it('wakes as soon as a ticket is sent', async () => {
    const pool = await scene.pool();
    const startedAtMs = scene.clock.nowMs();
    const receiving = scene.ports.tickets.receive(pool, 10, 20_000);

    const ticket = ticketIn(scene, pool);
    await scene.ports.tickets.send(ticket);

    expect(await receiving).toMatchObject([ticket]);
    expect(scene.clock.nowMs() - startedAtMs).toBeLessThan(promptMs);
  });

  it('hands one ticket to one of several that wait', async () => {
    const pool = await scene.pool();
    const receiving = [1, 2].map(() => scene.ports.tickets.receive(pool, 10, 2_000));

    await scene.ports.tickets.send(ticketIn(scene, pool));
    await scene.pass(2_000);

    expect((await Promise.all(receiving)).flat()).toHaveLength(1);
  });

  it('ends early with nothing when it is aborted', async () => {
    const pool = await scene.pool();
    const startedAtMs = scene.clock.nowMs();
    const stop = new AbortController();
    const receiving = scene.ports.tickets.receive(pool, 10, 20_000, stop.signal);

    stop.abort();

    expect(await receiving).toEqual([]);
    expect(scene.clock.nowMs() - startedAtMs).toBeLessThan(promptMs);
  });

  it('hands out nothing under a signal that was aborted before', async () => {
    const [{ pool }] = await sent(scene, 1);

    expect(await scene.ports.tickets.receive(pool, 10, 20_000, AbortSignal.abort())).toEqual([]);
    expect(await received(scene, pool, 1)).toMatchObject([{ deliveries: 1 }]);
  });
}

function deleteAndHide(scene: Scene): void {
  it('never delivers a deleted ticket again', async () => {
    const [{ pool }] = await sent(scene, 1);
    const held = await received(scene, pool, 1);
    await scene.ports.tickets.hide(pool, held, 1_000);

    await scene.ports.tickets.delete(pool, held);

    const receiving = scene.ports.tickets.receive(pool, 10, 2_000);
    await scene.pass(2_000);
    expect(await receiving).toEqual([]);
  });

  it('delivers a ticket again at once when it is hidden for 0, as its second delivery', async () => {
    const [ticket] = await sent(scene, 1);
    const held = await received(scene, ticket.pool, 1);

    await scene.ports.tickets.hide(ticket.pool, held, 0);

    expect(await received(scene, ticket.pool, 1)).toMatchObject([{ ...ticket, deliveries: 2 }]);
  });

  it('delivers a hidden ticket again once its time is over, and not before', async () => {
    const [ticket] = await sent(scene, 1);
    const held = await received(scene, ticket.pool, 1);
    await scene.ports.tickets.hide(ticket.pool, held, 1_000);

    const early = await scene.ports.tickets.receive(ticket.pool, 10, 0);
    const receiving = scene.ports.tickets.receive(ticket.pool, 10, patientMs);
    await scene.pass(1_000);

    expect(early).toEqual([]);
    expect(await receiving).toMatchObject([{ ...ticket, deliveries: 2 }]);
  });

  it('holds a ticket for longer when it is hidden again before its time is over', async () => {
    const [{ pool }] = await sent(scene, 1);
    const held = await received(scene, pool, 1);
    await scene.ports.tickets.hide(pool, held, 1_000);

    await scene.ports.tickets.hide(pool, held, 60_000);

    const receiving = scene.ports.tickets.receive(pool, 10, 2_000);
    await scene.pass(2_000);
    expect(await receiving).toEqual([]);
  });

  it('takes more tickets at once than one receive hands out', async () => {
    const [{ pool }] = await sent(scene, 23);
    const held = await received(scene, pool, 23);

    await scene.ports.tickets.hide(pool, held, 0);
    const again = await received(scene, pool, 23);
    await scene.ports.tickets.delete(pool, again);

    await scene.eventually(async () => {
      expect(await scene.ports.tickets.depth(pool)).toEqual({ visible: 0, hidden: 0 });
    });
  });

  it('changes nothing for tickets that are gone, and takes none at all', async () => {
    const [{ pool }] = await sent(scene, 1);
    const held = await received(scene, pool, 1);
    await scene.ports.tickets.delete(pool, held);

    await scene.ports.tickets.delete(pool, held);
    await scene.ports.tickets.hide(pool, held, 0);
    await scene.ports.tickets.delete(pool, []);
    await scene.ports.tickets.hide(pool, [], 0);

    expect(await scene.ports.tickets.receive(pool, 10, 0)).toEqual([]);
  });
}

function depth(scene: Scene): void {
  it('counts what is visible and what is held', async () => {
    const [{ pool }] = await sent(scene, 3);
    await received(scene, pool, 1);

    await scene.eventually(async () => {
      expect(await scene.ports.tickets.depth(pool)).toEqual({ visible: 2, hidden: 1 });
    });
    expect(await scene.ports.tickets.depth(await scene.pool())).toEqual({ visible: 0, hidden: 0 });
  });
}

function ticketIn(scene: Scene, pool: string): Ticket {
  return { pool, tenantId: scene.tenantId(), jobId: scene.jobId() };
}

/** Sends so many tickets to a pool of their own. */
async function sent(scene: Scene, count: number): Promise<[Ticket, ...Ticket[]]> {
  const pool = await scene.pool();
  const first = ticketIn(scene, pool);
  const others = Array.from({ length: count - 1 }, () => ticketIn(scene, pool));
  for (const ticket of [first, ...others]) await scene.ports.tickets.send(ticket);
  return [first, ...others];
}

/** Receives exactly so many tickets, over as many calls as it takes. */
async function received(scene: Scene, pool: string, count: number): Promise<HeldTicket[]> {
  const held: HeldTicket[] = [];
  while (held.length < count) {
    const some = await scene.ports.tickets.receive(pool, Math.min(10, count - held.length), patientMs);
    if (some.length === 0) throw new Error(`received ${held.length} of ${count} tickets`);
    held.push(...some);
  }
  return held;
}
