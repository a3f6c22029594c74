/**
 * The fence around tenants, as a matrix: every route, with ids that are one's own, another tenant's, missing and malformed,
 * under keys of every scope. The table is typed over the routes: one that has no row does not compile.
 */
import { describe, expect, it } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import type { Route } from '#core/api/route.ts';
import type { RouteId } from '#core/api/routes.ts';
import { routeList } from '#core/api/routes.ts';
import { sampleTenant } from '#core/samples.ts';
import type { Scope } from '#core/tenancy/tenant.ts';
import { scopes, tenantScopes } from '#core/tenancy/tenant.ts';
import { givenUp, testDelivery } from '#core/webhook/delivery.ts';
import { offerOf } from './adapter-scene.ts';
import type { ApiScene, Got } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

/** A route that names one object of the caller: by its path, or by `pathOf` when the path says more. */
interface Named {
  readonly names: 'job' | 'failed' | 'key' | 'webhook' | 'delivery' | 'adapter' | 'file' | 'batch';
  readonly pathOf?: (id: string, own: Objects) => string;
  readonly body?: unknown;
  /** Where the body says which. */
  readonly bodyOf?: (id: string) => unknown;
}

/** One object of each kind, of one tenant. */
type Objects = Readonly<Record<Named['names'], string>>;

/** `nothing`: the route names no object of a tenant. `operator`: no tenant gets in, whatever it names. */
type Row = Named | 'nothing' | 'operator';

const fence: Record<RouteId, Row> = {
  submitJob: 'nothing',
  listJobs: 'nothing',
  getJob: { names: 'job' },
  followJob: { names: 'job' },
  cancelJob: { names: 'job' },
  retryJob: { names: 'failed' },
  getJobOutput: { names: 'job', pathOf: (id) => `/v1/jobs/${id}/output/0` },
  listModels: 'nothing',
  getModel: 'nothing',
  warmUpModel: 'nothing',
  getLimits: 'nothing',
  getUsage: 'nothing',
  getHealth: 'nothing',
  getOpenapi: 'nothing',
  getDocs: 'nothing',
  createChatCompletion: 'nothing',
  createCompletion: 'nothing',
  createImage: 'nothing',
  runpodRun: 'nothing',
  runpodRunSync: 'nothing',
  runpodStatus: { names: 'job', pathOf: (id) => `/runpod/v2/fake-image/status/${id}` },
  runpodStatusSync: { names: 'job', pathOf: (id) => `/runpod/v2/fake-image/status-sync/${id}` },
  runpodStream: { names: 'job', pathOf: (id) => `/runpod/v2/fake-image/stream/${id}` },
  runpodCancel: { names: 'job', pathOf: (id) => `/runpod/v2/fake-image/cancel/${id}` },
  runpodRetry: { names: 'failed', pathOf: (id) => `/runpod/v2/fake-image/retry/${id}` },
  runpodPurgeQueue: 'nothing',
  runpodHealth: 'nothing',
  generate: 'nothing',
  getTask: { names: 'job' },
  replicateCreatePrediction: 'nothing',
  replicateCreateModelPrediction: 'nothing',
  replicateCreateDeploymentPrediction: 'nothing',
  replicateListPredictions: 'nothing',
  replicateGetPrediction: { names: 'job' },
  replicateCancelPrediction: { names: 'job' },
  // By a pass that opens one job's stream for whoever has it; another text opens nothing (its own test).
  replicateStreamPrediction: 'nothing',
  // By a pass as well, to one output.
  replicateReadOutput: 'nothing',
  replicateListModels: 'nothing',
  replicateGetModel: 'nothing',
  replicateListVersions: 'nothing',
  replicateGetVersion: 'nothing',
  replicateGetWebhookSecret: 'nothing',
  falRun: 'nothing',
  falStream: 'nothing',
  falSubmit: 'nothing',
  falGetStatus: { names: 'job', pathOf: (id) => `/fal/queue/pilotlight/fake-image/requests/${id}/status` },
  falStreamStatus: {
    names: 'job',
    pathOf: (id) => `/fal/queue/pilotlight/fake-image/requests/${id}/status/stream`,
  },
  falGetResult: { names: 'job', pathOf: (id) => `/fal/queue/pilotlight/fake-image/requests/${id}` },
  falCancel: { names: 'job', pathOf: (id) => `/fal/queue/pilotlight/fake-image/requests/${id}/cancel` },
  falInitiateUpload: 'nothing',
  // By a pass that puts one file for whoever has it; another text opens nothing (its own test).
  falUpload: 'nothing',
  falGetKeys: 'nothing',
  createAdapter: 'nothing',
  listAdapters: 'nothing',
  getAdapter: { names: 'adapter' },
  completeAdapter: { names: 'adapter' },
  deleteAdapter: { names: 'adapter' },
  createFile: 'nothing',
  listFiles: 'nothing',
  getFile: { names: 'file' },
  getFileContent: { names: 'file' },
  deleteFile: { names: 'file' },
  createBatch: {
    names: 'file',
    pathOf: () => '/v1/batches',
    bodyOf: (id) => ({ input_file_id: id, endpoint: '/v1/jobs', completion_window: '24h' }),
  },
  listBatches: 'nothing',
  getBatch: { names: 'batch' },
  cancelBatch: { names: 'batch' },
  createWebhook: 'nothing',
  listWebhooks: 'nothing',
  getWebhook: { names: 'webhook' },
  deleteWebhook: { names: 'webhook' },
  rotateWebhook: { names: 'webhook' },
  testWebhook: { names: 'webhook' },
  listDeliveries: { names: 'webhook' },
  replayDelivery: {
    names: 'delivery',
    pathOf: (id, own) => `/v1/webhooks/${own.webhook}/deliveries/${id}/replay`,
  },
  createKey: 'nothing',
  listKeys: 'nothing',
  rotateKey: { names: 'key' },
  revokeKey: { names: 'key' },
  adminCreateTenant: 'operator',
  adminListTenants: 'operator',
  adminGetTenant: 'operator',
  adminUpdateTenant: 'operator',
  adminSuspendTenant: 'operator',
  adminResumeTenant: 'operator',
  adminDeleteTenant: 'operator',
  adminSetGrants: 'operator',
  adminGetPromptPolicy: 'operator',
  adminPutPromptPolicy: 'operator',
  adminCreateKey: 'operator',
  adminListKeys: 'operator',
  adminRotateKey: 'operator',
  adminRevokeKey: 'operator',
  adminListPlans: 'operator',
  adminPutPlan: 'operator',
  adminDeletePlan: 'operator',
  adminListAliases: 'operator',
  adminPutAlias: 'operator',
  adminDeleteAlias: 'operator',
  adminGetUsage: 'operator',
  adminGetCosts: 'operator',
  adminCloseCosts: 'operator',
  adminListPools: 'operator',
  adminGetPool: 'operator',
  adminPausePool: 'operator',
  adminResumePool: 'operator',
  adminDrainPool: 'operator',
  adminPrewarmPool: 'operator',
  adminListFleet: 'operator',
  adminReadMetrics: 'operator',
  adminListJobs: 'operator',
  adminGetJob: 'operator',
  adminRefundJob: 'operator',
  adminListLedger: 'operator',
};

