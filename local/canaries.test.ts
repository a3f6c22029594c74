/**
 * What tenants and operators entrust to the platform is in their records, and nowhere else. Every input of every route gets
 * a text of its own, the requests go to the real stack, jobs end in every way that there is, and then everything that the
 * platform says is searched: what its processes print, every file that is no store, every queue and dead-letter queue,
 * every answer to anybody else, every message to a receiver of webhooks, the spans of recorded traces and the numbers.
 *
 * These may hold a canary: the two stores (`dynamodb/`, and the files of finished jobs), answers to the tenant who gave it
 * and to the operator, messages to a receiver that this tenant named, which carry the job as it reads it, and credentials files.
 * Logs name tenants, keys, jobs, pools and models by their ids, so a name that the operator gave to a tenant is in them: that
 * one is looked for in every other place. Spans are lines here; `aws/xray-spans.test.ts` holds what X-Ray gets to the same.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { GetQueueUrlCommand, ListQueuesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { localDeadLetterName, localQueueName, queueSettings } from '#aws/resources.ts';
import { safetensorsFile } from '#core/adapter/file-under-test.ts';
import type { Route } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import { pngChunk, pngOf } from '#core/images/png-under-test.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { inputFor } from '#functions/api/schema-inputs.ts';
import { createCanaries } from './canaries.ts';
import type { CanaryReceiver } from './canary-receiver.ts';
import { startReceiver } from './canary-receiver.ts';
import { startEmulators } from './emulators.ts';

const longMs = 240_000;
const canaries = createCanaries();
const printed: string[] = [];
/** Route by what came of it, to see that each was reached. */
const reached = new Map<string, Set<number>>();
const answers: {
  readonly tenant: string;
  readonly what: string;
  readonly status: number;
  readonly text: string;
}[] = [];

let folder: string;
let dataDir: string;
let url: string;
let stack: ChildProcess;
const keys: Record<string, string> = {};
/** Names, not values: of a field that nobody knows, of a tenant that is there already, of an alias. */
const namedInErrors =
  /: \S+ (name of an unknown field|name of a query|deep name|metadata query name|(?:field )?\S+ \(name\)|name of a tenant)$|: adminPutAlias id in the path$/;
const bobsTerm = canaries.plant('bob', 'term');

let receiver: CanaryReceiver;
/** What a tenant itself reads of each of its jobs and batches. */
const told = new Map<string, string>();
/** Jobs whose end a receiver is to hear of. */
const hooked: string[] = [];
/** Jobs of recorded traces that ended in every way. */
const traced: string[] = [];

beforeAll(async () => {
  receiver = await startReceiver();
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-canaries-'));
  dataDir = join(folder, 'data');
  await startStack();
  await plantEverywhere();
  await runJobs();
  await runHookedJobs();
  await everyDelivery();
  await leaveOneWaiting();
  await readAsTenants();
  await stopStack();
}, longMs);

