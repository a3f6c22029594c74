/**
 * What no route takes: fields that it does not know, names of the language, wrong types, broken text. Bodies are made from
 * the route table, so that a new route and a new field are held to it by themselves.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { errorFormOf } from '#core/api/error-form.ts';
import type { Route } from '#core/api/route.ts';
import type { RouteId } from '#core/api/routes.ts';
import { routeList } from '#core/api/routes.ts';
import { derivedAdapterId, digest } from '#core/canonical.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import { offerOf } from './adapter-scene.ts';
import { createAdminScene } from './admin-scene.ts';
import { catalog, whileWorking } from './dialects/openai/dialect-scene.ts';
import { closedObjects, inputFor, memberAt, objectPaths } from './schema-inputs.ts';
import { hookUrl } from './webhook-scene.ts';

type Json = z.core.util.JSONType;

/** What is sent as a file is never read as JSON. */
const writing = routeList
  .filter(({ method, isFile }) => method !== 'GET' && isFile === undefined)
  .map((route) => [route.id, route] as const);
const withBody = writing.filter(([, { body }]) => body !== undefined);
const evilNames = ['__proto__', 'constructor', 'prototype'] as const;
/** What the jobs of these requests name. */
const jobsLora = loraFile(3);
const prototypeBefore = Reflect.ownKeys(Object.prototype);

/** Every object that a path can name is there, so that what is refused is refused for its body. */
async function openScene() {
  const scene = await createAdminScene({ change: { catalog } });
  const tenantKey = await scene.addKey('tenant-a', tenantScopes);
  const job = await scene.submit();
  await scene.finish(job);
  const own = { key: tenantKey };
  const hook = await scene.send('createWebhook', '/v1/webhooks', { ...own, body: { url: hookUrl } });
  const told = await scene.send('testWebhook', `/v1/webhooks/${hook.json.id}/test`, own);
  const [pending, ready] = [loraFile(2), jobsLora];
  const offer = async (file: Uint8Array) => {
    const offered = await scene.send('createAdapter', '/v1/adapters', { ...own, body: offerOf(file) });
    scene.adapterFiles.upload(offered.json.upload, file);
    return offered.json.id;
  };
  await scene.send('completeAdapter', `/v1/adapters/${await offer(ready)}/complete`, own);
  const lines = { filename: 'lines.jsonl', purpose: 'batch', bytes: 1, sha256: digest('') };
  const file = (await scene.send('createFile', '/v1/files', { ...own, body: lines })).json.id;
  const asked = { input_file_id: file, endpoint: '/v1/jobs', completion_window: '24h' };
  const batch = (await scene.send('createBatch', '/v1/batches', { ...own, body: asked })).json.id;
  const hooks = { webhook: hook.json.id, delivery: told.json.id };
  const ids = { ...hooks, job, file, batch, adapter: await offer(pending) };
  const send = async (route: Route, rawBody: string) => {
    const answer = scene.send(route.id as RouteId, pathOf(route, ids), {
      key: route.scope === 'admin' ? scene.adminKey : tenantKey,
      rawBody,
    });
    // A body that is taken is answered once its job has ended.
    return isAnswered.has(route.tag) ? whileWorking(scene, answer) : answer;
  };
  return { send };
}

/** Of input that is not valid, by the dialect of the route. */
function invalidOf({ path }: Route): number {
  return errorFormOf(path).statusOf('invalid_request');
}

type Ids = Record<'job' | 'webhook' | 'delivery' | 'adapter' | 'file' | 'batch', string>;

/** Routes that answer once their job has ended. */
const isAnswered: ReadonlySet<Route['tag']> = new Set(['openai', 'fal']);
/** What these routes do not know goes to the model, which refuses it by its name in the request. */
const isOpen: ReadonlySet<Route['tag']> = new Set(['openai', 'simple', 'fal']);

