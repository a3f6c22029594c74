/** Objects that are there when the requests come: without them every look-up would answer 404 and show nothing. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { uploadSchema } from '#core/dialects/fal/upload.ts';

/** What `checks.py` reads. */
export interface Facts {
  /** Per operation the path parameters of objects that are there. */
  readonly paths: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;
  /** Per operation what a valid body holds, of the fields that it has. */
  readonly bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Ids of what the run itself stands on: its tenants and keys. */
  readonly protected: readonly string[];
  /** The one port that a tenant may be given. */
  readonly freePort: number;
}

export interface Seeded {
  readonly facts: Facts;
  /** Key of a tenant with every scope that a tenant's key can have. */
  readonly tenantKey: string;
}

interface Asker {
  readonly url: string;
  readonly key: string;
}

const createdSchema = z.object({ key: z.object({ id: z.string(), secret: z.string() }) });
const idSchema = z.object({ id: z.string() });
const offeredSchema = z.object({
  id: z.string(),
  upload: z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }),
});
const deliveriesSchema = z.object({ data: z.array(z.object({ status: z.string() })) });
const jobSchema = z.object({ id: z.string(), status: z.literal('succeeded') });

const victims = ['victim-1', 'victim-2', 'victim-3', 'victim-4'] as const;
/** The one model of the local stack that takes adapters. */
const adaptedModel = 'pilotlight-shapes';
const fakeJob = { model: 'fake', input: { prompt: 'a lighthouse', steps: 1 } };
const fakeChat = { model: 'fake-chat', messages: [{ role: 'user', content: 'a lighthouse' }] };
const alias = { versions: [{ version: 'shapes', weight: 100 }] };
/** Where nobody listens on this machine. */
const nobodysUrl = 'http://127.0.0.1:1/';
/** Room for every submission of a long run. */
const roomy = { open_jobs_max: 500, requests_per_second: 10_000, requests_per_minute: 100_000 };

/** Seeds over HTTP alone, with the operator's key. */
export async function seed(url: string, adminKey: string): Promise<Seeded> {
  const admin = { url, key: adminKey };
  const own = await addTenant(admin, 'contract');
  const tenant = { url, key: own.key.secret };
  const ownKeys = [];
  for (let count = 0; count < 4; count += 1)
    ownKeys.push((await ask(tenant, 'POST', '/v1/keys', {}, createdSchema)).key.id);
  const jobs = await Promise.all([finishedJob(tenant), finishedJob(tenant), finishedJob(tenant)]);
  const hooks = await webhooks(tenant);
  const loras = await Promise.all([1, 2, 3, 4].map((rank) => uploadedLora(tenant, rank)));
  const lines = await Promise.all([1, 2, 3].map(() => announcedFile(tenant)));
  const failed = await Promise.all([failedJob(tenant), failedJob(tenant)]);
  const batches = await Promise.all(lines.slice(0, 2).map((id) => batchOf(tenant, id)));
  batches.push(await cancelledBatch(tenant, lines[2] ?? ''));
  const theirs = [];
  for (const id of victims) theirs.push(await victim(admin, id));
  for (const name of ['own-1', 'own-2', 'own-3']) {
    await ask(admin, 'PUT', `/admin/v1/plans/${name}`, { weight: 1, open_jobs_max: 5 }, z.unknown());
    await ask(admin, 'PUT', `/admin/v1/aliases/pilotlight/${name}`, alias, z.unknown());
  }
  const freePort = await findFreePort();
  return {
    tenantKey: own.key.secret,
    facts: {
      paths: {
        ...tenantPaths(jobs, ownKeys),
        ...runpodPaths(jobs, failed),
        ...(await dialectPaths(tenant, jobs)),
        ...webhookPaths(hooks),
        ...adapterPaths(loras),
        ...batchPaths(lines, batches),
        ...adminPaths(theirs),
      },
      bodies: {
        submitJob: fakeJob,
        createChatCompletion: fakeChat,
        createCompletion: { model: 'fake-chat', prompt: 'a lighthouse' },
        createImage: { model: 'fake', prompt: 'a lighthouse', size: 'auto', n: 1 },
        generate: { model: 'fake', prompt: 'a lighthouse', size: 512, num_inference_steps: 1 },
        runpodRun: { input: fakeJob.input, webhook: nobodysUrl },
        runpodRunSync: { input: fakeJob.input, webhook: nobodysUrl },
        replicateCreatePrediction: { version: 'fake', input: fakeJob.input },
        replicateCreateModelPrediction: { input: fakeJob.input },
        replicateCreateDeploymentPrediction: { input: fakeJob.input },
        falRun: fakeJob.input,
        falStream: fakeJob.input,
        falSubmit: fakeJob.input,
        createWebhook: { url: nobodysUrl },
        createAdapter: { model: adaptedModel },
        createBatch: { input_file_id: lines[0], endpoint: '/v1/jobs', completion_window: '24h' },
        adminPutAlias: alias,
        adminSetGrants: { models: ['fake'] },
      },
      protected: ['operator', 'contract', own.key.id, keyIdOf(adminKey)],
      freePort,
    },
  };
}

