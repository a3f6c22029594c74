/** The routes of RunPod's dialect that are about one job, over in-memory ports. */
import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';
import { openDialectScene } from '../dialects/openai/dialect-scene.ts';
import { hookUrl } from '../webhook-scene.ts';

const input = { prompt: 'a lighthouse' };
const base = '/runpod/v2/fake-image';

describe('run', () => {
  it('takes a job of the endpoint’s model and says its id', async () => {
    const scene = await createApiScene();

    const got = await scene.send('runpodRun', `${base}/run`, { body: { input, webhook: hookUrl } });

    const job = await scene.jobOf(got.json.id);
    expect(got.json).toEqual({ id: job.jobId, status: 'IN_QUEUE' });
    expect(got.headers['x-pilotlight-job-id']).toBe(job.jobId);
    expect(job).toMatchObject({
      model: 'fake-image',
      webhook: { url: hookUrl, form: { dialect: 'runpod' } },
    });
  });

  it('gives the first job again to the same Idempotency-Key', async () => {
    const scene = await createApiScene();
    const ask = (body: object) =>
      scene.send('runpodRun', `${base}/run`, { body, headers: { 'Idempotency-Key': 'k-1' } });

    const [first, again, other] = [
      await ask({ input }),
      await ask({ input }),
      await ask({ input, policy: { executionTimeout: 60_000 } }),
    ];

    expect(again.json.id).toBe(first.json.id);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(other.status).toBe(422);
  });

  it.each([
    ['webhook', { input, webhook: 'http://169.254.169.254/' }],
    ['input.steps', { input: { ...input, steps: 'many' } }],
    ['s3Config', { input, s3Config: {} }],
    ['policy.ttl', { input, policy: { ttl: 1 } }],
  ])('names what is at fault: %s', async (param, body) => {
    const scene = await createApiScene();

    const got = await scene.send('runpodRun', `${base}/run`, { body });

    expect([got.status, got.json.error.param]).toEqual([400, param]);
  });

  it('answers 404 for an endpoint that is no model, and 403 for one that is not granted', async () => {
    const scene = await createApiScene();
    const refused = await scene.send('runpodRun', '/runpod/v2/nobody/run', { body: { input } });

    expect(refused.json.error).toMatchObject({ code: 'model_not_found', param: 'endpoint' });
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', models: [] }));
    expect((await scene.send('runpodRun', `${base}/run`, { key, body: { input } })).status).toBe(403);
  });
});

describe('runsync', () => {
  it('waits for the job', async () => {
    const { send, whileWorking } = await openDialectScene();

    const got = await whileWorking(send('runpodRunSync', `${base}/runsync`, { body: { input } }));

    expect(got.json).toMatchObject({ status: 'COMPLETED', output: [expect.anything()] });
  });

  it('answers with the job as it stands after the wait, and leaves it alone', async () => {
    const scene = await createApiScene();
    const answer = scene.send('runpodRunSync', `${base}/runsync?wait=1000`, { body: { input } });
    for (let tries = 0; tries < 8; tries += 1) await scene.clock.advance(250);

    const got = await answer;

    expect(got.json.status).toBe('IN_QUEUE');
    expect((await scene.jobOf(got.json.id)).cancelRequestedAtMs).toBeNull();
  });

  it.each(['0', '999', '300001', 'x', '1e3'])('refuses a wait of %s', async (wait) => {
    const scene = await createApiScene();

    const got = await scene.send('runpodRunSync', `${base}/runsync?wait=${wait}`, { body: { input } });

    expect([got.status, got.json.error.param]).toEqual([400, 'wait']);
  });
});

describe('status and status-sync', () => {
  it('tell a job through every endpoint: an alias may stand for another model by now', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    const answers = [
      await scene.send('runpodStatus', `${base}/status/${id}?ttl=6000`),
      await scene.send('runpodStatusSync', `/runpod/v2/another/status-sync/${id}`),
    ];

    for (const { json } of answers) expect(json).toMatchObject({ id, status: 'COMPLETED' });
  });
});

describe('stream', () => {
  it('tells what a job made, once, and then nothing', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);
    const ask = async () => (await scene.send('runpodStream', `${base}/stream/${id}`)).json;

    const [first, second] = [await ask(), await ask()];

    expect(first).toMatchObject({ status: 'COMPLETED', stream: [{ output: { type: 'image' } }] });
    expect(second).toEqual({ status: 'COMPLETED', stream: [] });
  });
});

describe('cancel', () => {
  it('cancels a job, and says the same when it is asked again', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const first = await scene.send('runpodCancel', `${base}/cancel/${id}`);
    const second = await scene.send('runpodCancel', `${base}/cancel/${id}`, { body: {} });

    expect(first.json).toEqual({ id, status: 'CANCELLED' });
    expect(second.json).toEqual(first.json);
  });
});

describe('retry', () => {
  it('answers 409 for what has not failed', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const got = await scene.send('runpodRetry', `${base}/retry/${id}`);

    expect([got.status, got.json.error.code]).toEqual([409, 'conflict']);
  });

  it('counts as a request, and says so', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const patch = { status: 'failed', place: { kind: 'done' }, finishedAtMs: scene.clock.nowMs() } as const;
    await scene.jobs.apply('tenant-a', id, { attempt: 0, place: 'line' }, patch);

    const got = await scene.send('runpodRetry', `${base}/retry/${id}`);

    expect(got.json).toEqual({ id: expect.not.stringContaining(id), status: 'IN_QUEUE' });
    expect(got.headers).toHaveProperty('ratelimit');
  });
});