/** As Replicate's and fal's routes name a model. */
const named = {
  owner: 'pilotlight',
  model: 'fake-image',
  deployment: 'fake-image',
  version: 'x',
  pass: 'x',
  tenant: 'tenant-a',
};

function pathOf({ path }: Route, { job, webhook, delivery, adapter, file, batch }: Ids) {
  const key = 'key00001';
  const others = {
    job,
    key,
    delivery,
    pool: 'fake',
    endpoint: 'fake-image',
    task_id: job,
    name: 'mine',
    family: 'fake',
    n: '0',
    ...named,
  };
  const ofTenant = {
    '/v1/keys/': key,
    '/v1/webhooks/': webhook,
    '/v1/adapters/': adapter,
    '/v1/files/': file,
    '/v1/batches/': batch,
  };
  const byFolder = { '/admin/v1/tenants/': 'tenant-a', ...ofTenant };
  const [, id = job] = Object.entries(byFolder).find(([folder]) => path.startsWith(folder)) ?? [];
  const names: Record<string, string> = { ...others, id };
  return path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const value = names[name];
    if (value === undefined) throw new Error(`no value is known for {${name}} in ${path}`);
    return value;
  });
}

/** A body that the route's schema takes; a job's is one that its model takes too. */
function bodyOf({ id, body }: Route): Json {
  if (body === undefined) return {};
  const dialect = dialectBodies[id];
  if (dialect !== undefined) return dialect;
  const value = inputFor(body, (place) => {
    if (place === 'input.* (name)') return 'prompt';
    if (place === 'adapters.0.id') return derivedAdapterId('tenant-a', 'fake-image', digest(jobsLora));
    if (id === 'createAdapter' && place === 'model') return 'fake-image';
    return /(^|\.)url$/.test(place) ? hookUrl : 'text';
  });
  if (id !== 'submitJob' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // The model of the scene has no tiers.
  const { quality: _, ...rest } = value;
  return { ...rest, model: 'fake-image' };
}

const prediction = {
  input: { prompt: 'text' },
  webhook: hookUrl,
  webhook_events_filter: ['start'],
  stream: false,
};

/** What a schema alone cannot know: the names of models, and that of many parameters hardly any is supported. */
const dialectBodies: Readonly<Record<string, Json>> = {
  createChatCompletion: { model: 'fake-chat', messages: [{ role: 'user', content: 'text' }] },
  createCompletion: { model: 'fake-chat', prompt: 'text' },
  createImage: { model: 'fake-image', prompt: 'text', size: '512x512' },
  generate: { model: 'fake-image', prompt: 'text', size: '512x512', num_inference_steps: 2 },
  replicateCreatePrediction: { version: 'fake-image', ...prediction },
  replicateCreateModelPrediction: prediction,
  replicateCreateDeploymentPrediction: prediction,
  falInitiateUpload: { content_type: 'image/png', file_name: 'text' },
  falRun: { prompt: 'text' },
  falStream: { prompt: 'text' },
  falSubmit: { prompt: 'text' },
};

/** The text of the value with one member more, as it may be sent and no object literal can say it. */
function withMember(value: Json, path: readonly string[], member: string): string {
  const mark = '"the member goes here":0';
  const copy = structuredClone(value);
  const target = memberAt(copy, path);
  if (typeof target !== 'object' || target === null || Array.isArray(target))
    throw new Error('no object there');
  target['the member goes here'] = 0;
  return JSON.stringify(copy).replace(mark, () => member);
}

function expectUnspoilt(): void {
  expect(Reflect.ownKeys(Object.prototype)).toEqual(prototypeBefore);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
}

describe('a field that a route does not know', () => {
  it('is refused by its name on every level of every body', async () => {
    for (const [, route] of writing) {
      const { send } = await openScene();
      const body = bodyOf(route);
      const levels = isOpen.has(route.tag) ? [[]] : closedObjects(route.body ?? z.strictObject({}), body);
      expect(levels).toContainEqual([]);

      for (const path of levels) {
        const got = await send(route, withMember(body, path, '"not_a_field":1'));

        expect([route.id, got.status]).toEqual([route.id, invalidOf(route)]);
        expect(got.json.error.details).toContainEqual({
          path: [...path, 'not_a_field'].join('.'),
          message: 'is not a known field',
        });
      }
    }
  });

  it("is refused in a job's input by its model", async () => {
    const { send } = await openScene();
    const [submit] = withBody.flatMap(([id, route]) => (id === 'submitJob' ? [route] : []));
    if (submit === undefined) throw new Error('there is no route to submit by');

    const got = await send(submit, withMember(bodyOf(submit), ['input'], '"not_a_field":1'));

    expect(got.status).toBe(400);
    expect(got.json.error.details).toContainEqual({
      path: 'input.not_a_field',
      message: 'is not a known field',
    });
  });

  it.each([
    ['adminUpdateTenant', ['status', 'version', 'tenantId', 'promptTerms', 'overrides', 'createdAtMs']],
    ['adminCreateTenant', ['status', 'version', 'createdAtMs', 'overrides']],
    ['createKey', ['tenant', 'tenantId', 'hash', 'keyId', 'id', 'revokedAtMs']],
    ['submitJob', ['tenantId', 'status', 'costUsdMicros', 'tag', 'attempt', 'reservation', 'jobId', 'pool']],
    ['adminRefundJob', ['tenant', 'kind', 'atMs']],
  ] as const)('is refused by %s though the record has it', async (id, fields) => {
    const { send } = await openScene();
    const route = routeList.find((each) => each.id === id);
    if (route === undefined) throw new Error(`there is no route ${id}`);

    for (const field of fields) {
      const got = await send(route, withMember(bodyOf(route), [], `${JSON.stringify(field)}:"x"`));

      expect(got.json.error.details).toContainEqual({ path: field, message: 'is not a known field' });
    }
  });
});

describe('a name of the language', () => {
  it.each(evilNames)(
    '%s is refused on every level of every body, open ones too, and spoils nothing',
    async (evil) => {
      for (const [, route] of writing) {
        const { send } = await openScene();
        const body = bodyOf(route);

        for (const path of objectPaths(body)) {
          for (const spelled of [
            evil,
            `\\u${evil.charCodeAt(0).toString(16).padStart(4, '0')}${evil.slice(1)}`,
          ]) {
            const got = await send(
              route,
              withMember(body, path, `"${spelled}":{"polluted":true,"status":"active"}`),
            );

            expect([route.id, path, got.status]).toEqual([route.id, path, invalidOf(route)]);
            expect(got.json.error.details).toEqual([
              { path: [...path, evil].join('.'), message: 'is not a known field' },
            ]);
            expectUnspoilt();
          }
        }
      }
    },
  );

  it.each(evilNames)('%s is no parameter of any query', async (evil) => {
    const scene = await createAdminScene();
    const key = await scene.addKey('tenant-a', tenantScopes);
    const hooks = { webhook: 'whe_x', delivery: 'whd_x' };
    const anyIds = { ...hooks, job: 'job_x', adapter: 'adapter_x', file: 'file_x', batch: 'batch_x' };

    for (const route of routeList) {
      const sent = { key: route.scope === 'admin' ? scene.adminKey : key };
      const got = await scene.sendRaw(route.method, `${pathOf(route, anyIds)}?${evil}=1`, sent);

      expect([route.id, got.status]).toEqual([route.id, invalidOf(route)]);
      expectUnspoilt();
    }
  });
});

describe('a body of the wrong type or form', () => {
  const anything = fc.oneof(
    // JSON by another name: fast-check's type for it is as wide as ours.
    fc.jsonValue({ maxDepth: 2 }).map((value) => value as Json),
    fc.constantFrom<Json>(
      null,
      [],
      {},
      '',
      -1,
      0.5,
      2 ** 53,
      1e300,
      -0,
      'NaN',
      'true',
      '\u0000',
      'x'.repeat(5_000),
      [[[]]],
    ),
  );

  it.each(withBody)('is never a fault of %s, wherever anything is put', async (_id, route) => {
    const { send } = await openScene();
    const body = bodyOf(route);
    const places = placesOf(body);

    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), anything, async (path, value) => {
        const got = await send(route, JSON.stringify(replaced(body, path, value)));

        expect(got.status).toBeLessThan(500);
        expectUnspoilt();
      }),
      { numRuns: 60 },
    );
  });

  it('is refused as a whole by every route that takes a body', async () => {
    const wholes = ['null', '[]', '"text"', '1', 'true', '[{}]', '-0', '1e400'];
    for (const [, route] of withBody) {
      const { send } = await openScene();

      const answers = await Promise.all(wholes.map((text) => send(route, text)));

      const expected = wholes.map(() => invalidOf(route));
      expect([route.id, answers.map(({ status }) => status)]).toEqual([route.id, expected]);
    }
  });

  it('is refused as text that is not JSON', async () => {
    const texts = [
      '{',
      '{"a":NaN}',
      '{"a":Infinity}',
      '{"a":0x1}',
      "{'a':1}",
      '{"a":1,}',
      '{"a":01}',
      '{"a":undefined}',
      '\ufeff{}',
    ];
    for (const [, route] of withBody) {
      const { send } = await openScene();

      const answers = await Promise.all(texts.map((text) => send(route, text)));

      expect([route.id, answers.map(({ json }) => json.error.code)]).toEqual([
        route.id,
        texts.map(() => 'invalid_json'),
      ]);
    }
  });

  it('is refused when it is nested too deep, holds half a character, or a number beyond all numbers', async () => {
    for (const [, route] of writing) {
      const { send } = await openScene();
      const body = bodyOf(route);
      const members = [
        `"x":${'['.repeat(10_000)}${']'.repeat(10_000)}`,
        `"x":${'{"x":'.repeat(40)}1${'}'.repeat(40)}`,
        '"x":"\\ud800"',
        '"\\udfff":1',
        '"x":1e400',
        `"x":${'9'.repeat(10_000)}`,
      ];

      const answers = await Promise.all(members.map((member) => send(route, withMember(body, [], member))));

      expect([route.id, answers.map(({ status }) => status)]).toEqual([
        route.id,
        members.map(() => invalidOf(route)),
      ]);
    }
  });

  it('counts the last of a field that is given twice, as JSON.parse does', async () => {
    for (const [, route] of withBody) {
      const body = bodyOf(route);
      if (typeof body !== 'object' || body === null) continue;
      for (const name of Object.keys(body)) {
        const { send } = await openScene();
        const twice = withMember(body, [], `${JSON.stringify(name)}:{"wrong":true}`);

        const got = await send(route, twice);

        const alone = await send(route, JSON.stringify({ ...body, [name]: { wrong: true } }));
        expect([route.id, name, got.status, detailsOf(got)]).toEqual([
          route.id,
          name,
          alone.status,
          detailsOf(alone),
        ]);
      }
    }
  });
});

function detailsOf({
  json,
}: {
  readonly json: { readonly error?: { readonly details?: unknown } };
}): unknown {
  return json.error?.details;
}

/** Every place in the value, the whole of it first. */
function placesOf(value: Json, path: readonly string[] = []): string[][] {
  const within =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]))
      : [];
  return [[...path], ...within];
}

function replaced(value: Json, path: readonly string[], by: Json): Json {
  const [name, ...rest] = path;
  if (name === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((member, index) => (String(index) === name ? replaced(member, rest, by) : member));
  }
  if (typeof value !== 'object' || value === null) throw new Error('no such place');
  return { ...value, [name]: replaced(value[name] ?? null, rest, by) };
}