/** Its file is there, so that completing it can succeed. */
async function uploadedLora(tenant: Asker, rank: number): Promise<string> {
  const file = loraFile(rank);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const offer = { name: `rank ${rank}`, model: adaptedModel, bytes: file.byteLength, sha256 };
  const { id, upload } = await ask(tenant, 'POST', '/v1/adapters', offer, offeredSchema);
  const checksum = upload.headers['x-amz-checksum-sha256'] ?? '';
  const headers = { 'x-amz-checksum-sha256': checksum };
  const put = await fetch(upload.url, { method: 'PUT', headers, body: Uint8Array.from(file) });
  if (!put.ok) throw new Error(`the store answered ${put.status} to the file of an adapter`);
  return id;
}

/** Its bytes never come: batches of it fail, and can be read. */
async function announcedFile(tenant: Asker): Promise<string> {
  const sha256 = createHash('sha256').update('never sent').digest('hex');
  const file = { filename: 'lines.jsonl', purpose: 'batch', bytes: 10, sha256 };
  return (await ask(tenant, 'POST', '/v1/files', file, idSchema)).id;
}

async function batchOf(tenant: Asker, input_file_id: string): Promise<string> {
  const asked = { input_file_id, endpoint: '/v1/jobs', completion_window: '24h' };
  return (await ask(tenant, 'POST', '/v1/batches', asked, idSchema)).id;
}

/** To cancel it again is answered as the first time. It may fail before it is cancelled, and then another one is made. */
async function cancelledBatch(tenant: Asker, input_file_id: string): Promise<string> {
  for (let tries = 0; tries < 5; tries += 1) {
    const id = await batchOf(tenant, input_file_id);
    const headers = { authorization: `Bearer ${tenant.key}` };
    const answer = await fetch(`${tenant.url}/v1/batches/${id}/cancel`, { method: 'POST', headers });
    if (answer.ok) return id;
  }
  throw new Error('no batch could be cancelled');
}

/** The last file is there to be deleted, the last batch to be cancelled once more. */
function batchPaths(files: readonly string[], batches: readonly string[]): Facts['paths'] {
  const ofFile = files.map((id) => ({ id }));
  const ofBatch = batches.map((id) => ({ id }));
  return {
    getFile: ofFile.slice(0, 2),
    getFileContent: ofFile.slice(0, 2),
    deleteFile: ofFile.slice(2),
    getBatch: ofBatch,
    cancelBatch: ofBatch.slice(2),
  };
}

/** Two to be read, one to be completed and read, one to be deleted. */
function adapterPaths(ids: readonly string[]): Facts['paths'] {
  const paths = ids.map((id) => ({ id }));
  return { getAdapter: paths.slice(0, 3), completeAdapter: paths.slice(2, 3), deleteAdapter: paths.slice(3) };
}

interface Hook {
  readonly id: string;
  /** Of a test that got through, so that it can be replayed. */
  readonly delivery: string;
}

