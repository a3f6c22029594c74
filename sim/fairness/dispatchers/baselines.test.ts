import { describe, expect, it } from 'vitest';
import type { Dispatcher, SimJob } from '../simulate.ts';
import { simJob } from '../workload.ts';
import { createFifo } from './fifo.ts';
import { createLeastServed } from './least-served.ts';
import { createRoundRobin } from './round-robin.ts';
import { createSqsFair } from './sqs-fair.ts';

describe('FIFO', () => {
  it('serves in the order of arrival, whoever sent it', () => {
    expect(order(createFifo(), ['a', 'a', 'b', 'a'], 4)).toEqual(['a', 'a', 'b', 'a']);
  });
});

describe('round robin', () => {
  it('gives each tenant that waits a turn of as many jobs as its weight', () => {
    const dispatcher = createRoundRobin();
    admitAll(dispatcher, ['a', 'a', 'a'], 1);
    admitAll(dispatcher, ['b', 'b', 'b', 'b'], 2);

    expect(claims(dispatcher, 7)).toEqual(['a', 'b', 'b', 'a', 'b', 'b', 'a']);
  });
});

describe('least served first', () => {
  it('serves whoever had the least, and lifts a tenant that comes to those that wait', () => {
    const dispatcher = createLeastServed();
    admitAll(dispatcher, ['a', 'a', 'a', 'a'], 1);

    const before = claims(dispatcher, 2);
    admitAll(dispatcher, ['b', 'b', 'b'], 1);

    expect(before).toEqual(['a', 'a']);
    expect(claims(dispatcher, 5)).toEqual(['a', 'b', 'a', 'b', 'b']);
  });
});

describe('the model of SQS fair queues', () => {
  it('leaves a tenant alone below 30 jobs in flight', () => {
    const noisy = Array.from({ length: 40 }, () => 'noisy');

    expect(order(createSqsFair('in_flight'), [...noisy, 'quiet'], 29)).not.toContain('quiet');
    expect(order(createSqsFair('in_flight'), [...noisy, 'quiet'], 31).at(-1)).toBe('quiet');
  });

  it('puts a tenant behind the others once it had more than a tenth of five minutes’ work', () => {
    const dispatcher = createSqsFair('processing_time');
    const jobs = admitAll(dispatcher, ['noisy', 'noisy', 'noisy', 'quiet'], 1);
    const [first] = jobs;
    if (first === undefined) throw new Error('no job');

    dispatcher.claim(0, 0);
    dispatcher.settle(first, 1_000);

    expect(dispatcher.claim(0, 1_000)[0]?.tenantId).toBe('quiet');
    expect(dispatcher.claim(0, 1_000)[0]?.tenantId).toBe('noisy');
  });

  it('forgets that after five minutes', () => {
    const dispatcher = createSqsFair('processing_time');
    const [first] = admitAll(dispatcher, ['noisy', 'noisy', 'quiet'], 1);
    if (first === undefined) throw new Error('no job');

    dispatcher.claim(0, 0);
    dispatcher.settle(first, 1_000);

    expect(dispatcher.claim(0, 301_001)[0]?.tenantId).toBe('noisy');
  });
});

function order(dispatcher: Dispatcher, tenantIds: readonly string[], count: number): string[] {
  admitAll(dispatcher, tenantIds, 1);
  return claims(dispatcher, count);
}

function admitAll(dispatcher: Dispatcher, tenantIds: readonly string[], weight: number): SimJob[] {
  return tenantIds.map((tenantId, index) => {
    const cost = { usedGpuMs: 1_000, predictedGpuMs: 1_000 };
    const job = simJob({ jobId: `${tenantId}-${index}`, tenantId, weight, arrivedAtMs: index, ...cost });
    dispatcher.admit(job, index);
    return job;
  });
}

function claims(dispatcher: Dispatcher, count: number): string[] {
  return Array.from({ length: count }, () => dispatcher.claim(0, 0)[0]?.tenantId ?? 'nobody');
}