/**
 * What a route may name in its path and yet name no record of a tenant: the parameter with the word before it, and why. Any
 * other parameter of a row that says `nothing` is an id whose row would be missing above.
 */
const namesNoRecord: Readonly<Record<string, string>> = {
  'models/{id}': 'a model of the operator; grants say who may use it',
  'v2/{endpoint}': 'a model, in the words of RunPod',
  'models/{owner}': 'one word for everybody: all models have the same owner',
  'deployments/{owner}': 'as above',
  'run/{owner}': 'as above',
  'queue/{owner}': 'as above',
  '{owner}/{model}': 'a model',
  '{owner}/{deployment}': 'a model or an alias of the operator',
  'versions/{version}': 'a revision of a model',
  'streams/{pass}': 'a signed pass, for whoever has it: "opens to its pass alone, for fifteen minutes"',
  'outputs/{pass}': 'a signed pass: "opens to its pass alone, and to the one output, for fifteen minutes"',
  '{pass}/{name}': 'the one output that the pass opens',
  'files/{pass}': 'a signed pass: "opens nothing by another pass, or one that has ended"',
  'keys/{tenant}':
    'public keys, derived for any name: "answers for whoever is named, with keys of their own"',
};

const named = Object.entries(fence).flatMap(([id, row]) =>
  typeof row === 'string' ? [] : [[id, row] as const],
);
const guarded = routeList.flatMap((route) => (route.scope === null ? [] : [[route.id, route] as const]));
const operators = routeList.filter(({ id }) => rowOf(id) === 'operator');

const missing: Objects = {
  job: 'job_00000000000000000000000000',
  failed: 'job_00000000000000000000000000',
  key: 'zzzzzzzz',
  webhook: 'whe_00000000000000000000000000',
  delivery: 'whd_00000000000000000000000000',
  adapter: 'adapter_00000000000000000000000000',
  file: 'file_00000000000000000000000000',
  batch: 'batch_00000000000000000000000000',
};
const malformed = [
  'x',
  '%2e%2e',
  '..%2fkeys',
  '__proto__',
  'constructor',
  'a%00b',
  'T%23tenant-b',
  '%F0%9F%97%BC',
  'x'.repeat(300),
] as const;

