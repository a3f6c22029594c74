/**
 * Where the tests of the routes start: the real handler over in-memory ports, with tenants and their keys. Every
 * answer is held to the route table on the way: its status must be listed there, its body must fit.
 */
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import { hashKey } from '#aws/key-hash.ts';
import { errorFormOf } from '#core/api/error-form.ts';
import type { RouteId } from '#core/api/routes.ts';
import { routeList, routes } from '#core/api/routes.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { applyTransition } from '#core/flows/apply.ts';
import type { JobOutput, JobRecord } from '#core/job/job.ts';
import { lineEntryOf } from '#core/job/job.ts';
import { claim, succeed } from '#core/job/transitions.ts';
import { fullJob, sampleKey, sampleTenant } from '#core/samples.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import type { Scope, TenantRecord } from '#core/tenancy/tenant.ts';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import type { ApiResult } from './answer.ts';
import type { ApiDeps } from './api-deps.ts';
import { noteClient } from './client-gone.ts';
import { createApiHandler } from './handler.ts';
import { securityHeaders } from './security-headers.ts';

export const pepper = 'a pepper that only tests know, 32+';

export const webhookKey = 'a webhook key that only tests know, 32+';

export interface Sent {
  readonly body?: unknown;
  /** Instead of `body`: bytes or text as they are. */
  readonly rawBody?: string;
  readonly isBase64Encoded?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without it the scene's own key is sent; null sends none. */
  readonly key?: string | null;
  readonly remainingMs?: number;
  /**
   * Aborts when the client hangs up.
   * @default it stays
   */
  readonly gone?: AbortSignal;
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads a body that the scene has checked against its schema.
  readonly json: any;
}

export async function createApiScene({
  tenant = sampleTenant(),
  change = {},
}: {
  readonly tenant?: TenantRecord;
  readonly change?: Partial<ApiDeps>;
} = {}) {
  const world = await createFlowWorld({ tenant });
  const handler = createApiHandler({
    ...world,
    keyPepper: pepper,
    webhookKey,
    webhookAddresses: publicHttps,
    version: '0.0.0-test',
    ...change,
  });
  let keys = 0;

  const scene = {
    ...world,
    handler,
    key: await addKey(tenant.tenantId),
    addKey,
    /** Another tenant with a key of its own; the key comes back. */
    async addTenant(record: TenantRecord): Promise<string> {
      await world.tenants.create(record);
      return addKey(record.tenantId);
    },
    /** Sends one request and checks the answer against the table. */
    async send(route: RouteId, path: string, sent: Sent = {}): Promise<Got> {
      const method = routes[route].method;
      const got = await scene.sendRaw(method, path, sent);
      checkAgainstTable(route, got);
      return got;
    },
    async sendRaw(method: string, path: string, sent: Sent = {}): Promise<Got> {
      const key = sent.key === undefined ? scene.key : sent.key;
      return gotOf(await handler(eventOf(method, path, sent, key), contextOf(sent)));
    },
    /** A job of the scene's tenant, submitted over HTTP. */
    async submit(input: Readonly<Record<string, unknown>> = { prompt: 'a lighthouse' }): Promise<string> {
      const got = await scene.send('submitJob', '/v1/jobs', { body: { model: 'fake-image', input } });
      return String(got.json.id);
    },
    ...workerMoves(world),
  };
  return scene;

  async function addKey(tenantId: string, scopes?: readonly Scope[]): Promise<string> {
    keys += 1;
    const keyId = `key${String(keys).padStart(5, '0')}`;
    const key = formatKey(keyId, new Uint8Array(32).fill(keys));
    await world.keys.create(
      sampleKey({
        keyId,
        tenantId,
        hash: hashKey(key, pepper),
        ...(scopes === undefined ? {} : { scopes: [...scopes] }),
      }),
    );
    return key;
  }
}

export type ApiScene = Awaited<ReturnType<typeof createApiScene>>;

