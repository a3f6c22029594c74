/** Submissions that name adapters. */
import { describe, expect, it } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { sampleTenant } from '#core/samples.ts';
import { adapterScene, offerOf } from './adapter-scene.ts';

const body = { model: 'fake-image', input: { prompt: 'a lighthouse' } };

describe('202', () => {
  it('shows the adapters of the job by id, weight and hash, at weight 1 where none is said', async () => {
    const { scene, key, add } = await adapterScene();
    const { id, sha256 } = await add();

    const got = await scene.send('submitJob', '/v1/jobs', { key, body: { ...body, adapters: [{ id }] } });

    expect(got.status).toBe(202);
    expect(got.json.adapters).toEqual([{ id, weight: 1, sha256 }]);
    const later = await scene.send('getJob', `/v1/jobs/${got.json.id}`, { key });
    expect(later.json.adapters).toEqual(got.json.adapters);
  });

  it('shows none where none are named', async () => {
    const { scene, key } = await adapterScene();

    expect((await scene.send('submitJob', '/v1/jobs', { key, body })).json.adapters).toEqual([]);
  });
});

describe('400', () => {
  it("answers another tenant's, a pending, a refused and a missing adapter alike, and takes nothing", async () => {
    const { scene, key, offer, upload, complete } = await adapterScene();
    const theirs = await adapterOfAnother(scene);
    const pending = await offer(loraFile(2));
    const refused = await upload(Buffer.from('PK\u0003\u0004'));
    await complete(refused.id);
    const ids = [theirs, pending.id, refused.id, 'adapter_00000000000000000000000000', 'x', '__proto__'];

    const answers = await Promise.all(
      ids.map((id) => scene.send('submitJob', '/v1/jobs', { key, body: { ...body, adapters: [{ id }] } })),
    );

    for (const { status, json } of answers) {
      expect(status).toBe(400);
      const { request_id: _, trace_id: __, ...said } = json.error;
      expect(answers[0]?.json.error).toMatchObject(said);
    }
    expect(answers[0]?.json.error).toMatchObject({
      code: 'invalid_adapter',
      param: 'adapters.0.id',
      details: [{ path: 'adapters.0.id', message: 'there is no such adapter' }],
    });
    expect((await scene.gates.read('tenant-a'))?.open).toEqual({});
  });

  it.each([
    [[{ id: 'a', weight: 2.1 }], 'adapters.0.weight'],
    [[{ id: 'a', weight: -2.1 }], 'adapters.0.weight'],
    [[{ id: 'a', weight: '1' }], 'adapters.0.weight'],
    [[{ weight: 1 }], 'adapters.0.id'],
    [[{ id: 'a', path: '/etc/passwd' }], 'adapters.0.path'],
    [['a'], 'adapters.0'],
    [{ id: 'a' }, 'adapters'],
    [Array.from({ length: 5 }, (_, index) => ({ id: `${index}` })), 'adapters'],
    [['a', 'b', 'c'].map((id) => ({ id })), 'adapters'],
    [[{ id: 'a' }, { id: 'a' }], 'adapters.1.id'],
  ])('names the field of %j', async (adapters, param) => {
    const { scene, key } = await adapterScene();

    const { json } = await scene.send('submitJob', '/v1/jobs', { key, body: { ...body, adapters } });

    expect(json.error).toMatchObject({ code: 'invalid_request', param });
  });
});

async function adapterOfAnother(scene: Awaited<ReturnType<typeof adapterScene>>['scene']): Promise<string> {
  await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
  const key = await scene.addKey('tenant-b', ['adapters:write']);
  const file = loraFile(5);
  const { json } = await scene.send('createAdapter', '/v1/adapters', { key, body: offerOf(file) });
  scene.adapterFiles.upload(json.upload, file);
  await scene.send('completeAdapter', `/v1/adapters/${json.id}/complete`, { key });
  return json.id;
}
