import { readdir } from 'node:fs/promises';
import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { Route } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import { AppError } from '#core/errors.ts';
import { apiLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import type { ApiScene } from './api-scene.ts';
import { createApiScene, eventOf } from './api-scene.ts';
import { doorKey } from './middlewares/authenticate.ts';

const guarded = routeList.filter(({ scope }) => scope !== null).map((route) => [route.id, route] as const);

function pathOf({ path }: Route): string {
  return path.replaceAll(/\{[^}]+\}/g, 'x');
}

/** Reads of keys so far, and the scene whose handler makes them. */
async function countingScene(): Promise<{ scene: ApiScene; reads: string[] }> {
  const base = await createApiScene();
  const reads: string[] = [];
  const keys = {
    ...base.keys,
    get: (keyId: string) => {
      reads.push(keyId);
      return base.keys.get(keyId);
    },
  };
  const scene = await createApiScene({ change: { ...base, keys } });
  return { scene: { ...base, send: scene.send, sendRaw: scene.sendRaw, handler: scene.handler }, reads };
}

describe('the route table', () => {
  it('has one handler file and one test file per route, and no other', async () => {
    const files = await readdir(new URL('./routes/', import.meta.url));

    const kebab = (id: string) => id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const expected = routeList.flatMap(({ id }) => [`${kebab(id)}.ts`, `${kebab(id)}.test.ts`]);
    expect(files.toSorted()).toEqual(expected.toSorted());
  });

  it('names every route by its key, and no two by the same method and path', () => {
    expect(new Set(routeList.map(({ method, path }) => `${method} ${path}`)).size).toBe(routeList.length);
    expect(new Set(routeList.map(({ id }) => id)).size).toBe(routeList.length);
  });
});

