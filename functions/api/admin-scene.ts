/** The scene of the operator's routes: a tenant as in every scene, and an operator whose key the requests carry. */
import type { RouteId } from '#core/api/routes.ts';
import { sampleTenant } from '#core/samples.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Got, Sent } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

export async function createAdminScene(
  options: { readonly tenant?: TenantRecord; readonly change?: Partial<ApiDeps> } = {},
) {
  const scene = await createApiScene(options);
  await scene.addTenant(sampleTenant({ tenantId: 'operator' }));
  const adminKey = await scene.addKey('operator', ['admin']);
  return {
    ...scene,
    adminKey,
    /** As the operator. */
    ask: (route: RouteId, path: string, body?: unknown, sent: Sent = {}): Promise<Got> =>
      scene.send(route, path, { key: adminKey, ...(body === undefined ? {} : { body }), ...sent }),
    /** What a request of the key would be answered now: 202 for one that may submit. */
    async tryKey(key: string, model = 'fake-image'): Promise<Got> {
      const body = { model, input: { prompt: 'a lighthouse' } };
      return scene.send('submitJob', '/v1/jobs', { key, body });
    },
  };
}

export type AdminScene = Awaited<ReturnType<typeof createAdminScene>>;

/** Ids that no tenant has, however they are written. */
export const nobody = ['tenant-z', 'a.b', '__proto__', 'x'.repeat(64)] as const;