/** What a worker does to the jobs of the world's tenant. */
function workerMoves(world: FlowWorld) {
  const { tenantId } = world.tenant;
  const moves = {
    async jobOf(jobId: string): Promise<JobRecord> {
      const job = await world.jobs.get(tenantId, jobId);
      if (job === null) throw new Error(`there is no job ${jobId}`);
      return job;
    },
    /** What a worker does to a job that waits: takes it. */
    async start(jobId: string): Promise<JobRecord> {
      const job = await moves.jobOf(jobId);
      return applied(job, claim(lineEntryOf(job), 'worker-1', world.clock.nowMs()));
    },
    /** And ends it well, with one picture. */
    async finish(jobId: string, pictures = 1): Promise<JobRecord> {
      const started = await moves.start(jobId);
      const outputs: JobOutput[] = [];
      for (let index = 0; index < pictures; index += 1) {
        const path = `jobs/${jobId}/1/${index}.png`;
        await world.blobs.put(tenantId, path, Buffer.from('picture'), 'image/png');
        const [sha256, bytes] = ['0'.repeat(64), 7];
        outputs.push({
          type: 'image',
          path,
          contentType: 'image/png',
          bytes,
          sha256,
          width: 512,
          height: 512,
        });
      }
      const { usage, timings, receipt } = fullJob();
      if (usage === null || timings === null || receipt === null) throw new Error('a full job has all three');
      return applied(
        started,
        succeed(started, world.clock.nowMs(), outputs, { usage, timings, receipt, costUsdMicros: 1_250 }),
      );
    },
  };
  return moves;

  async function applied(job: JobRecord, transition: ReturnType<typeof claim>): Promise<JobRecord> {
    const after = await applyTransition(world, job, transition);
    if (after === null) throw new Error(`job ${job.jobId} is not where the test thinks`);
    return after;
  }
}

export function eventOf(
  method: string,
  target: string,
  { body, rawBody, isBase64Encoded = false, headers = {} }: Sent,
  key: string | null,
): APIGatewayProxyEvent {
  const [path = '', search = ''] = target.split('?');
  const query = [...new URLSearchParams(search)];
  const text = rawBody ?? (body === undefined ? null : JSON.stringify(body));
  const event: Partial<APIGatewayProxyEvent> = {
    httpMethod: method,
    path,
    headers: {
      ...(text === null ? {} : { 'Content-Type': 'application/json' }),
      ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
      ...headers,
    },
    pathParameters: null,
    queryStringParameters: query.length === 0 ? null : Object.fromEntries(query),
    multiValueQueryStringParameters:
      query.length === 0
        ? null
        : Object.fromEntries(
            query.map(([name]) => [name, query.flatMap(([n, v]) => (n === name ? [v] : []))]),
          ),
    body: text,
    isBase64Encoded,
  };
  // The edge reads nothing else of an event.
  return event as APIGatewayProxyEvent;
}

/** A context as Lambda gives it, or one of a place that counts no time. */
function contextOf({ remainingMs, gone }: Sent): Context {
  const context = (
    remainingMs === undefined ? {} : { getRemainingTimeInMillis: () => remainingMs }
  ) as Context;
  if (gone !== undefined) noteClient(context, gone);
  return context;
}

/** A stream is read to its end. */
async function gotOf({ statusCode, headers = {}, body: text, stream }: ApiResult): Promise<Got> {
  let body = text;
  for await (const line of stream?.lines ?? []) body += line;
  await stream?.end();
  const isJson = String(headers['content-type'] ?? '').startsWith('application/json');
  return {
    status: statusCode,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    text: body,
    json: isJson ? JSON.parse(body) : null,
  };
}

/** Not in the table: they say nothing of the route. */
const ofEveryAnswer = new Set(['content-type', 'x-request-id', ...Object.keys(securityHeaders)]);

function checkAgainstTable(id: RouteId, got: Got): void {
  const route = routeList.find((candidate) => candidate.id === id);
  if (route === undefined) throw new Error(`there is no route ${id}`);
  if (got.status >= 400) {
    const form = errorFormOf(route.path);
    const { code } = form.schema.parse(got.json).error;
    if (form.statusOf(code) !== got.status) throw new Error(`${code} does not go with ${got.status}`);
    const listed: readonly string[] = [...route.errors, 'internal', 'unavailable'];
    if (!listed.includes(code)) throw new Error(`the table does not list ${code} for ${id}`);
    return;
  }
  const answer = route.answers[got.status];
  if (answer === undefined) throw new Error(`the table does not list ${got.status} for ${id}`);
  const unknown = Object.keys(got.headers).filter(
    (name) => !(name in (answer.headers ?? {})) && !ofEveryAnswer.has(name),
  );
  if (unknown.length > 0) throw new Error(`the table does not list the headers ${unknown} for ${id}`);
  if (answer.events !== undefined && got.headers['content-type']?.startsWith('text/event-stream')) return;
  if (answer.orCsv && got.headers['content-type']?.startsWith('text/csv')) return;
  if (answer.text !== undefined && got.headers['content-type']?.startsWith(answer.text)) return;
  answer.schema?.parse(got.json);
}