describe('401', () => {
  it.each(guarded)('%s asks for a key', async (_id, route) => {
    const scene = await createApiScene();

    const got = await scene.sendRaw(route.method, pathOf(route), { key: null });

    expect(got.json.error).toMatchObject({ code: 'invalid_api_key', type: 'authentication_error' });
  });

  it('answers the same bytes for a missing, malformed, unknown and wrong key', async () => {
    const scene = await createApiScene();
    const wrongSecret = formatKey('key00001', new Uint8Array(32).fill(99));
    const unknownId = formatKey('key99999', new Uint8Array(32).fill(1));
    const authorizations = [
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${scene.key}x`,
      `Bearer ${scene.key.slice(0, -1)}`,
      `Bearer ${wrongSecret}`,
      `Bearer ${unknownId}`,
      `Basic ${scene.key}`,
      `Bearer ${scene.key} ${scene.key}`,
      'Bearer __proto__',
    ];

    const answers = await Promise.all([
      scene.sendRaw('GET', '/v1/limits', { key: null, headers: { 'x-request-id': 'same-for-all' } }),
      ...authorizations.map((Authorization) =>
        scene.sendRaw('GET', '/v1/limits', {
          key: null,
          headers: { Authorization, 'x-request-id': 'same-for-all' },
        }),
      ),
    ]);

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
  });

  it('says how to send a key', async () => {
    const scene = await createApiScene();

    const got = await scene.sendRaw('GET', '/v1/limits', { key: null });

    expect(got.headers['www-authenticate']).toBe('Bearer');
    expect((await scene.sendRaw('GET', '/v1/limits')).headers).not.toHaveProperty('www-authenticate');
  });

  it('comes before any word about the body', async () => {
    const scene = await createApiScene();

    expect((await scene.sendRaw('POST', '/v1/jobs', { key: null, rawBody: '{' })).status).toBe(401);
  });

  it('is the answer to the key of a tenant that is gone', async () => {
    const scene = await createApiScene();
    const key = await scene.addKey('tenant-z');

    expect((await scene.sendRaw('GET', '/v1/limits', { key })).status).toBe(401);
  });
});

describe('403', () => {
  it.each(guarded)('%s asks for its scope', async (_id, route) => {
    const scene = await createApiScene();
    const other = route.scope === 'usage:read' ? 'jobs:read' : 'usage:read';
    const key = await scene.addKey('tenant-a', [other]);

    const got = await scene.sendRaw(route.method, pathOf(route), { key });

    expect(got.json.error).toMatchObject({ code: 'missing_scope' });
    expect(got.json.error.message).toContain(String(route.scope));
  });

  it('is the answer to a suspended tenant', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ status: 'suspended' }) });

    expect((await scene.sendRaw('GET', '/v1/limits')).json.error.code).toBe('tenant_suspended');
  });
});

describe('the memory of keys', () => {
  it('spares the look-up for half a minute, and no longer', async () => {
    const { scene, reads } = await countingScene();

    await scene.sendRaw('GET', '/v1/limits', { key: scene.key });
    await scene.clock.advance(apiLimits.keyCacheMs - 1);
    await scene.sendRaw('GET', '/v1/limits', { key: scene.key });
    expect(reads).toEqual(['key00001']);

    await scene.clock.advance(1);
    await scene.sendRaw('GET', '/v1/limits', { key: scene.key });
    expect(reads).toEqual(['key00001', 'key00001']);
  });

  it('lets requests that come together share one look-up', async () => {
    const { scene, reads } = await countingScene();

    await Promise.all(
      Array.from({ length: 50 }, () => scene.sendRaw('GET', '/v1/limits', { key: scene.key })),
    );

    expect(reads).toHaveLength(1);
  });

  it('does not remember what is not there, so that a new key works at once', async () => {
    const { scene } = await countingScene();
    const key = formatKey('key00002', new Uint8Array(32).fill(2));
    const before = await scene.sendRaw('GET', '/v1/limits', { key });

    await scene.addKey('tenant-a');

    expect([before.status, (await scene.sendRaw('GET', '/v1/limits', { key })).status]).toEqual([401, 200]);
  });

  it('does not remember a look-up that failed', async () => {
    const base = await createApiScene();
    let failures = 1;
    const keys = {
      ...base.keys,
      get: async (keyId: string) => {
        if (failures > 0) {
          failures -= 1;
          throw new Error('throttled');
        }
        return base.keys.get(keyId);
      },
    };
    const scene = await createApiScene({ change: { ...base, keys } });

    const statuses = [
      (await scene.sendRaw('GET', '/v1/limits', { key: base.key })).status,
      (await scene.sendRaw('GET', '/v1/limits', { key: base.key })).status,
    ];

    expect(statuses).toEqual([500, 200]);
  });
});

describe('the last day of a key', () => {
  async function touchingScene(touch?: () => Promise<void>) {
    const base = await createApiScene();
    const days: string[] = [];
    const keys: typeof base.keys = {
      ...base.keys,
      async touch(tenantId, keyId, day) {
        days.push(day);
        await (touch ?? (() => base.keys.touch(tenantId, keyId, day)))();
      },
    };
    const scene = await createApiScene({ change: { ...base, keys } });
    const ask = (key = base.key) => scene.sendRaw('GET', '/v1/limits', { key });
    return { base, days, ask };
  }

  it('is written once a day, however often the key is used and read', async () => {
    const { base, days, ask } = await touchingScene();

    for (let times = 0; times < 3; times += 1) {
      await Promise.all([ask(), ask()]);
      await base.clock.advance(apiLimits.keyCacheMs);
    }
    await base.clock.advance(24 * 60 * 60 * 1000);
    await ask();

    expect(days).toEqual(['2030-03-17', '2030-03-18']);
    expect(await base.keys.get('key00001')).toMatchObject({ lastUsedDay: '2030-03-18' });
  });

  it('is written for no wrong key', async () => {
    const { days, ask } = await touchingScene();

    await ask(formatKey('key00001', new Uint8Array(32).fill(99)));

    expect(days).toEqual([]);
  });

  it('holds up no request, and is tried again when it could not be written', async () => {
    let failures = 1;
    const { days, ask } = await touchingScene(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('throttled');
      return new Promise<never>(() => undefined);
    });

    const statuses = [(await ask()).status, (await ask()).status, (await ask()).status];

    expect(statuses).toEqual([200, 200, 200]);
    expect(days).toHaveLength(2);
  });
});

describe('a listener of one tenant', () => {
  it("lets in that tenant's keys, and answers to any other as to an unknown one", async () => {
    const scene = await createApiScene();
    const theirs = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const unknown = formatKey('key99999', new Uint8Array(32).fill(1));
    const answers = [];

    for (const key of [scene.key, theirs, unknown]) {
      const sent = { headers: { 'x-request-id': 'same-for-all' } };
      const event = eventOf('GET', '/v1/limits', sent, key);
      const requestContext = { ...event.requestContext, authorizer: { [doorKey]: 'tenant-a' } };
      answers.push(await scene.handler({ ...event, requestContext }, {} as Context));
    }

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 401, 401]);
    expect(answers[1]).toEqual(answers[2]);
  });
});

describe('404', () => {
  it.each([
    '/',
    '/v1',
    '/v1/job',
    '/v1/jobs/a/b',
    '/v2/jobs',
    '/v1/jobs/a/output',
    '//v1/jobs',
    '/__proto__',
  ])('is the answer to the path %s, with or without a key', async (path) => {
    const scene = await createApiScene();

    const got = await scene.sendRaw('GET', path, { key: null });

    expect(got.json.error).toMatchObject({ code: 'not_found', message: 'There is no such path.' });
  });
});

describe('405', () => {
  it.each([
    ['DELETE', '/v1/jobs', 'GET, HEAD, POST'],
    ['PUT', '/v1/jobs/x', 'GET, HEAD'],
    ['GET', '/v1/jobs/x/cancel', 'POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['OPTIONS', '/health', 'GET, HEAD'],
    ['TRACE', '/health', 'GET, HEAD'],
  ])('tells %s %s what the path takes', async (method, path, allow) => {
    const scene = await createApiScene();

    const got = await scene.sendRaw(method, path, { key: null });

    expect(got.json.error.code).toBe('method_not_allowed');
    expect(got.headers.allow).toBe(allow);
  });
});

describe('503', () => {
  it('is the answer when the time of the function runs out', async () => {
    const base = await createApiScene();
    const gates = { ...base.gates, read: () => new Promise<never>(() => undefined) };
    const scene = await createApiScene({ change: { gates } });

    const got = await scene.sendRaw('GET', '/v1/limits', { remainingMs: 510 });

    expect(got.json.error.code).toBe('unavailable');
    expect(got.headers['retry-after']).toBe('1');
  });
});

describe('an outage of a service behind the API', () => {
  it('is 503 with a time to come back at, and a request that is repeated then is accepted once', async () => {
    const base = await createApiScene();
    let isDown = true;
    const throttled = new AppError('unavailable');
    const create: typeof base.jobs.create = (job) =>
      isDown ? Promise.reject(throttled) : base.jobs.create(job);
    const scene = await createApiScene({ change: { ...base, jobs: { ...base.jobs, create } } });
    const body = { model: 'fake-image', input: { prompt: 'a lighthouse' } };
    const ask = { body, headers: { 'Idempotency-Key': 'once' } };

    const refused = await scene.sendRaw('POST', '/v1/jobs', ask);
    isDown = false;
    const accepted = await scene.sendRaw('POST', '/v1/jobs', ask);

    expect(refused.status).toBe(503);
    expect(refused.json.error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(refused.headers['retry-after']).toBe('1');
    expect(accepted.status).toBe(202);
  });
});

describe('every answer', () => {
  it('carries a request id of ours, or the one that the caller chose', async () => {
    const scene = await createApiScene();

    const own = await scene.sendRaw('GET', '/nothing');
    const chosen = await scene.sendRaw('GET', '/v1/limits', { headers: { 'X-Request-Id': 'trace-1.a_b' } });

    expect(own.headers['x-request-id']).toMatch(/^req_[0-9a-z]{26}$/);
    expect(own.json.error.request_id).toBe(own.headers['x-request-id']);
    expect(chosen.headers['x-request-id']).toBe('trace-1.a_b');
  });

  it.each(['short', 'a'.repeat(65), 'with space', 'line\nbreak', '"quoted1"', '-leading1'])(
    'does not carry the unsafe request id %j',
    async (id) => {
      const scene = await createApiScene();

      const got = await scene.sendRaw('GET', '/v1/limits', { headers: { 'x-request-id': id } });

      expect(got.headers['x-request-id']).toMatch(/^req_/);
    },
  );

  it.each([
    ['GET', '/v1/limits', 200],
    ['GET', '/v1/jobs/x', 404],
    ['DELETE', '/v1/limits', 405],
    ['GET', '/v1/nothing', 404],
    ['POST', '/v1/jobs', 400],
  ])('is kept by no cache and read as nothing but JSON: %s %s, %i', async (method, path, status) => {
    const scene = await createApiScene();

    const got = await scene.sendRaw(method, path);

    expect(got.status).toBe(status);
    expect(got.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
    });
  });

  it('invites no other origin and sets no cookie, whatever route is asked, also beforehand', async () => {
    const scene = await createApiScene();
    const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'POST' };
    const asked = routeList.flatMap((route) => [
      [route.method, pathOf(route)] as const,
      ['OPTIONS', pathOf(route)] as const,
    ]);

    const answers = await Promise.all(
      asked.map(([method, path]) => scene.sendRaw(method, path, { headers })),
    );

    const names = answers.flatMap((each) => Object.keys(each.headers));
    expect(names).toContain('content-type');
    expect(names.filter((name) => /^(access-control-|set-cookie)/i.test(name))).toEqual([]);
  });

  it('leaves one line in the log, without key, prompt or query', async () => {
    const scene = await createApiScene();
    await scene.send('submitJob', '/v1/jobs', {
      body: { model: 'fake-image', input: { prompt: 'a secret lighthouse' } },
    });
    await scene.sendRaw('GET', '/v1/jobs?cursor=secret-cursor&limit=0');

    const lines = scene.log.lines.filter(({ event }) => event === 'api.answered');
    expect(lines.map(({ fields }) => fields)).toMatchObject([
      { method: 'POST', route: 'submitJob', status: 202, tenantId: 'tenant-a', keyId: 'key00001' },
      { method: 'GET', route: 'listJobs', status: 400, tenantId: 'tenant-a' },
    ]);
    expect(JSON.stringify(scene.log.lines)).not.toMatch(/secret|plk_/);
  });
});

describe('HEAD', () => {
  it('is answered wherever GET is, but for what is told once', async () => {
    const scene = await createApiScene();

    expect((await scene.sendRaw('HEAD', '/health', { key: null })).status).toBe(200);
    expect((await scene.sendRaw('HEAD', '/v1/jobs/x')).status).toBe(404);
    expect((await scene.sendRaw('HEAD', '/runpod/v2/x/stream/x')).status).toBe(405);
  });
});
