import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

const body = { prompt: 'a lighthouse', width: 512, height: 512, num_inference_steps: 2, seed: 7 };

describe('202', () => {
  it('takes a prompt without a model, and says where to ask', async () => {
    const scene = await createApiScene();

    const got = await scene.send('generate', '/generate', { body });

    const job = await scene.jobOf(got.json.task_id);
    expect(got.json).toEqual({ task_id: job.jobId, status: 'queued', status_url: `/status/${job.jobId}` });
    expect(got.headers.location).toBe(got.json.status_url);
    expect(job).toMatchObject({
      model: 'fake-image',
      input: { prompt: 'a lighthouse', size: 512, steps: 2, seed: 7 },
    });
  });

  it('gives the first task again to the same Idempotency-Key', async () => {
    const scene = await createApiScene();
    const ask = () => scene.send('generate', '/generate', { body, headers: { 'Idempotency-Key': 'k-1' } });

    const [first, again] = [await ask(), await ask()];

    expect(again.json).toEqual(first.json);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });
});

describe('400', () => {
  it.each([
    ['width', { ...body, width: 1_000, height: 1_000 }],
    ['num_inference_steps', { ...body, num_inference_steps: 1_000 }],
    ['negative_prompt', { ...body, negative_prompt: 'rain' }],
  ])('names the parameter at fault: %s', async (param, asked) => {
    const scene = await createApiScene();

    const got = await scene.send('generate', '/generate', { body: asked });

    expect([got.status, got.json.error.param]).toEqual([400, param]);
  });
});

describe('404', () => {
  it('says that there is no model for a key that may use none', async () => {
    const scene = await createApiScene();
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', models: [] }));

    const got = await scene.send('generate', '/generate', { key, body });

    expect([got.status, got.json.error.code, got.json.error.param]).toEqual([
      404,
      'model_not_found',
      'model',
    ]);
  });
});