/** One for each route that changes a webhook, and one to be read, told of their tests by a receiver that takes them all. */
async function webhooks(tenant: Asker): Promise<Hook[]> {
  const receiver = createHttpServer((_request, response) => response.writeHead(204).end());
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  // It takes replays for as long as the run lasts, and does not make it last.
  receiver.unref();
  const url = `http://127.0.0.1:${portOf(receiver)}/`;
  return Promise.all(
    ['read', 'rotated', 'tested', 'tested', 'deleted', 'deleted'].map(() => webhook(tenant, url)),
  );
}

async function webhook(tenant: Asker, url: string): Promise<Hook> {
  const { id } = await ask(tenant, 'POST', '/v1/webhooks', { url }, idSchema);
  const { id: delivery } = await ask(tenant, 'POST', `/v1/webhooks/${id}/test`, undefined, idSchema);
  const path = `/v1/webhooks/${id}/deliveries`;
  for (;;) {
    const { data } = await ask(tenant, 'GET', path, undefined, deliveriesSchema);
    if (data.every(({ status }) => status === 'delivered')) return { id, delivery };
    await delay(100);
  }
}

function webhookPaths(hooks: readonly Hook[]): Facts['paths'] {
  const [read, rotated, ...others] = hooks;
  if (read === undefined || rotated === undefined) return {};
  const ids = others.map(({ id }) => ({ id }));
  const ofHook = [read, rotated].map(({ id }) => ({ id }));
  return {
    getWebhook: ofHook,
    // One test at a time, and a replay of one is a test under way.
    testWebhook: ids.slice(0, 2),
    listDeliveries: ofHook,
    replayDelivery: [read, rotated].map(({ id, delivery }) => ({ id, delivery })),
    rotateWebhook: [{ id: rotated.id }],
    deleteWebhook: ids.slice(2),
  };
}

interface Victim {
  readonly id: string;
  readonly keys: readonly string[];
  readonly job: string;
}

async function victim(admin: Asker, id: string): Promise<Victim> {
  const { key } = await addTenant(admin, id);
  const more = await ask(admin, 'POST', `/admin/v1/tenants/${id}/keys`, {}, createdSchema);
  return { id, keys: [key.id, more.key.id], job: await finishedJob({ url: admin.url, key: key.secret }) };
}

function addTenant(admin: Asker, id: string) {
  return ask(admin, 'POST', '/admin/v1/tenants', { id, plan: 'vip', ...roomy }, createdSchema);
}

async function finishedJob(asker: Asker): Promise<string> {
  return (await ask(asker, 'POST', '/v1/jobs?wait=30', fakeJob, jobSchema)).id;
}

/** To be submitted once more. */
async function failedJob(asker: Asker): Promise<string> {
  const body = { ...fakeJob, input: { ...fakeJob.input, fault: 'error' } };
  return (await ask(asker, 'POST', '/v1/jobs?wait=30', body, idSchema)).id;
}

function runpodPaths(jobs: readonly string[], failed: readonly string[]): Facts['paths'] {
  const ofEndpoint = [{ endpoint: 'fake' }];
  const ofJob = jobs.map((id) => ({ endpoint: 'fake', id }));
  return {
    runpodRun: ofEndpoint,
    runpodRunSync: ofEndpoint,
    runpodStatus: ofJob,
    runpodStatusSync: ofJob,
    runpodStream: ofJob,
    runpodCancel: ofJob,
    retryJob: failed.map((id) => ({ id })),
    runpodRetry: failed.map((id) => ({ endpoint: 'fake', id })),
    runpodPurgeQueue: ofEndpoint,
    getTask: jobs.map((task_id) => ({ task_id })),
    runpodHealth: ofEndpoint,
  };
}

function tenantPaths(jobs: readonly string[], keys: readonly string[]): Facts['paths'] {
  const ofJob = jobs.map((id) => ({ id }));
  const ofKey = keys.map((id) => ({ id }));
  return {
    getJob: ofJob,
    followJob: ofJob,
    cancelJob: ofJob,
    getJobOutput: jobs.map((id) => ({ id, n: '0' })),
    getModel: [{ id: 'fake' }, { id: 'pilotlight-shapes' }],
    warmUpModel: [{ id: 'fake' }, { id: 'pilotlight-shapes' }],
    rotateKey: ofKey,
    revokeKey: ofKey,
  };
}