describe('an object of another tenant', () => {
  it.each(named)('answers %s as a missing and as a malformed id does, to the byte', async (id, row) => {
    const { scene, foreign, theirs } = await twoTenants();

    const own = await ask(scene, id, row, scene.own[row.names]);
    const looks = [foreign[row.names], missing[row.names], ...malformed];
    const answers = await Promise.all(looks.map((each) => ask(scene, id, row, each)));

    expect(own.status).toBeLessThan(400);
    expect(answers.map(({ status }) => status)).toEqual(looks.map(() => 404));
    expect(new Set(answers.map(bytesOf)).size).toBe(1);
    // And it is as it was: its owner finds it there.
    const owner = { ...scene, own: foreign, key: theirs };
    expect((await ask(owner, id, row, foreign[row.names])).status).toBeLessThan(400);
  });

  it('is in no list', async () => {
    const { scene, foreign } = await twoTenants();

    const lists = await Promise.all(
      [
        '/v1/jobs',
        '/v1/keys',
        '/v1/adapters',
        '/v1/files',
        '/v1/batches',
        '/v1/webhooks',
        '/v1/webhooks/default/deliveries',
        '/v1/usage',
        '/replicate/v1/predictions',
      ].map((path) => scene.sendRaw('GET', path, { key: scene.key })),
    );

    for (const { status, text } of lists) {
      expect(status).toBe(200);
      for (const id of Object.values(foreign)) expect(text).not.toContain(id);
    }
  });
});

describe('a route that names no object of a tenant', () => {
  const unnamed = routeList.filter(({ id }) => rowOf(id) === 'nothing').map(({ id, path }) => ({ id, path }));

  it('has no parameter in its path that could', () => {
    const unexplained = unnamed.flatMap(({ id, path }) =>
      parametersOf(path)
        .filter((parameter) => namesNoRecord[parameter] === undefined)
        .map((parameter) => `${id}: ${parameter}`),
    );

    expect(unexplained).toEqual([]);
  });

  it('is one of a list without idle entries', () => {
    const used = new Set(unnamed.flatMap(({ path }) => parametersOf(path)));

    expect(Object.keys(namesNoRecord).filter((parameter) => !used.has(parameter))).toEqual([]);
  });

  it.each([
    ['/v1/jobs/{id}', ['jobs/{id}']],
    ['/runpod/v2/{endpoint}/status/{id}', ['status/{id}']],
    ['/v1/webhooks/{id}/deliveries/{delivery}/replay', ['webhooks/{id}', 'deliveries/{delivery}']],
    ['/status/{task_id}', ['status/{task_id}']],
  ])('would be caught if it were %s', (path, caught) => {
    expect(parametersOf(path).filter((parameter) => namesNoRecord[parameter] === undefined)).toEqual(caught);
  });
});

describe('a key', () => {
  it.each(guarded)('opens %s with its scope and with no other', async (_id, route) => {
    const scene = await createApiScene();

    const opened: Scope[] = [];
    for (const scope of scopes) {
      const key = await scene.addKey('tenant-a', [scope]);
      const { status } = await scene.sendRaw(route.method, pathFor(route, 'x'), {
        key,
        body: bodyFor(route),
      });
      if (status !== 403) opened.push(scope);
    }

    expect(opened).toEqual([route.scope]);
  });

  it('of a tenant, with every scope it may have, opens nothing of the operator, whoever is named', async () => {
    const { scene } = await twoTenants();
    const key = await scene.addKey('tenant-a', tenantScopes);

    const answers = await Promise.all(
      operators.flatMap((route) =>
        ['tenant-a', 'tenant-b', 'nobody', '__proto__'].map((id) =>
          scene.sendRaw(route.method, pathFor(route, id), { key, body: bodyFor(route) }),
        ),
      ),
    );

    expect(operators.length).toBeGreaterThan(15);
    expect(new Set(answers.map(bytesOf)).size).toBe(1);
    expect(answers[0]?.json.error).toMatchObject({ code: 'missing_scope' });
  });
});

/** Each parameter of a path with the part before it: `jobs/{id}`. */
function parametersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.flatMap((part, at) => (part.startsWith('{') ? [`${parts[at - 1]}/${part}`] : []));
}

function rowOf(id: string): Row | undefined {
  return new Map<string, Row>(Object.entries(fence)).get(id);
}

