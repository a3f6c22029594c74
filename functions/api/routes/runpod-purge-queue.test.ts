import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

const base = '/runpod/v2/fake-image';

describe('200', () => {
  it('cancels what waits, and says how many', async () => {
    const scene = await createApiScene();
    const running = await scene.submit();
    await scene.start(running);
    const waiting = [await scene.submit(), await scene.submit()];

    const got = await scene.send('runpodPurgeQueue', `${base}/purge-queue`);

    expect(got.json).toEqual({ removed: 2, status: 'completed' });
    const statuses = await Promise.all(
      [running, ...waiting].map(async (id) => (await scene.jobOf(id)).status),
    );
    expect(statuses).toEqual(['running', 'canceled', 'canceled']);
  });
});

describe('an endpoint that is no model', () => {
  it('is 404, and 403 where it is not granted', async () => {
    const scene = await createApiScene();

    const unknown = await scene.send('runpodPurgeQueue', '/runpod/v2/nobody/purge-queue');
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', models: [] }));
    const ungranted = await scene.send('runpodPurgeQueue', `${base}/purge-queue`, { key });

    expect(unknown.json.error).toMatchObject({ code: 'model_not_found', param: 'endpoint' });
    expect(ungranted.json.error.code).toBe('model_not_granted');
  });
});
