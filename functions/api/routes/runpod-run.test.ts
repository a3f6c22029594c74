import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';
import { hookUrl } from '../webhook-scene.ts';

const input = { prompt: 'a lighthouse' };
const base = '/runpod/v2/fake-image';

describe('200', () => {
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
