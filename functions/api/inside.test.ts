/** What a failure says of the inside of the product: nothing, on any route (OWASP API8, ASVS 16.5.1). */
import { describe, expect, it } from 'vitest';
import { errorFormOf } from '#core/api/error-form.ts';
import { examples } from '#core/api/examples.ts';
import type { Route } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Got } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

const secret = 'ValidationException at /srv/pilotlight/aws/keys.ts:193, arn:aws:dynamodb:table/main';

/** Instead of the document's example, whose model this scene lacks. */
const bodies: Record<string, unknown> = {
  submitJob: { model: 'fake-image', input: { prompt: 'a lighthouse' } },
};
/** What the caller's key is read from; without it every answer would be of the door. */
const door = { keys: ['get', 'touch'], tenants: ['get'] } as const;

const broken = [
  'adapters',
  'aliases',
  'batches',
  'blobs',
  'deliveries',
  'endpoints',
  'files',
  'gates',
  'jobs',
  'keys',
  'ledger',
  'line',
  'plans',
  'pools',
  'queue',
  'tenants',
  'tickets',
  'workers',
];

/** A port of which everything fails, but for the methods that are named. */
function breaking<T extends object>(port: T, except: readonly string[]): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || except.includes(String(name))) return member;
      return () => Promise.reject(new Error(secret));
    },
  });
}

async function brokenScene() {
  const base = await createApiScene();
  const parts = Object.entries(base).flatMap(([name, part]) =>
    broken.includes(name) && typeof part === 'object' && part !== null
      ? [[name, breaking(part, door[name as keyof typeof door] ?? [])] as const]
      : [],
  );
  // Parts of the scene under their own names: the same types as in it.
  const change = Object.fromEntries(parts) as Partial<ApiDeps>;
  const scene = await createApiScene({ change: { ...base, ...change } });
  const key = await base.addKey('tenant-a', [...tenantScopes, 'admin']);
  const ask = (route: Route): Promise<Got> => {
    const body = bodies[route.id] ?? examples[`${route.id} request`];
    return scene.sendRaw(route.method, route.path.replaceAll(/\{[^}]+\}/g, 'tenant-a'), {
      key,
      ...(body === undefined ? {} : { body }),
    });
  };
  return { ask };
}

describe('an answer while everything behind the edge fails', () => {
  it.each(routeList.map((route) => [route.id, route] as const))(
    'of %s tells nothing of the inside',
    async (_id, route) => {
      const { ask } = await brokenScene();

      const got = await ask(route);

      expect(`${got.text} ${JSON.stringify(got.headers)}`).not.toMatch(
        /ValidationException|\/srv\/|arn:|\.ts:|\n\s+at /,
      );
      if (got.status >= 400) {
        // Strict: there is nothing else in it.
        errorFormOf(route.path).schema.parse(got.json);
        expect(got.json.error.request_id).toBe(got.headers['x-request-id']);
      }
    },
  );

  it('is that something failed on most routes: the rest refuse before anything is read', async () => {
    const { ask } = await brokenScene();
    const failed: string[] = [];

    for (const route of routeList) if ((await ask(route)).status >= 500) failed.push(route.id);

    expect(failed.length).toBeGreaterThan(routeList.length / 2);
    expect(failed).toEqual(expect.arrayContaining(['submitJob', 'getJob', 'createKey', 'adminListLedger']));
  });
});
