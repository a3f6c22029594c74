import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { planAdmission } from '../admission/gate.ts';
import { readToken } from '../admission/reservation.ts';
import { lineName } from '../dispatch/fair-tags.ts';
import { cancelWaiting } from '../job/transitions.ts';
import { sweepLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { limitsOf } from '../tenancy/plans.ts';
import { applyTransition } from './apply.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';

const dayMs = 86_400_000;

async function setup(overrides = {}) {
  const tenant = sampleTenant({ overrides });
  const world = await createFlowWorld({ tenant });
  return { world, ask: (more: Partial<SubmitAsk> = {}) => submission(tenant, more) };
}

async function accepted(world: FlowWorld, ask: SubmitAsk) {
  const outcome = await submit(world, ask);
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}

describe('an accepted submission', () => {
  it('is queued in the line with defaults filled in, a reservation, a ticket and a wake', async () => {
    const { world, ask } = await setup();

    const job = await accepted(world, ask());

    expect(job.input).toMatchObject({ prompt: 'a lighthouse', n: 1, size: 512, steps: 2 });
    expect(job.input.seed).toBeTypeOf('number');
    expect(await world.jobs.line(worldPool, 'interactive', 10)).toHaveLength(1);
    expect((await world.gates.read(job.tenantId))?.open).toEqual({ [job.jobId]: job.reservation });
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 1, hidden: 0 });
    expect(world.woken).toEqual([worldPool]);
  });

  it('is kept as long as its plan says at that time, and no longer than the plan of later says', async () => {
    const { world, ask } = await setup({ retention_days: 2 });
    const tenant = sampleTenant({ overrides: { retention_days: 5 } });

    const first = await accepted(world, ask());
    const second = await accepted(world, submission(tenant, {}));

    expect([first.retentionMs, second.retentionMs]).toEqual([2 * dayMs, 5 * dayMs]);
    expect((await world.jobs.get(first.tenantId, first.jobId))?.retentionMs).toBe(2 * dayMs);
  });

  it('reserves the predicted price: 10 ms + 2 steps of 100 ms at 1 micro-USD a millisecond', async () => {
    const { world, ask } = await setup();

    expect((await accepted(world, ask())).reservedUsdMicros).toBe(210);
  });

  it('wakes a pool once, however many come at once', async () => {
    const { world, ask } = await setup();

    await Promise.all(Array.from({ length: 20 }, () => submit(world, ask())));

    expect(world.woken).toEqual([worldPool]);
  });

  it('stays accepted when the ticket cannot be sent: the sweep will', async () => {
    const { world, ask } = await setup();
    const deaf = { ...world.tickets, send: () => Promise.reject(new Error('no SQS')) };

    const outcome = await submit({ ...world, tickets: deaf }, ask());

    expect(outcome.kind).toBe('accepted');
    expect(world.log.events()).toContain('submit.left_to_sweep');
  });

  it('keeps its reservation when the answer to its creation was lost and the write sent again', async () => {
    const { world, ask } = await setup();
    const retried: typeof world.jobs = {
      ...world.jobs,
      async create(job) {
        await world.jobs.create(job);
        return world.jobs.create(job);
      },
    };

    const outcome = await submit({ ...world, jobs: retried }, ask());

    expect(outcome.kind).toBe('accepted');
    expect(Object.keys((await world.gates.read('tenant-a'))?.open ?? {})).toHaveLength(1);
    expect((await world.tickets.depth(worldPool)).visible).toBe(1);
  });

  it('joins at its line’s virtual time when its tenant comes back from idle', async () => {
    const { world, ask } = await setup();
    await world.pools.advance(worldPool, 'interactive', 5_000_000);
    await world.pools.advance(worldPool, 'batch', 9_000_000);

    const job = await accepted(world, ask());

    const line = lineName(worldPool, 'interactive');
    expect(job.tag).toBe(5_000_000);
    expect((await world.gates.read(job.tenantId))?.finishTags[line]).toBe(5_000_000 + job.tagCost);
  });

  it('joins there although others of the same tenant are being admitted all the time', async () => {
    const { world, ask } = await setup();
    await world.pools.advance(worldPool, 'interactive', 5_000_000);
    const gates: typeof world.gates = {
      ...world.gates,
      async lift(tenantId, line, upTo, to) {
        await world.gates.admit(tenantId, planAdmission(limitsOf('pro', {}), { ...another, line }, 0));
        await world.gates.lift(tenantId, line, upTo, to);
      },
    };

    const job = await accepted({ ...world, gates }, ask());

    const gate = await world.gates.read(job.tenantId);
    expect(gate?.finishTags[lineName(worldPool, 'interactive')]).toBe(5_000_000 + job.tagCost);
  });
});