/** Two tenants, each with a finished job and a second key. */
async function twoTenants() {
  const scene = await createApiScene();
  await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
  const [ours, theirs] = [
    await scene.addKey('tenant-a', tenantScopes),
    await scene.addKey('tenant-b', tenantScopes),
  ];
  const foreign = await objectsOf(scene, 'tenant-b', theirs);
  const own = await objectsOf(scene, 'tenant-a', ours);
  return { scene: { ...scene, own, key: ours }, foreign, theirs };
}

/** A job that succeeded and one that failed, a second key, an adapter, a file with a batch, and a webhook with a message that was given up. */
async function objectsOf(scene: ApiScene, tenantId: string, key: string): Promise<Objects> {
  const send = async (path: string, body: unknown) => (await scene.sendRaw('POST', path, { key, body })).json;
  const job = await send('/v1/jobs', { model: 'fake-image', input: { prompt: tenantId } });
  const failed = await send('/v1/jobs', { model: 'fake-image', input: { prompt: 'failing' } });
  const made = await send('/v1/keys', {});
  const webhook = await send('/v1/webhooks', { url: 'https://hooks.example/' });
  const adapter = await send('/v1/adapters', offerOf(loraFile()));
  scene.adapterFiles.upload(adapter.upload, loraFile());
  await send(`/v1/adapters/${adapter.id}/complete`, undefined);
  await endedWith(scene, tenantId, job.id);
  await endedWith(scene, tenantId, failed.id, 'failed');
  const lines = { filename: 'lines.jsonl', purpose: 'batch', bytes: 1, sha256: '0'.repeat(64) };
  const file = await send('/v1/files', lines);
  const asked = { input_file_id: file.id, endpoint: '/v1/jobs', completion_window: '24h' };
  const batch = await send('/v1/batches', asked);
  const endpoint = await scene.endpoints.get(tenantId, webhook.id);
  if (endpoint === null) throw new Error('the webhook was made just now');
  const delivery = givenUp(testDelivery(endpoint, 1, tenantId), 'exhausted', scene.clock.nowMs());
  await scene.deliveries.put({ ...delivery, version: 1 });
  const { deliveryId } = delivery;
  const ofHooks = { webhook: webhook.id, delivery: deliveryId };
  return {
    ...ofHooks,
    job: job.id,
    failed: failed.id,
    key: made.key.id,
    adapter: adapter.id,
    file: file.id,
    batch: batch.id,
  };
}

/** The job as a worker ends it, with one file. */
async function endedWith(
  scene: ApiScene,
  tenantId: string,
  jobId: string,
  status: 'succeeded' | 'failed' = 'succeeded',
): Promise<void> {
  const job = await scene.jobs.get(tenantId, jobId);
  if (job === null) throw new Error(`there is no job ${jobId}`);
  const path = `jobs/${jobId}/0/0.png`;
  await scene.blobs.put(tenantId, path, Buffer.from('picture'), 'image/png');
  const output = { type: 'image', path, contentType: 'image/png', bytes: 7, sha256: '0'.repeat(64) } as const;
  const finishedAtMs = scene.clock.nowMs();
  const patch = { status, place: { kind: 'done' }, finishedAtMs } as const;
  await scene.jobs.apply(tenantId, jobId, { attempt: 0, place: 'line' }, { ...patch, outputs: [output] });
}

function ask(
  scene: Pick<ApiScene, 'sendRaw' | 'key'> & { readonly own: Objects },
  id: string,
  row: Named,
  name: string,
): Promise<Got> {
  const route = routeList.find((each) => each.id === id);
  if (route === undefined) throw new Error(`there is no route ${id}`);
  const path = row.pathOf?.(name, scene.own) ?? pathFor(route, name);
  return scene.sendRaw(route.method, path, {
    key: scene.key,
    ...(row.bodyOf === undefined ? {} : { body: row.bodyOf(decodeURIComponent(name)) }),
    ...(row.body === undefined ? {} : { body: row.body }),
  });
}

function pathFor({ path }: Route, id: string): string {
  return path.replaceAll(/\{[^}]+\}/g, id);
}

/** No body where none is taken; an empty one is refused elsewhere, but only after the key was looked at. */
function bodyFor({ body }: Route): unknown {
  return body === undefined ? undefined : {};
}

/** The whole answer but the id of the request, and of its trace. */
function bytesOf({ status, headers, text }: Got): string {
  const id = headers['x-request-id'] ?? '';
  return JSON.stringify({ status, headers, text })
    .replaceAll(id, 'ID')
    .replaceAll(/[0-9a-f]{32}/g, 'TRACE');
}
