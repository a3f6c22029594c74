import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it('shows what is known of the file', async () => {
    const { scene, key, upload } = await batchScene();
    const file = await upload();

    expect((await scene.send('getFile', `/v1/files/${file.id}`, { key })).json).toEqual(file);
  });
});

describe('404', () => {
  it('answers for a file past its expiry and for that of another tenant as for none', async () => {
    const { scene, key, upload, stranger } = await batchScene();
    const { id } = await upload();
    const theirs = await stranger(sampleTenant({ tenantId: 'tenant-b' }));

    const foreign = await scene.send('getFile', `/v1/files/${id}`, { key: theirs });
    await scene.clock.advance(30 * 86_400_000);
    const late = await scene.send('getFile', `/v1/files/${id}`, { key });

    expect([foreign.status, late.status]).toEqual([404, 404]);
  });
});