const predictionSchema = z.object({
  version: z.string(),
  output: z.array(z.string()),
  urls: z.object({ stream: z.url() }),
});

async function dialectPaths(tenant: Asker, jobs: readonly string[]): Promise<Facts['paths']> {
  const path = `/replicate/v1/predictions/${jobs[0]}`;
  const { version, output, urls } = await ask(tenant, 'GET', path, undefined, predictionSchema);
  const upload = { content_type: 'image/png', file_name: 'a.png' };
  const initiate = '/fal/rest/storage/upload/initiate';
  const { upload_url: uploadUrl } = await ask(tenant, 'POST', initiate, upload, uploadSchema);
  const model = { owner: 'pilotlight', model: 'fake' };
  const ofJob = jobs.map((id) => ({ id }));
  const ofRequest = jobs.map((id) => ({ ...model, id }));
  return {
    replicateCreateModelPrediction: [model],
    replicateCreateDeploymentPrediction: [{ owner: model.owner, deployment: model.model }],
    replicateGetPrediction: ofJob,
    replicateCancelPrediction: ofJob,
    replicateReadOutput: output.map((link) => {
      const [pass = '', name = ''] = link.split('/').slice(-2);
      return { pass, name };
    }),
    replicateStreamPrediction: [{ pass: urls.stream.split('/').at(-1) ?? '' }],
    replicateGetModel: [model],
    replicateListVersions: [model],
    replicateGetVersion: [{ ...model, version }],
    falRun: [model],
    falStream: [model],
    falSubmit: [model],
    falGetStatus: ofRequest,
    falStreamStatus: ofRequest,
    falGetResult: ofRequest,
    falCancel: ofRequest,
    falUpload: [{ pass: uploadUrl.split('/').at(-1) ?? '' }],
    falGetKeys: [{ tenant: 'contract' }],
  };
}

/** Two victims stay as they are for those that read and change; one is suspended, one deleted. */
function adminPaths([first, second, third, fourth]: readonly Victim[]): Facts['paths'] {
  const living = [first, second].flatMap((each) => (each === undefined ? [] : [each]));
  const ofTenant = living.map(({ id }) => ({ id }));
  const ofKey = living.flatMap(({ id, keys }) => keys.map((key) => ({ id, key })));
  const ofJob = living.map(({ id, job }) => ({ id, job }));
  const ofPool = [{ pool: 'fake' }];
  const byTenant = Object.fromEntries(
    [
      'adminGetTenant adminUpdateTenant adminSetGrants adminGetPromptPolicy adminPutPromptPolicy',
      'adminCreateKey adminListKeys adminListJobs adminListLedger',
    ].flatMap((names) => names.split(' ').map((name) => [name, ofTenant])),
  );
  const byPool = Object.fromEntries(
    ['adminGetPool', 'adminPausePool', 'adminResumePool', 'adminDrainPool', 'adminPrewarmPool'].map(
      (name) => [name, ofPool],
    ),
  );
  return {
    ...byTenant,
    ...byPool,
    adminSuspendTenant: [{ id: third?.id ?? '' }],
    adminResumeTenant: [{ id: third?.id ?? '' }],
    adminDeleteTenant: [{ id: fourth?.id ?? '' }],
    adminRotateKey: ofKey,
    adminRevokeKey: ofKey,
    adminGetJob: ofJob,
    adminRefundJob: ofJob,
    adminPutPlan: [{ name: 'own-1' }],
    adminDeletePlan: [{ name: 'own-2' }, { name: 'own-3' }],
    adminPutAlias: [{ family: 'pilotlight', name: 'own-1' }],
    adminDeleteAlias: [
      { family: 'pilotlight', name: 'own-2' },
      { family: 'pilotlight', name: 'own-3' },
    ],
  };
}

async function ask<T>(
  { url, key }: Asker,
  method: string,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`seeding failed: ${method} ${path} answered ${answer.status}: ${text}`);
  return schema.parse(JSON.parse(text));
}

function keyIdOf(key: string): string {
  return key.split('_')[1] ?? '';
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
