import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

const path = '/v1/keys/key00001/rotate';

async function sceneWithKey() {
  const scene = await createApiScene();
  return { scene, key: await scene.addKey('tenant-a', ['jobs:read', 'jobs:write', 'keys:write']) };
}

describe('200', () => {
  it('gives a key that works at once and ends the old one after the overlap', async () => {
    const { scene, key } = await sceneWithKey();

    const got = await scene.send('rotateKey', path, { key, body: { overlap_s: 60 } });

    const status = async (each: string) =>
      (await scene.send('getLimits', '/v1/limits', { key: each })).status;
    expect([await status(got.json.key.secret), await status(scene.key)]).toEqual([200, 200]);
    await scene.clock.advance(60_000);
    expect([await status(got.json.key.secret), await status(scene.key)]).toEqual([200, 401]);
  });
});

describe('400', () => {
  it('refuses a negative overlap', async () => {
    const { scene, key } = await sceneWithKey();

    const got = await scene.send('rotateKey', path, { key, body: { overlap_s: -1 } });

    expect(got.json.error.param).toBe('overlap_s');
  });
});

describe('403', () => {
  it('does not hand out the secret of a key that may do more', async () => {
    const { scene, key } = await sceneWithKey();
    const wide = await scene.send('createKey', '/v1/keys', { key });
    const narrow = await scene.addKey('tenant-a', ['keys:write']);
    const models = await scene.send('createKey', '/v1/keys', { key, body: { models: [] } });
    const asks = [narrow, models.json.key.secret];

    for (const each of asks) {
      const got = await scene.send('rotateKey', `/v1/keys/${wide.json.key.id}/rotate`, { key: each });
      expect(got.json.error.code).toBe('missing_scope');
    }
  });
});

describe('404', () => {
  it("answers to another tenant's key as to a missing one", async () => {
    const { scene, key } = await sceneWithKey();
    await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const headers = { 'x-request-id': 'same-for-all' };
    const ask = (id: string) => scene.send('rotateKey', `/v1/keys/${id}/rotate`, { key, headers });

    const [theirs, missing] = [await ask('key00003'), await ask('key99999')];

    expect(theirs.status).toBe(404);
    expect(theirs).toEqual(missing);
  });
});

describe('409', () => {
  it('does not rotate a key that has ended', async () => {
    const { scene, key } = await sceneWithKey();
    await scene.send('revokeKey', '/v1/keys/key00001', { key });

    expect((await scene.send('rotateKey', path, { key })).json.error.code).toBe('conflict');
  });
});
