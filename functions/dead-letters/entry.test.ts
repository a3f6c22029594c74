import type { SQSBatchResponse } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { submit } from '#core/flows/submit.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';
import { createDeadLettersHandler } from './handler.ts';

let scene: EntryScene;
let handler: (event: unknown) => Promise<SQSBatchResponse>;

beforeAll(async () => {
  scene = await createEntryScene();
  ({ handler } = await import('./entry.ts'));
});

afterAll(() => scene.close());

/** As SQS invokes a function. */
const eventOf = (...bodies: readonly unknown[]) => ({
  Records: bodies.map((body, index) => ({
    messageId: `m${index}`,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    eventSource: 'aws:sqs',
  })),
});

describe('the function behind dead-letter queues', () => {
  it('puts the ticket of an open job back, and one of no job away', async () => {
    const { tenantId, jobId } = await scene.submitJob();
    const worn = await scene.ports.tickets.receive(worldPool, 1, 1_000);
    await scene.ports.tickets.delete(worldPool, worn);

    const answer = await handler(eventOf({ tenantId, jobId }, { tenantId, jobId: `job_${'0'.repeat(26)}` }));

    expect(answer).toEqual({ batchItemFailures: [] });
    const again = await scene.ports.tickets.receive(worldPool, 10, 1_000);
    expect(again).toMatchObject([{ tenantId, jobId, deliveries: 1 }]);
  });

  it('drops a message that is no ticket and says so, and refuses an event that is none of SQS', async () => {
    const world = await createFlowWorld();
    const answer = createDeadLettersHandler(world);

    expect(await answer(eventOf('no JSON', { jobId: 'alone' }))).toEqual({ batchItemFailures: [] });

    expect(world.log.events()).toEqual(['dead_letter.unreadable', 'dead_letter.unreadable']);
    expect(world.metrics.samples()).toEqual(Array(2).fill('dead_tickets{outcome=unreadable} 1'));
    await expect(answer({ detail: {} })).rejects.toThrow(/Records/);
  });

  it('keeps the message that could not be answered, and answers the others', async () => {
    const world = await createFlowWorld();
    const jobs = [
      await submit(world, submission(world.tenant)),
      await submit(world, submission(world.tenant)),
    ];
    const [first, second] = jobs.flatMap((outcome) => (outcome.kind === 'accepted' ? [outcome.job] : []));
    const tickets = {
      ...world.tickets,
      async send(ticket: Parameters<typeof world.tickets.send>[0]) {
        if (ticket.jobId === first?.jobId) throw new Error('the queue is away');
        await world.tickets.send(ticket);
      },
    };

    const answer = await createDeadLettersHandler({ ...world, tickets })(eventOf(first, second));

    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
    expect((await world.tickets.depth(worldPool)).visible).toBe(3);
    expect(world.log.events()).toContain('dead_letter.failed');
  });
});