describe('the class of a job', () => {
  it.each([
    [{}, {}, 'interactive'],
    [{ class_default: 'batch' }, {}, 'batch'],
    [{ class_default: 'batch' }, { class: 'interactive' }, 'interactive'],
    [{}, { class: 'batch' }, 'batch'],
  ] as const)(
    'under the limits %j and the request %j is %s, in its record, its line and its gate',
    async (...of) => {
      const [limits, asked, jobClass] = of;
      const { world, ask } = await setup(limits);

      const job = await accepted(world, ask(asked));

      expect(job.class).toBe(jobClass);
      expect(await world.jobs.line(worldPool, jobClass, 10)).toMatchObject([{ jobId: job.jobId }]);
      expect((await world.gates.read(job.tenantId))?.finishTags).toEqual({
        [lineName(worldPool, jobClass)]: job.tagCost,
      });
    },
  );
});

const another = {
  jobId: 'job_b',
  nonce: 'b',
  tagCost: 100,
  images: 1,
  tokens: 1,
  storesFiles: true,
  gpuMs: 1,
  reservedUsdMicros: 1,
};

describe('an Idempotency-Key', () => {
  it('has the fingerprint that requests without a class always had', async () => {
    const { world, ask } = await setup({ class_default: 'batch' });

    const job = await accepted(world, ask({ idempotencyKey: 'order-7' }));

    // Stored with jobs for as long as they are kept: another one would refuse their retries.
    expect(job.fingerprint).toBe('e072c9259f9d45c4e567553564795450394152ee8a5d4394149102acf91813f6');
  });

  it('gives the first job again, in its class, after the default class of the tenant has changed', async () => {
    const { world, ask } = await setup();
    const first = await accepted(world, ask({ idempotencyKey: 'order-7' }));
    const tenant = sampleTenant({ overrides: { class_default: 'batch' } });

    const again = await submit(world, ask({ idempotencyKey: 'order-7', tenant }));

    expect(again).toMatchObject({ kind: 'replayed', job: { jobId: first.jobId, class: 'interactive' } });
  });

  it('finishes in the class of today what a submission left before the default class changed', async () => {
    const { world, ask } = await setup();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, ask({ idempotencyKey: 'torn' }))).rejects.toThrow();
    const tenant = sampleTenant({ overrides: { class_default: 'batch' } });

    const outcome = await submit(world, ask({ idempotencyKey: 'torn', tenant }));

    expect(outcome).toMatchObject({ kind: 'replayed', job: { class: 'batch', status: 'queued' } });
    expect(await world.jobs.line(worldPool, 'batch', 10)).toHaveLength(1);
    expect(Object.keys((await world.gates.read('tenant-a'))?.open ?? {})).toHaveLength(1);
  });

  it('gives the first job again, however often it is sent', async () => {
    const { world, ask } = await setup();
    const first = await accepted(world, ask({ idempotencyKey: 'order-7' }));

    const second = await submit(world, ask({ idempotencyKey: 'order-7' }));

    expect(second).toMatchObject({ kind: 'replayed', job: { jobId: first.jobId } });
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 1, hidden: 0 });
  });

  it('makes exactly one job of 64 submissions at once', async () => {
    const { world, ask } = await setup();

    const outcomes = await Promise.all(
      Array.from({ length: 64 }, () => submit(world, ask({ idempotencyKey: 'order-8' }))),
    );

    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
    expect(outcomes.every(({ kind }) => ['accepted', 'replayed', 'in_flight'].includes(kind))).toBe(true);
    expect((await world.jobs.count(worldPool)).waiting).toBe(1);
  });

  it('finishes what a submission left that died after its admission', async () => {
    const { world, ask } = await setup();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, ask({ idempotencyKey: 'torn' }))).rejects.toThrow();
    const reservations = (await world.gates.read('tenant-a'))?.open ?? {};

    const outcome = await submit(world, ask({ idempotencyKey: 'torn' }));

    expect(outcome).toMatchObject({ kind: 'replayed', job: { status: 'queued' } });
    expect(Object.entries(reservations)).toEqual(
      outcome.kind === 'replayed' ? [[outcome.job.jobId, outcome.job.reservation]] : [],
    );
    expect((await world.tickets.depth(worldPool)).visible).toBe(1);
  });

  it('leaves the reservation to the job that carries it when two bodies race for one key', async () => {
    const { world, ask } = await setup();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, ask({ idempotencyKey: 'race' }))).rejects.toThrow();
    const other = ask({ idempotencyKey: 'race', input: { prompt: 'a boat' } });
    // Just before the second body creates its job, the first one does, under the reservation both know.
    const racing: typeof world.jobs = {
      ...world.jobs,
      async create(job) {
        await submit(world, ask({ idempotencyKey: 'race' }));
        return world.jobs.create(job);
      },
    };

    const outcome = await submit({ ...world, jobs: racing }, other);

    expect(outcome).toEqual({ kind: 'mismatch' });
    const [entry] = await world.jobs.line(worldPool, 'interactive', 1);
    const job = await world.jobs.get('tenant-a', entry?.jobId ?? '');
    expect(job?.input.prompt).toBe('a lighthouse');
    expect((await world.gates.read('tenant-a'))?.open).toEqual({ [job?.jobId ?? '']: job?.reservation });
  });

  it('finishes no larger request under what a smaller one of its key had set aside', async () => {
    const { world, ask } = await setup();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    const small = ask({ idempotencyKey: 'torn', input: { prompt: 'a boat', steps: 1 } });
    await expect(submit({ ...world, jobs: dying }, small)).rejects.toThrow();
    const large = ask({ idempotencyKey: 'torn', input: { prompt: 'a boat', steps: 9 } });

    expect(await submit(world, large)).toEqual({ kind: 'in_flight' });
    await world.clock.advance(sweepLimits.graceMs);
    await sweep(world);
    const job = await accepted(world, large);

    expect(readToken(job.reservation)).toMatchObject({
      usdMicros: job.reservedUsdMicros,
      gpuMs: job.predictedGpuMs,
    });
  });

  it('goes on where a submission died, unless the sweep was there first', async () => {
    const { world, ask } = await setup();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, ask({ idempotencyKey: 'old' }))).rejects.toThrow();
    await world.clock.advance(sweepLimits.graceMs);
    const jobs: typeof world.jobs = {
      ...world.jobs,
      async create(job) {
        await sweep(world);
        return world.jobs.create(job);
      },
    };

    expect(await submit({ ...world, jobs }, ask({ idempotencyKey: 'old' }))).toEqual({ kind: 'too_late' });
    expect(await world.gates.read('tenant-a')).toMatchObject({ open: {} });
    expect((await submit(world, ask({ idempotencyKey: 'old' }))).kind).toBe('accepted');
  });

  it('is refused with another body, and the first job stays as it was', async () => {
    const { world, ask } = await setup();
    const first = await accepted(world, ask({ idempotencyKey: 'order-9' }));

    const second = await submit(world, ask({ idempotencyKey: 'order-9', input: { prompt: 'a boat' } }));

    expect(second).toEqual({ kind: 'mismatch' });
    expect(await world.jobs.get(first.tenantId, first.jobId)).toEqual(first);
  });

  it('gives the first job again under a plan that would refuse it by now', async () => {
    const { world, ask } = await setup();
    const first = await accepted(world, ask({ idempotencyKey: 'k', input: { prompt: 'x', steps: 9 } }));
    const tenant = sampleTenant({ overrides: { steps_max: 8 } });

    const second = await submit(
      world,
      submission(tenant, { idempotencyKey: 'k', input: { prompt: 'x', steps: 9 } }),
    );

    expect(second).toMatchObject({ kind: 'replayed', job: { jobId: first.jobId } });
  });

  it('is refused once its job was charged and is past its retention: a second one of its id would go uncharged', async () => {
    const { world, ask } = await setup({ retention_days: 1 });
    const first = await accepted(world, ask({ idempotencyKey: 'k' }));
    const { tenantId, jobId } = first;
    const ended = await applyTransition(world, first, cancelWaiting(first, world.clock.nowMs()));
    expect(ended?.status).toBe('canceled');
    await world.clock.advance(dayMs);
    const before = await world.gates.read(tenantId);

    const again = await submit(world, ask({ idempotencyKey: 'k' }));
    await world.clock.advance(31 * dayMs);
    const nextMonth = await submit(world, ask({ idempotencyKey: 'k' }));

    expect(again).toEqual({ kind: 'key_spent' });
    expect(before?.open).toEqual({});
    expect(nextMonth).toMatchObject({ kind: 'accepted', job: { jobId } });
  });

  it('does not mind the order of the body’s keys', async () => {
    const { world, ask } = await setup();
    await accepted(world, ask({ idempotencyKey: 'k', input: { prompt: 'a boat', steps: 3 } }));

    const second = await submit(world, ask({ idempotencyKey: 'k', input: { steps: 3, prompt: 'a boat' } }));

    expect(second.kind).toBe('replayed');
  });

  it('leaves no reservation behind when its job had settled in the meantime', async () => {
    const { world, ask } = await setup();
    const job = await accepted(world, ask({ idempotencyKey: 'late' }));
    await world.gates.release(job.tenantId, job.jobId, {
      token: job.reservation,
      corrections: [],
      finishTag: null,
    });
    const blind = { ...world.jobs, get: once(null, world.jobs.get) };

    const second = await submit({ ...world, jobs: blind }, ask({ idempotencyKey: 'late' }));

    expect(second.kind).toBe('replayed');
    expect((await world.gates.read(job.tenantId))?.open).toEqual({});
  });
});

