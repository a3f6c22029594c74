import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../job/job.ts';
import { jobStatuses } from '../job/job.ts';
import { webhookLimits } from '../limits.ts';
import { fullJob, sampleDelivery, sampleEndpoint, sampleJob, sampleNowMs } from '../samples.ts';
import {
  claimed,
  deliveriesOf,
  deliveryRecordSchema,
  givenUp,
  isKept,
  postponed,
  replayed,
  testDelivery,
} from './delivery.ts';
import { eventsOf, jobEvents } from './event.ts';
import { jobMessage } from './message.ts';

const now = sampleNowMs;
const everyEvent = sampleEndpoint({ events: [...jobEvents] });
const seen = { atMs: now, durationMs: 5, status: 500, error: null } as const;

function endedJob(overrides: Partial<JobRecord> = {}): JobRecord {
  const times = { createdAtMs: now, startedAtMs: now + 100, finishedAtMs: now + 900 };
  return sampleJob({ status: 'succeeded', place: { kind: 'done' }, ...times, ...overrides });
}

describe('the events of a job', () => {
  it.each(jobStatuses)('are told as far as it came: %s', (status) => {
    const isEnd = status !== 'queued' && status !== 'running';
    const place = isEnd ? { kind: 'done' as const } : { kind: 'line' as const };
    const events = eventsOf(endedJob({ status, place, startedAtMs: status === 'queued' ? null : now }));

    const [ran, ended] = [status !== 'queued', isEnd];
    expect(events.map(({ event }) => event)).toEqual([
      'job.queued',
      ...(ran ? ['job.running'] : []),
      ...(ended ? [`job.${status}`] : []),
    ]);
  });

  it('of one that never ran leave out the running', () => {
    const events = eventsOf(endedJob({ status: 'expired', startedAtMs: null }));

    expect(events.map(({ event }) => event)).toEqual(['job.queued', 'job.expired']);
  });

  it('of one that the result cache answered are its end alone', () => {
    const { receipt } = fullJob();
    if (receipt === null) throw new Error('a full job has a receipt');

    const events = eventsOf(endedJob({ receipt: { ...receipt, cachedFrom: 'job_1' } }));

    expect(events.map(({ event }) => event)).toEqual(['job.succeeded']);
  });

  it('have bodies that come out the same to the letter, again and again', () => {
    const job = endedJob({ input: { prompt: '灯台 "x"', z: 1, a: [null] } });

    const body = jobMessage('job.succeeded', now + 900, job);

    expect(jobMessage('job.succeeded', now + 900, structuredClone(job))).toBe(body);
    expect(JSON.parse(body)).toMatchObject({
      type: 'job.succeeded',
      timestamp: '2030-03-17T17:46:40.900Z',
      data: { id: job.jobId, object: 'job', status: 'succeeded', input: job.input },
    });
  });
});

describe('the deliveries of a job', () => {
  it('are those that somebody subscribed to, and nobody else', () => {
    const ends = sampleEndpoint({ endpointId: 'whe_2', events: ['job.succeeded'] });
    const disabled = { ...everyEvent, endpointId: 'whe_3', disabled: { reason: 'gone', atMs: 1 } } as const;
    const rotatedDefault = sampleEndpoint({ endpointId: 'default', url: null, events: ['job.succeeded'] });
    const webhook = { url: 'https://own.example/', events: ['job.running' as const] };

    const told = deliveriesOf(endedJob({ webhook }), [everyEvent, ends, disabled, rotatedDefault]);

    expect(told.map(({ endpointId, event, url }) => [endpointId, event, url])).toEqual([
      [everyEvent.endpointId, 'job.queued', null],
      [everyEvent.endpointId, 'job.running', null],
      ['default', 'job.running', webhook.url],
      [everyEvent.endpointId, 'job.succeeded', null],
      ['whe_2', 'job.succeeded', null],
    ]);
    for (const each of told) expect(deliveryRecordSchema.parse(each)).toEqual(each);
  });

  it('have ids of their event, endpoint, tenant and job, the same whenever they are made', () => {
    const jobs = ['a', 'b'].flatMap((tenantId) =>
      ['job_1', 'job_2'].map((jobId) => endedJob({ tenantId, jobId })),
    );
    const endpoints = [everyEvent, { ...everyEvent, endpointId: 'whe_2' }];
    const idsOf = () => jobs.flatMap((job) => deliveriesOf(job, endpoints)).map((each) => each.deliveryId);

    const ids = idsOf();

    expect(new Set(ids).size).toBe(2 * 2 * 3 * 2);
    expect(idsOf()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^whd_[0-9a-hjkmnp-tv-z]{26}$/);
  });

  it('have ids that sort by the time of the event', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.maxSafeNat().map((ms) => ms % 2 ** 47),
          { minLength: 2 },
        ),
        (times) => {
          const idAt = (ms: number) => testDelivery(sampleEndpoint(), ms, 'nonce').deliveryId;
          const sorted = times.toSorted((left, right) => left - right);

          expect(sorted.map(idAt)).toEqual(times.map(idAt).toSorted());
        },
      ),
    );
  });

  it('of tests differ by their nonce', () => {
    const [one, two] = ['1', '2'].map((nonce) => testDelivery(sampleEndpoint(), now, nonce).deliveryId);

    expect(one).not.toBe(two);
  });
});

describe('a delivery', () => {
  it('keeps a bounded number of tries', () => {
    let delivery = sampleDelivery();
    for (let tries = 0; tries < 40; tries += 1) {
      delivery = postponed(claimed(delivery, now), { ...seen, atMs: tries }, 1, now);
    }

    expect(delivery.tries.map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: webhookLimits.triesKept }, (_, index) => 40 - webhookLimits.triesKept + index),
    );
  });

  it('that is replayed begins anew under its id, and shows what was tried before', () => {
    const over = givenUp(claimed(sampleDelivery(), now), 'exhausted', now, seen);

    const again = replayed(over, now + 5);

    expect(again).toMatchObject({
      deliveryId: over.deliveryId,
      status: 'pending',
      nextAtMs: now + 5,
      triesSpent: 0,
      firstTryAtMs: null,
      tries: [seen],
    });
  });

  it('is kept while it is pending, and for its time in the log afterwards', () => {
    const over = givenUp(sampleDelivery(), 'gone', now);

    expect(isKept(sampleDelivery(), Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(isKept(over, now + webhookLimits.logKeptMs - 1)).toBe(true);
    expect(isKept(over, now + webhookLimits.logKeptMs + 1_000)).toBe(false);
  });
});
