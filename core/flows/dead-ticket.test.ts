import { describe, expect, it } from 'vitest';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { cancel } from './cancel.ts';
import { answerDeadTicket } from './dead-ticket.ts';
import { submit } from './submit.ts';

async function setup() {
  const world = await createFlowWorld();
  const outcome = await submit(world, submission(world.tenant));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  const [ticket] = await world.tickets.receive(worldPool, 1, 0);
  if (ticket === undefined) throw new Error('no ticket');
  await world.tickets.delete(worldPool, [ticket]);
  return { world, ticket, job: outcome.job };
}

describe('a ticket that was put aside', () => {
  it('goes back to the queue of its job while that is open', async () => {
    const { world, ticket, job } = await setup();

    expect(await answerDeadTicket(world, ticket)).toBe('sent_again');

    const [again] = await world.tickets.receive(worldPool, 1, 0);
    expect(again).toMatchObject({ tenantId: job.tenantId, jobId: job.jobId, deliveries: 1 });
  });

  it('settles a job that ended and was not settled, once', async () => {
    const { world, ticket, job } = await setup();
    const gates = { ...world.gates, release: () => Promise.reject(new Error('died over it')) };
    await cancel({ ...world, gates }, job.tenantId, job.jobId).catch(() => undefined);
    const isOpen = async () => job.jobId in ((await world.gates.read(job.tenantId))?.open ?? {});
    expect(await isOpen()).toBe(true);

    expect(await answerDeadTicket(world, ticket)).toBe('settled');
    expect(await answerDeadTicket(world, ticket)).toBe('settled');

    expect(await isOpen()).toBe(false);
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
  });

  it('is spare where there is no such job', async () => {
    const { world, ticket } = await setup();

    expect(await answerDeadTicket(world, { ...ticket, jobId: `job_${'0'.repeat(26)}` })).toBe('spare');

    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
  });
});