describe('a refused submission', () => {
  const cases: [string, Partial<SubmitAsk>, Record<string, unknown>][] = [
    ['an unknown model', { model: 'nope' }, { kind: 'model_not_found' }],
    [
      'a value out of range',
      { input: { prompt: 'x', steps: 101 } },
      { kind: 'invalid', details: [{ path: 'input.steps' }] },
    ],
    [
      'a size that is not offered',
      { input: { prompt: 'x', size: 300 } },
      { kind: 'invalid', details: [{ path: 'input.size', message: 'must be one of 256, 512' }] },
    ],
    [
      'an unknown field',
      { input: { prompt: 'x', cfg: 7 } },
      { kind: 'invalid', details: [{ path: 'input.cfg', message: 'is not a known field' }] },
    ],
  ];

  it.each(cases)('for %s costs no write at all', async (_title, more, expected) => {
    const { world, ask } = await setup();

    expect(await submit(world, ask(more))).toMatchObject(expected);
    expect((await world.gates.read('tenant-a'))?.open).toEqual({});
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
  });

  it('names the limit of the plan that a single request breaks', async () => {
    const { world, ask } = await setup({ steps_max: 8 });

    expect(await submit(world, ask({ input: { prompt: 'x', steps: 9 } }))).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'input.steps', message: 'the plan allows 8 at most, this asks for 9' }],
    });
  });

  it('names the limit of the gate, and leaves neither job nor reservation', async () => {
    const { world, ask } = await setup({ open_jobs_max: 2 });

    const outcomes = await Promise.all(Array.from({ length: 5 }, () => submit(world, ask())));

    const refused = outcomes.filter(({ kind }) => kind === 'refused');
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({ refusal: { limit: 'open_jobs_max', used: 2, max: 2 } });
    expect((await world.jobs.count(worldPool)).waiting).toBe(2);
  });
});

/** Answers with `value` once, then as before: a read that came a moment too early. */
function once<A extends unknown[], R>(value: R, then: (...args: A) => Promise<R>) {
  let isFirst = true;
  return (...args: A): Promise<R> => {
    if (!isFirst) return then(...args);
    isFirst = false;
    return Promise.resolve(value);
  };
}
