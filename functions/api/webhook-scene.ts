/** For tests: a scene whose tenant has a key for webhooks, one webhook, and a way to have its messages sent. */
import { createDeliverer } from '#core/flows/deliver.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { createApiScene, webhookKey } from './api-scene.ts';

export const hookUrl = 'https://hooks.example/jobs';

export async function webhookScene(given: { readonly tenant?: TenantRecord } = {}) {
  const scene = await createApiScene(given);
  const key = await scene.addKey('tenant-a', ['jobs:read', 'jobs:write', 'webhooks:write']);
  const outbound = createMemoryOutbound(scene);
  const deliverer = createDeliverer({ ...scene, outbound, webhookKey, chance: () => 0 });
  return {
    scene,
    key,
    outbound,
    /** A webhook made over HTTP. */
    create: async (body: object = {}) =>
      (await scene.send('createWebhook', '/v1/webhooks', { key, body: { url: hookUrl, ...body } })).json,
    /** Sends what is due now. */
    async deliver(): Promise<void> {
      await deliverer.look();
      await deliverer.idle();
    },
  };
}
