import { describe, expect, it } from 'vitest';
import { routeList } from '#core/api/routes.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import { createApiScene } from '../api-scene.ts';

const canary = 'canary-4711-of-the-tenant';

describe('a fault of a store that quotes what it was asked', () => {
  it('reaches neither the log nor the answer with words of the request in it, whatever the route', async () => {
    for (const route of routeList) {
      const base = await createApiScene();
      const key = await base.addKey('tenant-a', route.scope === 'admin' ? ['admin'] : tenantScopes);
      const quoting = <T extends object>(port: T): T =>
        new Proxy(port, {
          get: (target, name) => {
            const method: unknown = Reflect.get(target, name);
            if (typeof method !== 'function' || name === 'sleep') return method;
            return async (...args: unknown[]) => {
              throw new Error(
                `ValidationException: no ${String(name)} of ${JSON.stringify(args)} for ${canary}`,
              );
            };
          },
        });
      const { jobs, gates, plans, aliases, pools, ledger, workers, results } = base;
      const ports = { jobs, gates, plans, aliases, pools, ledger, workers, results };
      const broken = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, quoting(port)]));
      const scene = await createApiScene({ change: { ...base, ...broken } });

      const got = await scene.sendRaw(route.method, route.path.replaceAll(/\{[^}]+\}/g, canary), {
        key,
        headers: { 'idempotency-key': canary, 'if-none-match': canary },
        ...(route.method === 'GET'
          ? {}
          : { body: { model: 'fake-image', input: { prompt: canary }, metadata: { [canary]: canary } } }),
      });

      expect(got.text).not.toContain('ValidationException');
      // An unknown field is answered by its name to the one who sent it; the log has none of it.
      expect(JSON.stringify(base.log.lines)).not.toContain(canary);
    }
  });

  it('is in the log with its stack and the rest of its words', async () => {
    const base = await createApiScene();
    const jobs = {
      ...base.jobs,
      get: async () => {
        throw new Error(`the item of ${canary} is too large`);
      },
    };
    const scene = await createApiScene({ change: { ...base, jobs } });

    const got = await scene.sendRaw('GET', '/v1/jobs/job_00000000000000000000000000', {
      key: base.key,
      headers: { 'x-note': canary },
    });

    const failed = base.log.lines.find(({ event }) => event === 'api.failed');
    expect(got.status).toBe(500);
    expect(failed?.fields.reason).toMatch(/^Error: the item of \[input\] is too large\n {4}at /);
  });
});