afterAll(() => {
  receiver.close();
  if (stack.exitCode === null && stack.signalCode === null) stack.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('what tenants entrust to the platform', () => {
  it('was given in every route, and every route was reached', () => {
    expect(routeList.filter(({ id }) => !reached.has(id)).map(({ id }) => id)).toEqual([]);
    // A route that only ever refuses would hold what it was given nowhere.
    const refusing = routeList.filter(
      ({ id }) => ![...(reached.get(id) ?? [])].some((status) => status < 400),
    );
    expect(refusing.map(({ id }) => id)).toEqual([]);
    expect(canaries.count()).toBeGreaterThan(1_000);
  });

  it('is in nothing that a process prints', () => {
    expect(printed.join('')).toContain('serves at');
    expect(leaksOf(printed.join(''))).toEqual([]);
  });

  it('is in no file but the stores', () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const others = files.filter((file) => !isStore(relative(dataDir, file)));

    expect(others.map((file) => relative(dataDir, file))).toContain('pilotlight.log');
    expect(readFileSync(join(dataDir, 'pilotlight.log'), 'utf8')).toMatch(/"event":"attempt.failed"/);
    for (const file of others) {
      expect([
        relative(dataDir, file),
        leaksOf(readFileSync(file, 'latin1')).filter((leak) => !isOwnKey(file, leak)),
      ]).toEqual([relative(dataDir, file), []]);
    }
  });

  it('is in no answer to another tenant', () => {
    const foreign = answers.flatMap(({ tenant, what, text }) =>
      canaries
        .found(text)
        .filter((found) => tenant !== 'operator' && found.tenant !== tenant)
        .map((found) => `${what} as ${tenant}: ${found.place}`),
    );

    expect(answers.length).toBeGreaterThan(500);
    expect(foreign).toEqual([]);
  });

  it('is in no error, which names the field at fault and never its value', () => {
    const told = answers
      .filter(({ status }) => status >= 400)
      .flatMap(({ what, text }) => canaries.found(text).map(({ place }) => `${what}: ${place}`))
      .filter((each) => !namedInErrors.test(each));

    expect(told).toEqual([]);
  });

  it('is in no answer to somebody without a key', () => {
    const told = answers
      .filter(({ tenant }) => tenant === 'nobody')
      .flatMap(({ text }) => canaries.found(text));

    expect(told).toEqual([]);
  });

  it('is told from other text in every spelling that it may come in', () => {
    const canary = canaries.plant('ada', 'the search itself');

    for (const text of [
      canary,
      canary.toUpperCase(),
      `x${canary}x`,
      btoa(JSON.stringify([canary, 1])),
      JSON.stringify({ a: `\n${canary}"` }),
    ]) {
      expect(leaksOf(text)).toHaveLength(1);
    }
  });

  it('is in no message of any queue or dead-letter queue', { timeout: longMs }, async () => {
    const messages = await everyMessage();

    expect(messages.dead.length).toBeGreaterThan(0);
    expect(leaksOf(JSON.stringify(messages))).toEqual([]);
  });
});

describe('what receivers of webhooks are sent', () => {
  it('came for jobs in every dialect, for a batch, and for both tenants', () => {
    const about = new Set(receiver.received.map((each) => each.about));

    expect(hooked.length).toBeGreaterThan(10);
    expect(hooked.filter((id) => !about.has(id))).toEqual([]);
    expect(new Set(receiver.received.map(({ path }) => addresseeOf(path)))).toEqual(new Set(['ada', 'bob']));
  });

  it('says of a job or batch what its tenant reads of it, and holds nothing else that was entrusted', () => {
    const others = receiver.received.flatMap(({ about, body, path }) => {
      // A prediction of Replicate's says where it is told, to who is told there.
      const own = new Set(
        canaries.found(`${told.get(about ?? '') ?? ''}${path}`).map(({ canary }) => canary),
      );
      return canaries.found(body).filter(({ canary }) => !own.has(canary));
    });

    expect(others).toEqual([]);
    // So that the search is one: input and metadata are of what a tenant reads.
    const places = receiver.received.flatMap(({ body }) => canaries.found(body).map(({ place }) => place));
    expect(places).toContainEqual(expect.stringMatching(/prompt/));
    expect(places).toContainEqual(expect.stringMatching(/metadata$/));
  });

  it('goes to the address that its tenant named, and holds nothing of another tenant', () => {
    const strange = receiver.received.flatMap(({ path, headers, body }) =>
      canaries.found(`${path}\n${headers}\n${body}`).filter(({ tenant }) => tenant !== addresseeOf(path)),
    );

    expect(strange).toEqual([]);
    expect(receiver.received.filter(({ path }) => !isOneAddress(path))).toEqual([]);
  });

  it('holds nothing in its headers', () => {
    expect(receiver.received.flatMap(({ headers }) => canaries.found(headers))).toEqual([]);
  });
});

describe('what is told of how the platform fares', () => {
  it('has a span of each attempt of the recorded traces, and nothing that was entrusted in any', () => {
    const lines = readFileSync(join(dataDir, 'pilotlight.log'), 'utf8').split('\n');
    const spans = lines.filter((line) => line.includes('"event":"attempt.span"'));
    const outcomes = new Set(spans.map((line) => /"outcome":"(\w+)"/.exec(line)?.[1]));

    expect(traced.filter((id) => !spans.some((line) => line.includes(id)))).toEqual([]);
    expect([...outcomes].toSorted()).toEqual(['canceled', 'failed', 'returned', 'succeeded']);
    expect(spans.flatMap((line) => canaries.found(line))).toEqual([]);
  });

  it('has nothing that was entrusted in the numbers, after every job', () => {
    const numbers = answers.findLast(({ what }) => what === 'GET /admin/v1/metrics')?.text ?? '';

    expect(numbers).toMatch(/pilotlight_jobs_ended_total\{[^}]*\} \d/);
    expect(canaries.found(numbers)).toEqual([]);
  });
});

/** Who named this address: its path holds what that tenant planted. */
function addresseeOf(path: string): string | undefined {
  return canaries.found(path)[0]?.tenant;
}

/** One path and, at most, one query, as one of the webhooks has them. */
function isOneAddress(path: string): boolean {
  const [first, second, ...more] = canaries.found(path).map(({ place }) => place);
  const isQuery = second === undefined || second.endsWith('query of a webhook');
  return first?.endsWith('path of a webhook') === true && isQuery && more.length === 0;
}

/** Where records and results are, by design. */
function isStore(file: string): boolean {
  return /^(dynamodb|s3|s3-objects|compile-cache)\//.test(file) || /\.(db|sqlite)(-wal|-shm)?$/.test(file);
}

/** The operator's key and that of the first tenant are handed over in a file of mode 0600. */
function isOwnKey(file: string, leak: string): boolean {
  return file === join(dataDir, 'credentials.json') && leak.startsWith('a key: ');
}

