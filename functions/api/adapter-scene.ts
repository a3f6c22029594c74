/** For tests: a scene whose tenant has a key for adapters, and ways to bring one in. */
import { loraFile } from '#core/adapter/file-under-test.ts';
import { digest } from '#core/canonical.ts';
import { createApiScene } from './api-scene.ts';

/** The body that announces a file. */
export function offerOf(file: Uint8Array, change: object = {}) {
  return { name: 'mine', model: 'fake-image', bytes: file.byteLength, sha256: digest(file), ...change };
}

export async function adapterScene(given: Parameters<typeof createApiScene>[0] = {}) {
  const scene = await createApiScene(given);
  const { tenantId } = scene.tenant;
  const key = await scene.addKey(tenantId, ['jobs:read', 'jobs:write', 'adapters:write']);
  const path = '/v1/adapters';

  async function offer(file: Uint8Array = loraFile(), change: object = {}) {
    return (await scene.send('createAdapter', path, { key, body: offerOf(file, change) })).json;
  }
  async function complete(id: string) {
    return scene.send('completeAdapter', `${path}/${id}/complete`, { key });
  }
  return {
    scene,
    key,
    path,
    offer,
    complete,
    /** Announced and uploaded, not checked. */
    async upload(file: Uint8Array = loraFile(), change: object = {}) {
      const offered = await offer(file, change);
      if (!scene.adapterFiles.upload(offered.upload, file)) throw new Error('the store refused the file');
      return offered;
    },
    /** Ready for jobs. */
    async add(file: Uint8Array = loraFile(), change: object = {}) {
      const offered = await offer(file, change);
      scene.adapterFiles.upload(offered.upload, file);
      return (await complete(offered.id)).json;
    },
  };
}
