import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest, submission } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { jobError } from '../job/transitions.ts';
import type { Manifest } from '../models/manifest.ts';
import { sampleTenant } from '../samples.ts';
import { retry } from './retry.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';

async function ended(
  change: Partial<JobRecord>,
  asked: Partial<SubmitAsk> = {},
  given: Parameters<typeof createFlowWorld>[0] = {},
) {
  const world = await createFlowWorld(given);
  const outcome = await submit(world, submission(world.tenant, asked));
  if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
  const { tenantId, jobId } = outcome.job;
  const patch = { place: { kind: 'done' }, finishedAtMs: world.clock.nowMs(), ...change } as const;
  await world.jobs.apply(tenantId, jobId, { attempt: 0, place: 'line' }, patch);
  const job = await world.jobs.get(tenantId, jobId);
  if (job === null) throw new Error('the job is there');
  return { world, job, ask: { tenant: world.tenant, keyId: 'key00002', granted: null, job, traceparent } };
}

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const failed = { status: 'failed', error: jobError('model_error') } as const;

describe('a job that failed', () => {
  it('becomes a new job that asks for the same, and stays as it is', async () => {
    const asked: Partial<SubmitAsk> = {
      input: { prompt: 'a lighthouse', seed: 7 },
      class: 'batch',
      metadata: { order: '17' },
      webhook: { url: 'https://hooks.example/', events: ['job.succeeded'] },
      deadlineSeconds: 90,
      runMsMax: 60_000,
    };
    const { world, job, ask } = await ended(failed, asked);

    const outcome = await retry(world, ask);

    if (outcome.kind !== 'accepted') throw new Error(`the retry is ${outcome.kind}`);
    const { input, class: jobClass, metadata, webhook, runMsMax, startByMs, createdAtMs } = outcome.job;
    expect(outcome.job.jobId).not.toBe(job.jobId);
    expect(outcome.job).toMatchObject({ status: 'queued', keyId: 'key00002', model: job.model });
    expect(outcome.job).toMatchObject({ retryOf: job.jobId, traceparent });
    expect({ input, class: jobClass, metadata, webhook, runMsMax }).toEqual({
      ...{ input: job.input, class: 'batch', metadata: asked.metadata },
      ...{ webhook: asked.webhook, runMsMax: 60_000 },
    });
    expect(startByMs - createdAtMs).toBe(90_000);
    expect(await world.jobs.get(job.tenantId, job.jobId)).toEqual(job);
  });

  it('is retried once, however often it is asked for', async () => {
    const { world, ask } = await ended(failed);

    const [first, second] = [await retry(world, ask), await retry(world, ask)];

    if (first.kind !== 'accepted' || second.kind !== 'replayed') throw new Error('a job, and the same again');
    expect(second.job.jobId).toBe(first.job.jobId);
  });
});

describe('a job of a variant of its model', () => {
  it('is retried by whoever may use the model', async () => {
    const int4: Manifest = {
      ...fakeManifest,
      id: 'fake-image-int4',
      variant: { of: 'fake-image', quant: 'int4' },
    };
    const tenant = sampleTenant({ overrides: { quant: 'int4' } });
    const { world, job, ask } = await ended(failed, {}, { tenant, manifests: [fakeManifest, int4] });

    const outcome = await retry(world, { ...ask, granted: ['fake-image'] });

    expect(job.model).toBe('fake-image-int4');
    expect(outcome).toMatchObject({ kind: 'accepted', job: { model: 'fake-image-int4' } });
  });
});

describe('only what ended without a result, and not as somebody asked,', () => {
  it.each([
    ['expired', { status: 'expired', error: jobError('deadline_exceeded') }, 'accepted'],
    ['stopped for its time', { status: 'canceled', error: jobError('run_too_long') }, 'accepted'],
    ['canceled', { status: 'canceled', error: jobError('canceled') }, 'not_failed'],
    ['succeeded', { status: 'succeeded' }, 'not_failed'],
    ['still running', { status: 'running', place: { kind: 'line' }, finishedAtMs: null }, 'not_failed'],
  ] as const)('is retried: %s', async (_, change, kind) => {
    const { world, ask } = await ended(change);

    expect((await retry(world, ask)).kind).toBe(kind);
  });
});