/** What a text must not hold; the names of tenants excepted, where a log says who it is about. */
function leaksOf(text: string): string[] {
  return canaries
    .found(text)
    .filter(({ canary, place }) => !(place.endsWith(' name of a tenant') && onlyAsName(text, canary)))
    .map(({ place, canary }) => `${place}: ${aroundOf(text, canary)}`);
}

function onlyAsName(text: string, canary: string): boolean {
  return !text.replaceAll(new RegExp(`"tenantId":"${canary}"|--${canary}`, 'g'), '').includes(canary);
}

function aroundOf(text: string, canary: string): string {
  const at = text.indexOf(canary);
  return at === -1 ? '(in another spelling)' : text.slice(Math.max(0, at - 120), at + 60);
}

async function startStack(): Promise<void> {
  const args = [
    '--port',
    '0',
    '--data',
    dataDir,
    '--no-first-job',
    '--allow-local-webhooks',
    '--idle-timeout',
    '60',
    '--max-workers',
    '1',
  ];
  stack = spawn(process.execPath, [join(dirname(import.meta.dirname), 'local', 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [stack.stdout, stack.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => printed.push(text));
  }
  await until(async () => printed.join('').includes('serves at'));
  url = /serves at (\S+)/.exec(printed.join(''))?.[1] ?? '';
  const credentials = JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8'));
  keys.operator = credentials.admin_key;
  for (const tenant of ['ada', 'bob']) {
    const made = await ask('operator', 'POST', '/admin/v1/tenants', { body: { id: tenant, plan: 'vip' } });
    keys[tenant] = JSON.parse(made.text).key.secret;
  }
  // Before the first request of the tenant, which is remembered with its policy for a while.
  const policy = { mode: 'block', terms: [bobsTerm] };
  await ask('operator', 'PUT', '/admin/v1/tenants/bob/prompt-policy', { body: policy });
  for (const [tenant, key] of Object.entries(keys)) canaries.watch(key, tenant, 'a key');
}

async function stopStack(): Promise<void> {
  stack.kill('SIGTERM');
  await once(stack, 'exit');
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    if (stack.exitCode !== null) throw new Error(`the stack ended: ${printed.join('')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Asked {
  readonly body?: unknown;
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly route?: string;
}

/** Sends one request as the tenant (or with no key, as nobody) and keeps the answer. */
async function ask(
  tenant: string,
  method: string,
  path: string,
  { body, raw, headers = {}, route }: Asked = {},
) {
  const key = keys[tenant];
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const got = await fetch(new URL(path, url), {
    method,
    redirect: 'manual',
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  });
  const whole = `${JSON.stringify([...got.headers])}\n${await got.text()}`;
  // The secret of a new key or webhook is told this once; whatever says it again is a leak.
  const isMaking = got.status === 201 || path.endsWith('/rotate') || path.endsWith('/secret');
  const secretForm = /plk_[0-9a-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|whsec_[0-9A-Za-z+/=]+/;
  const secret = isMaking ? secretForm.exec(whole)?.[0] : undefined;
  if (secret !== undefined) canaries.watch(secret, 'the platform', `the secret of ${method} ${path}`);
  answers.push({
    tenant,
    what: `${method} ${path}`,
    status: got.status,
    text: secret === undefined ? whole : whole.replace(secret, ''),
  });
  if (route !== undefined) reached.set(route, (reached.get(route) ?? new Set()).add(got.status));
  return { status: got.status, text: whole.slice(whole.indexOf('\n') + 1) };
}

/** Every route: its own inputs, foreign ones, malformed ones. */
async function plantEverywhere(): Promise<void> {
  // Long enough to cost something: what costs nothing cannot be refunded.
  const job = await submitted('ada', { prompt: 'a lighthouse', steps: 2, step_ms: 20 });
  await ended('ada', job);
  for (const route of routeList) {
    const tenant = route.scope === 'admin' ? 'operator' : 'ada';
    const plant = (place: string) => canaries.plant(tenant, `${route.id} ${place}`);
    const { path, accepted } = await aimedAt(route, job, plant);
    await ask(tenant, route.method, path, { route: route.id, headers: headersOf(route, plant), ...accepted });
    for (const asked of hostile(route, plant)) {
      await ask(tenant, route.method, `${path.split('?')[0]}${asked.query ?? ''}`, {
        route: route.id,
        ...asked,
      });
    }
    const lost = route.path.replaceAll(/\{[^}]+\}/g, () => plant('id in the path'));
    await ask(tenant, route.method, lost, { route: route.id, ...accepted });
    const strangers = ['bob', 'nobody'].map((stranger) => {
      const headers = headersOf(route, (place) => canaries.plant(stranger, place));
      return ask(stranger, route.method, lost, { headers });
    });
    const wrong = wrongKeys(plant).map((authorization) =>
      ask('nobody', route.method, route.path, { headers: { authorization } }),
    );
    await Promise.all([...strangers, ...wrong]);
  }
  await sayNonsense(canaries.plant('nobody', 'a broken request line'));
}

/** The path of objects that there are, and a body that is taken, with a canary wherever it holds a text. */
async function aimedAt(route: Route, job: string, plant: (place: string) => string) {
  const isOfTenants = route.path.startsWith('/admin/v1/tenants/');
  const fresh = isOfTenants && !route.path.includes('{job}') ? await newTenant() : null;
  // Only what failed can be submitted once more.
  const ownRetried = route.id === 'runpodRetry' || route.id === 'retryJob' ? await failedJob(plant) : '';
  const ownKey = route.path.startsWith('/v1/keys/{id}') ? await newKey() : '';
  const hook = route.path.startsWith('/v1/webhooks/{id}') ? await newWebhook(route, plant) : null;
  const ownAdapter = route.path.startsWith('/v1/adapters/{id}') ? await newAdapter(plant) : '';
  const ownFile = route.path.startsWith('/v1/files/{id}') ? await newFile(plant) : '';
  const ownBatch = route.path.startsWith('/v1/batches/{id}') ? await newBatch(plant) : '';
  const inputFile = route.id === 'createBatch' ? await newFile(plant) : '';
  const [pass = '', outputName = 'mine'] = route.path.includes('{pass}') ? await passOf(route, job) : [];
  const names: Record<string, string> = {
    id: isOfTenants
      ? (fresh?.id ?? 'ada')
      : route.path.startsWith('/v1/models')
        ? 'fake'
        : ownRetried || ownKey || ownAdapter || ownFile || ownBatch || (hook?.id ?? job),
    delivery: hook?.delivery ?? '',
    key: fresh?.key ?? '',
    job,
    pool: 'fake',
    endpoint: 'fake',
    task_id: job,
    name: route.path.includes('{family}') ? 'stable' : outputName,
    family: 'fake',
    n: '0',
    owner: 'pilotlight',
    model: 'fake',
    deployment: 'fake',
    version: route.path.includes('{version}') ? await versionOf('fake') : '',
    tenant: 'ada',
    pass,
  };
  const path = route.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => names[name] ?? '');
  const body = inputFile === '' ? bodies[route.id]?.(plant) : batchOf(inputFile, plant);
  const query = route.id === 'adminCloseCosts' ? '?month=2025-01' : '';
  if (route.isFile === true) return { path, accepted: pictureWith(plant('text of a picture')) };
  return { path: path + query, accepted: body === undefined ? emptyBody(route) : { body } };
}

/** As pictures carry words: in a piece of their own. */
function pictureWith(text: string): Asked {
  const chunks = [pngChunk('tEXt', Buffer.from(`Comment\0${text}`))];
  const raw = new Uint8Array(pngOf({ width: 8, height: 8, chunks }));
  return { raw, headers: { 'content-type': 'image/png' } };
}

/** An empty body where the route takes one that may be empty. */
function emptyBody({ body }: Route): Asked {
  return body?.safeParse({}).success === true ? { body: {} } : {};
}

/** Bodies that are taken; what a schema alone cannot know: which plans, models and versions there are. */
const bodies: Record<string, (plant: (place: string) => string) => unknown> = {
  submitJob: (plant) => ({
    model: 'fake',
    input: { prompt: plant('prompt'), steps: 1, step_ms: 1 },
    metadata: { [plant('name in metadata')]: plant('metadata') },
    webhook: { url: hookUrl(plant) },
  }),
  createChatCompletion: (plant) => ({
    model: 'fake-chat',
    messages: [{ role: 'user', content: [{ type: 'text', text: plant('message of a chat') }] }],
    step_ms: 1,
    user: plant('user of a chat'),
    metadata: { [plant('name in metadata')]: plant('metadata') },
  }),
  createCompletion: (plant) => ({ model: 'fake-chat', prompt: plant('prompt'), step_ms: 1, stream: true }),
  createImage: (plant) => ({ model: 'fake', prompt: plant('prompt'), steps: 1, step_ms: 1 }),
  runpodRun: (plant) => ({
    input: { prompt: plant('prompt'), steps: 1, step_ms: 1 },
    webhook: hookUrl(plant),
  }),
  generate: (plant) => ({ model: 'fake', prompt: plant('prompt'), steps: 1, step_ms: 1 }),
  runpodRunSync: (plant) => ({ input: { prompt: plant('prompt'), steps: 1, step_ms: 1 } }),
  replicateCreatePrediction: (plant) => ({ version: 'fake', ...predictionOf(plant) }),
  replicateCreateModelPrediction: predictionOf,
  replicateCreateDeploymentPrediction: predictionOf,
  falInitiateUpload: (plant) => ({ content_type: 'image/png', file_name: plant('name of a file of fal') }),
  falRun: (plant) => predictionOf(plant).input,
  falStream: (plant) => predictionOf(plant).input,
  falSubmit: (plant) => predictionOf(plant).input,
  createAdapter: (plant) => offerOf(plant('name of an adapter'), plant('file of an adapter')),
  createFile: (plant) => ({
    filename: plant('name of a file'),
    purpose: 'batch',
    bytes: 1,
    sha256: createHash('sha256').update(plant('file')).digest('hex'),
  }),
  createKey: (plant) => ({ label: plant('label') }),
  createWebhook: (plant) => ({ url: hookUrl(plant) }),
  adminCreateKey: (plant) => ({ label: plant('label') }),
  adminCreateTenant: (plant) => ({ id: plant('name of a tenant'), plan: 'pro' }),
  adminUpdateTenant: () => ({ plan: 'pro' }),
  adminSetGrants: () => ({ models: ['fake'] }),
  adminPutPromptPolicy: (plant) => ({ mode: 'block', terms: [plant('term')] }),
  adminPutPlan: () => ({ weight: 2, open_jobs_max: 5 }),
  adminPutAlias: () => ({ versions: [{ version: '1', weight: 1 }] }),
  adminPrewarmPool: () => ({ workers: 0 }),
  adminRefundJob: (plant) => ({ reason: plant('reason') }),
};

function predictionOf(plant: (place: string) => string) {
  return { input: { prompt: plant('prompt'), steps: 1, step_ms: 1 }, webhook: hookUrl(plant) };
}

async function versionOf(model: string): Promise<string> {
  return JSON.parse((await ask('ada', 'GET', `/replicate/v1/models/pilotlight/${model}`)).text).latest_version
    .id;
}

/** As fal's client gets one, to put a picture by. */
async function uploadPass(): Promise<string> {
  const body = { content_type: 'image/png', file_name: 'a.png' };
  const { text } = await ask('ada', 'POST', '/fal/rest/storage/upload/initiate', { body });
  return JSON.parse(text).upload_url.split('/').at(-1);
}

/** By which Replicate's clients would follow the job, or read its output and under which name, as its record says. */
async function passOf(route: Route, job: string): Promise<string[]> {
  if (route.id === 'falUpload') return [await uploadPass()];
  const { urls, output } = JSON.parse((await ask('ada', 'GET', `/replicate/v1/predictions/${job}`)).text);
  const isOutput = route.path.includes('{name}');
  return isOutput ? output[0].split('/').slice(-2) : [urls.stream.split('/').at(-1)];
}

async function newTenant(): Promise<{ id: string; key: string }> {
  const id = `tenant-${answers.length}`;
  const made = JSON.parse(
    (await ask('operator', 'POST', '/admin/v1/tenants', { body: { id, plan: 'pro' } })).text,
  );
  return { id, key: made.key.id };
}

async function failedJob(plant: (place: string) => string): Promise<string> {
  const id = await submitted('ada', { prompt: plant('prompt'), fault: 'error' });
  await ended('ada', id);
  return id;
}

async function newKey(): Promise<string> {
  return JSON.parse((await ask('ada', 'POST', '/v1/keys', { body: {} })).text).key.id;
}

/** A LoRA that holds this text in its header. */
function fileWith(text: string): Uint8Array {
  const pair = { 'prompt.lora_A.weight': { shape: [1, 160] }, 'prompt.lora_B.weight': { shape: [160, 1] } };
  return safetensorsFile(pair, { title: text });
}

function offerOf(name: string, text: string) {
  const file = fileWith(text);
  const sha256 = createHash('sha256').update(file).digest('hex');
  return { name, model: 'pilotlight-shapes', bytes: file.byteLength, sha256 };
}

/** Uploaded, not checked. */
async function newAdapter(plant: (place: string) => string): Promise<string> {
  const text = plant('file of an adapter');
  const body = offerOf(plant('name of an adapter'), text);
  const { id, upload } = JSON.parse((await ask('ada', 'POST', '/v1/adapters', { body })).text);
  const headers = { 'x-amz-checksum-sha256': upload.headers['x-amz-checksum-sha256'] };
  const put = await fetch(upload.url, { method: 'PUT', headers, body: Uint8Array.from(fileWith(text)) });
  if (!put.ok) throw new Error(`the store refused the file: ${put.status}`);
  return id;
}

/** Lines that run, that cannot, and that fail. */
async function newFile(plant: (place: string) => string): Promise<string> {
  const line = (url: string, input: object) => ({
    custom_id: plant('id of a line'),
    method: 'POST',
    url,
    body: { model: 'fake', input: { prompt: plant('prompt of a line'), steps: 1, step_ms: 1, ...input } },
  });
  const lines = [line('/v1/jobs', {}), line('/v1/other', {}), line('/v1/jobs', { fault: 'error' })];
  const text = [...lines.map((each) => JSON.stringify(each)), plant('no line')].join('\n');
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new File([text], plant('name of a file')));
  const key = keys.ada;
  const headers = { authorization: `Bearer ${key}` };
  const made = await fetch(new URL('/v1/files', url), { method: 'POST', headers, body: form });
  const answer = await made.text();
  answers.push({ tenant: 'ada', what: 'POST /v1/files (form)', status: made.status, text: answer });
  return JSON.parse(answer).id;
}

function batchOf(inputFile: string, plant: (place: string) => string) {
  const metadata = { [plant('name in metadata of a batch')]: plant('metadata of a batch') };
  return { input_file_id: inputFile, endpoint: '/v1/jobs', completion_window: '24h', metadata };
}

/** At work while the other routes are asked. */
async function newBatch(plant: (place: string) => string): Promise<string> {
  const body = batchOf(await newFile(plant), plant);
  return JSON.parse((await ask('ada', 'POST', '/v1/batches', { body })).text).id;
}

/** Where nobody listens: what is told of a message that fails must not hold where it went. */
function hookUrl(plant: (place: string) => string): string {
  return `http://127.0.0.1:1/${plant('path of a webhook')}?token=${plant('query of a webhook')}`;
}

/** One that was told of a test already, where there is to be something to replay. */
async function newWebhook({ id: route }: Route, plant: (place: string) => string) {
  const url = `${receiver.origin}/${plant('path of a webhook')}`;
  const made = JSON.parse((await ask('ada', 'POST', '/v1/webhooks', { body: { url } })).text);
  if (route !== 'replayDelivery') return { id: made.id, delivery: '' };
  const told = JSON.parse((await ask('ada', 'POST', `/v1/webhooks/${made.id}/test`)).text);
  const log = `/v1/webhooks/${made.id}/deliveries`;
  const isTold = async () =>
    expect(JSON.parse((await ask('ada', 'GET', log)).text).data[0].status).toBe('delivered');
  await vi.waitFor(isTold, { timeout: longMs });
  return { id: made.id, delivery: told.id };
}

/** Every header that is read, and some that are not. */
function headersOf({ headers }: Route, plant: (place: string) => string): Record<string, string> {
  const known = Object.keys(headers?.shape ?? {}).filter((name) => !read.has(name));
  const others = [
    'x-forwarded-for',
    'x-api-key',
    'cookie',
    'referer',
    'user-agent',
    'traceparent',
    'tracestate',
    'baggage',
    'x-amz-meta-a',
    'origin',
  ];
  const named = [...known, ...others].map((name) => [name, plant(`header ${name}`)]);
  // An id of this form is refused; one of the safe form is what the log is meant to name.
  return {
    ...Object.fromEntries(named),
    'x-request-id': `${plant('header x-request-id')}/`,
    prefer: `x=${plant('header prefer')}`,
  };
}

/** A canary is the id of no event, and everything else would be refused with it. */
const lastEventId = 'last-event-id';

/** Headers that are refused where they are not of their form. */
const read = new Set([
  'prefer',
  lastEventId,
  'cancel-after',
  'x-fal-request-timeout',
  'x-fal-queue-priority',
]);

/** Inputs that are refused, each for another reason. */
function hostile(route: Route, plant: (place: string) => string): (Asked & { readonly query?: string })[] {
  const queries = Object.keys(route.query?.shape ?? {}).map((name) => ({
    query: `?${name}=${plant(`query ${name}`)}`,
  }));
  const unknown = {
    query: `?${plant('name of a query')}=${plant('value of an unknown query')}&metadata.${plant('metadata query name')}=${plant('metadata query')}`,
  };
  if (route.method === 'GET') {
    return [...queries, unknown, { headers: { [lastEventId]: plant(`header ${lastEventId}`) } }];
  }
  const whole = JSON.stringify({ [plant('name of an unknown field')]: plant('value of an unknown field') });
  const generated =
    route.body === undefined ? [] : [{ body: inputFor(route.body, (place) => plant(`field ${place}`)) }];
  return [
    ...queries,
    unknown,
    ...generated,
    ...wrongTypes(route, plant),
    { raw: whole },
    { raw: `{"a":"${plant('broken JSON')}` },
    { raw: `"${plant('body that is a text')}"` },
    { raw: `{"__proto__":"${plant('value of __proto__')}"}` },
    { raw: `${`{"${plant('deep name')}":`.repeat(20)}1${'}'.repeat(20)}` },
    { raw: `{"a":"${plant('half character')}\\ud800"}` },
    { raw: whole, headers: { 'content-type': `text/${plant('content type')}` } },
    { raw: `{"a":"${plant('large body')}${'x'.repeat(140_000)}"}` },
  ];
}

/** The generated body with each of its fields replaced by a text in a list. */
function wrongTypes({ body }: Route, plant: (place: string) => string): Asked[] {
  const value = body === undefined ? null : inputFor(body, () => 'text');
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).map((name) => ({ body: { ...value, [name]: [plant(`wrong type of ${name}`)] } }));
}

function wrongKeys(plant: (place: string) => string): string[] {
  const key = formatKey('zzzzzzzz', Buffer.from(plant('key').padEnd(32).slice(0, 32)));
  canaries.watch(key, 'nobody', 'a made-up key');
  return [
    `Bearer ${key}`,
    `Bearer ${plant('bearer')}`,
    `Basic ${btoa(`user:${plant('basic')}`)}`,
    plant('authorization'),
    `Bearer a.${plant('token')}.b`,
  ];
}

/** Bytes that are no request; the server answers 400 by itself. */
async function sayNonsense(canary: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  socket.end(`GET /${canary} HTTP/1.1\r\nHost: x\r\nX: ${canary}\u0000\r\n\r\n`);
  await once(socket, 'close');
  answers.push({ tenant: 'nobody', what: 'nonsense', status: 400, text });
}

async function submitted(
  tenant: string,
  input: Readonly<Record<string, unknown>>,
  model = 'fake',
): Promise<string> {
  const plant = (place: string) => canaries.plant(tenant, `${JSON.stringify(input.fault ?? model)} ${place}`);
  const body = { model, input, metadata: { [plant('name in metadata')]: plant('metadata') } };
  const got = await ask(tenant, 'POST', '/v1/jobs', {
    body,
    headers: {
      'idempotency-key': plant('idempotency key'),
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
      tracestate: `x=${plant('header tracestate')}`,
    },
  });
  return JSON.parse(got.text).id;
}

async function ended(tenant: string, id: string): Promise<string> {
  for (;;) {
    const job = JSON.parse((await ask(tenant, 'GET', `/v1/jobs/${id}?wait=20`)).text);
    if (job.finished_at !== null) return `${job.status} ${job.error?.code ?? ''}`.trim();
  }
}

async function tried(tenant: string, id: string): Promise<void> {
  let attempts = 0;
  while (attempts === 0)
    attempts = JSON.parse((await ask(tenant, 'GET', `/v1/jobs/${id}?wait=1`)).text).attempts;
}

/** Jobs that end in every way: well, by every fault, canceled, refused by a policy, and one that is left in its queue. */
async function runJobs(): Promise<void> {
  const fast = { steps: 1, step_ms: 1 };
  const prompt = (place: string) => `a ${canaries.plant('ada', `prompt of ${place}`)}\n"quoted" lighthouse`;
  const faults = ['crash', 'nan', 'error'];
  const demo = await submitted('ada', { prompt: prompt('demo') }, 'pilotlight-shapes');
  const failing = await Promise.all(
    faults.map((fault) => submitted('ada', { ...fast, fault, prompt: prompt(fault) })),
  );
  // It would wait for memory for minutes: it is canceled once it was tried.
  const waiting = await submitted('ada', { ...fast, fault: 'oom', prompt: prompt('oom') });
  const chat = (place: string) => ({
    messages: [
      { role: 'system', content: prompt(`${place}, of the system`) },
      { role: 'user', content: [{ type: 'text', text: prompt(`${place}, a part`) }] },
    ],
    step_ms: 1,
  });
  // Its answer repeats what it was told.
  const answered = await submitted('ada', chat('a chat'), 'fake-chat');
  const unanswered = await submitted('ada', { ...chat('a chat that fails'), fault: 'error' }, 'fake-chat');
  const url = `https://pictures.example/${canaries.plant('ada', 'address of a picture')}`;
  const picture = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
  await submitted('ada', { messages: picture }, 'fake-chat');
  // Canceled in a worker's hands: a crash beside it would put it back into its line.
  await Promise.all(failing.map((id) => ended('ada', id)));
  const canceled = await submitted('ada', { steps: 500, step_ms: 100, prompt: prompt('cancel') });
  await tried('ada', canceled);
  await ask('ada', 'POST', `/v1/jobs/${canceled}/cancel`);
  const batchHook = { url: hookOf('ada'), events: ['batch.completed', 'batch.failed'] };
  await ask('ada', 'POST', '/v1/webhooks', { body: batchHook });
  const batch = await newBatch((place) => canaries.plant('ada', place));
  await until(
    async () => JSON.parse((await ask('ada', 'GET', `/v1/batches/${batch}`)).text).completed_at !== null,
  );
  await submitted('ada', { ...fast, size: 'large', prompt: prompt('a refused job') });
  const refused = `a ${canaries.plant('bob', 'refused prompt')} and ${bobsTerm}`;
  const answer = await ask('bob', 'POST', '/v1/jobs', {
    body: { model: 'fake', input: { ...fast, prompt: refused } },
  });
  expect(JSON.parse(answer.text).error.code).toBe('prompt_rejected');

  const jobs = [...failing, canceled, demo, answered, unanswered];
  const ends = await Promise.all(jobs.map((id) => ended('ada', id)));
  expect(ends).toEqual([
    'failed poison',
    'failed nan_output',
    'failed model_error',
    'canceled canceled',
    'succeeded',
    'succeeded',
    'failed model_error',
  ]);
  await tried('ada', waiting);
  await ask('ada', 'POST', `/v1/jobs/${waiting}/cancel`);
  expect(await ended('ada', waiting)).toBe('canceled canceled');
  hooked.push(...jobs, waiting, batch);
  traced.push(...jobs, waiting);
  // What is nobody's to see, asked for by somebody who knows its id.
  for (const path of ['', '/output/0']) {
    for (const job of [demo, answered]) await ask('bob', 'GET', `/v1/jobs/${job}${path}`);
  }
}

async function leaveOneWaiting(): Promise<void> {
  await ask('operator', 'POST', '/admin/v1/pools/fake/pause', {});
  const prompt = canaries.plant('ada', 'prompt of a job whose ticket dies');
  await submitted('ada', { steps: 1, step_ms: 1, prompt });
}

/** Where messages are taken, with what its tenant gave it in path and query. */
function hookOf(tenant: string): string {
  const plant = (place: string) => canaries.plant(tenant, place);
  return `${receiver.origin}/${plant('path of a webhook')}?token=${plant('query of a webhook')}`;
}

/** Jobs that name an address of their own, in every dialect that has one, one of them about a picture; and one of bob's. */
async function runHookedJobs(): Promise<void> {
  const plant = (place: string) => canaries.plant('ada', place);
  const input = () => ({ prompt: plant('prompt with an address'), steps: 1, step_ms: 1 });
  const chat = { type: 'image_url', image_url: { url: pictureUrl(plant('text of a picture in a message')) } };
  const pictured = {
    model: 'fake-chat',
    input: { messages: [{ role: 'user', content: [chat] }], step_ms: 1 },
    metadata: { [plant('name in metadata')]: plant('metadata') },
    webhook: { url: hookOf('ada'), events: ['job.queued', 'job.running', 'job.succeeded'] },
  };
  const asked: readonly (readonly [path: string, body: unknown])[] = [
    ['/v1/jobs', pictured],
    ['/replicate/v1/predictions', { version: 'fake', input: input(), webhook: hookOf('ada') }],
    ['/runpod/v2/fake/run', { input: input(), webhook: hookOf('ada') }],
    [`/fal/queue/pilotlight/fake?fal_webhook=${encodeURIComponent(hookOf('ada'))}`, input()],
  ];
  await ask('bob', 'POST', '/v1/webhooks', { body: { url: hookOf('bob') } });
  for (const [path, body] of asked) hooked.push(await acceptedAs('ada', path, body));
  const ofBob = { prompt: canaries.plant('bob', 'prompt'), steps: 1, step_ms: 1 };
  hooked.push(await acceptedAs('bob', '/v1/jobs', { model: 'fake', input: ofBob }));
}

function pictureUrl(text: string): string {
  const { raw = '' } = pictureWith(text);
  return `data:image/png;base64,${Buffer.from(raw).toString('base64')}`;
}

async function acceptedAs(tenant: string, path: string, body: unknown): Promise<string> {
  const { status, text } = await ask(tenant, 'POST', path, { body });
  const { 0: id } = /job_[0-9a-hjkmnp-tv-z]{26}/.exec(text) ?? [];
  if (status >= 400 || id === undefined) throw new Error(`POST ${path}: ${status} ${text}`);
  return id;
}

/** Until every end that is to be told of was. */
async function everyDelivery(): Promise<void> {
  const isAbout = (id: string) => receiver.received.some(({ about }) => about === id);
  await until(async () => hooked.every(isAbout));
}

/** Asks for all jobs and batches as the tenants they are of, and for the numbers as the operator. */
async function readAsTenants(): Promise<void> {
  for (const tenant of ['ada', 'bob']) {
    for (const list of ['/v1/jobs', '/v1/batches']) await readList(tenant, list);
  }
  await ask('operator', 'GET', '/admin/v1/metrics');
}

async function readList(tenant: string, list: string): Promise<void> {
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: string = (await ask(tenant, 'GET', `${list}?limit=100${cursor}`)).text;
    // There are fewer batches than a page has.
    const { data, next_cursor: next = null } = JSON.parse(page);
    for (const each of data) told.set(each.id, JSON.stringify(each));
    cursor = next === null ? null : `&cursor=${next}`;
  }
}

/** Receives what every queue holds; the ticket that waits is received until its queue gives it up. */
async function everyMessage() {
  const emulators = await startEmulators({ dataDir, pools: ['fake'] });
  const { endpoints, region, credentials } = emulators.config;
  const sqs = new SQSClient({
    region,
    endpoint: endpoints?.sqs ?? '',
    ...(credentials === undefined ? {} : { credentials }),
  });
  try {
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
    const urlOf = async (QueueName: string) =>
      (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
    const waiting = await urlOf(localQueueName('fake'));
    const receive = async (QueueUrl: string | undefined, VisibilityTimeout: number) => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          VisibilityTimeout,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      return Messages;
    };
    const held = await receive(waiting, 0);
    for (let times = 0; times <= queueSettings.deadLetter.receivesMax; times += 1) await receive(waiting, 0);
    const dead = await receive(await urlOf(localDeadLetterName('fake')), 60);
    const rest = await Promise.all(QueueUrls.map((each) => receive(each, 60)));
    return { held, dead, rest: rest.flat() };
  } finally {
    sqs.destroy();
    await emulators.close();
  }
}
