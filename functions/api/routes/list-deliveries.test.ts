import { describe, expect, it } from 'vitest';
import { answered } from '#sim/memory/memory-outbound.ts';
import { hookUrl, webhookScene } from '../webhook-scene.ts';

describe('200', () => {
  it('tells of every try and of the next one, and nothing of what the receiver said', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id } = await create();
    outbound.listen(hookUrl, () => ({
      ...answered(500, { 'x-secret': 'canary' }),
      kind: 'answered' as const,
      status: 500,
      headers: { 'x-secret': 'canary' },
      body: Buffer.from('canary'),
      truncated: false,
    }));
    const jobId = await scene.submit();
    await scene.finish(jobId);
    await deliver();

    const got = await scene.send('listDeliveries', `/v1/webhooks/${id}/deliveries`, { key });

    const now = scene.clock.nowMs();
    expect(got.json.data).toEqual([
      {
        id: expect.stringMatching(/^whd_/),
        object: 'webhook_delivery',
        webhook: id,
        event: 'job.succeeded',
        batch: null,
        job: jobId,
        url: null,
        status: 'pending',
        reason: null,
        tries: [{ at: new Date(now).toISOString(), duration_ms: 0, status: 500, error: null }],
        next_try_at: new Date(now + 5_000).toISOString(),
        created_at: new Date(now).toISOString(),
      },
    ]);
    expect(got.text).not.toContain('canary');
  });

  it('goes page by page, newest first', async () => {
    const { scene, key, create } = await webhookScene();
    const { id } = await create({ events: ['job.queued'] });
    const jobs: string[] = [];
    for (let count = 0; count < 60; count += 1) {
      jobs.push(await scene.submit());
      await scene.clock.advance(1);
    }

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const got = await scene.send('listDeliveries', `/v1/webhooks/${id}/deliveries${query}`, { key });
      seen.push(...got.json.data.map(({ job }: { job: string }) => job));
      cursor = got.json.next_cursor;
    }

    expect(seen).toEqual(jobs.toReversed());
  });

  it('of `default` is what went to the addresses of single jobs', async () => {
    const { scene, key } = await webhookScene();
    const webhook = { url: 'https://own.example/', events: ['job.queued'] };
    const body = { model: 'fake-image', input: { prompt: 'x' }, webhook };
    await scene.send('submitJob', '/v1/jobs', { body });

    const got = await scene.send('listDeliveries', '/v1/webhooks/default/deliveries', { key });

    expect(got.json.data).toMatchObject([{ webhook: 'default', url: webhook.url, event: 'job.queued' }]);
  });
});
