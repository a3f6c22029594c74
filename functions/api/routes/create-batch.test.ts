import { describe, expect, it } from 'vitest';
import { batchRunLimits } from '#core/limits.ts';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import { askOf, batchScene } from '../batch-scene.ts';

const seconds = Math.floor(sampleNowMs / 1000);

describe('200', () => {
  it('shows the batch as OpenAI does', async () => {
    const { create } = await batchScene();

    const batch = await create(undefined, { metadata: { name: 'nightly' } });

    expect(batch).toEqual({
      id: expect.stringMatching(/^batch_[0-9a-hjkmnp-tv-z]{26}$/),
      object: 'batch',
      endpoint: '/v1/jobs',
      errors: null,
      input_file_id: expect.stringMatching(/^file_/),
      completion_window: '24h',
      status: 'validating',
      output_file_id: null,
      error_file_id: null,
      created_at: seconds,
      in_progress_at: null,
      expires_at: seconds + 86_400,
      finalizing_at: null,
      completed_at: null,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      estimate: null,
      metadata: { name: 'nightly' },
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('is in the trace of its request, and answered so to whoever asks again', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const ask = (headers: Record<string, string>) =>
      scene.send('createBatch', '/v1/batches', {
        key,
        body: askOf(id),
        headers: { 'Idempotency-Key': 'k', ...headers },
      });

    const first = await ask({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    const again = await ask({});

    expect([first.json.trace_id, again.json.trace_id]).toEqual([traceId, traceId]);
  });

  it('takes the null that clients send for no metadata', async () => {
    const { create } = await batchScene();

    expect((await create(undefined, { metadata: null })).metadata).toEqual({});
  });
});

describe('Idempotency-Key', () => {
  it('gives the first batch again, and is 422 for another body', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload();
    const ask = (body: object) =>
      scene.send('createBatch', '/v1/batches', { key, body, headers: { 'Idempotency-Key': 'k-1' } });

    const [first, again, other] = [
      await ask(askOf(id)),
      await ask(askOf(id)),
      await ask({ ...askOf(id), metadata: { a: 'b' } }),
    ];

    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect([again.json, again.headers['idempotency-replayed']]).toEqual([first.json, 'true']);
    expect([other.status, other.json.error.code]).toEqual([422, 'idempotency_mismatch']);
  });
});

describe('400', () => {
  it.each([
    ['endpoint', { endpoint: '/v1/embeddings' }],
    ['completion_window', { completion_window: '48h' }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['output_expires_after', { output_expires_after: { anchor: 'created_at', seconds: 3_600 } }],
  ])('names %s', async (param, change) => {
    const { scene, key } = await batchScene();

    const got = await scene.send('createBatch', '/v1/batches', { key, body: { ...askOf('x'), ...change } });

    expect([got.status, got.json.error.param]).toEqual([400, param]);
  });
});

describe('404', () => {
  it('names the file that is missing, or is not one to be run, or another tenant’s', async () => {
    const { scene, key, upload, stranger } = await batchScene();
    const { id } = await upload();
    const theirs = await stranger(sampleTenant({ tenantId: 'tenant-b' }));
    const output = { ...(await scene.files.get('tenant-a', id)), purpose: 'batch_output' as const };
    const outputId = `file_${'1'.repeat(26)}`;
    await scene.files.create({ ...output, fileId: outputId } as Parameters<typeof scene.files.create>[0]);
    const ask = (body: object, by = key) => scene.send('createBatch', '/v1/batches', { key: by, body });

    const answers = [await ask(askOf(id), theirs), await ask(askOf('nothing')), await ask(askOf(outputId))];

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(new Set(answers.map(({ json }) => json.error.message)).size).toBe(1);
    expect(answers[0]?.json.error.param).toBe('input_file_id');
  });
});

describe('429', () => {
  it('bounds the batches of a tenant that have not ended', async () => {
    const { scene, key, create } = await batchScene();
    const made = [];
    for (let count = 0; count < batchRunLimits.openBatchesMax; count += 1) made.push(await create());
    const body = askOf(made[0].input_file_id);

    const over = await scene.send('createBatch', '/v1/batches', { key, body });
    await scene.send('cancelBatch', `/v1/batches/${made[0].id}/cancel`, { key });
    const again = await scene.send('createBatch', '/v1/batches', { key, body });

    expect([over.status, over.json.error.code]).toEqual([429, 'concurrency_limit']);
    expect(again.status).toBe(200);
  });
});
