/** Where the tests of official clients start: the whole stack, tenants of their own, and what a client cannot see. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { errorFormOf } from '#core/api/error-form.ts';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import { listen } from './listen.ts';
import { startPlatform } from './platform.ts';

const idleTimeoutMs = 5 * 60_000;
const madeSchema = z.object({ key: z.object({ secret: z.string() }) });

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export async function openClientScene(name: string) {
  const folder = mkdtempSync(join(tmpdir(), `pilotlight-${name}-`));
  const dataDir = join(folder, 'data');
  const options = { port: 0, dataDir, workersMin: 1, workersMax: 1, idleTimeoutMs };
  const platform = await startPlatform({ ...options, allowLocalWebhooks: true });
  const { url, ports, credentials } = platform;
  return {
    url,
    ports,
    key: credentials.tenants.demo.key,
    /** A tenant of its own, so that what it may do and what it has open is known; its key comes back. */
    async tenantWith(id: string, limits: object = {}): Promise<string> {
      const headers = {
        authorization: `Bearer ${credentials.admin_key}`,
        'content-type': 'application/json',
      };
      const body = JSON.stringify({ id, plan: 'vip', ...limits });
      const made = await fetch(`${url}/admin/v1/tenants`, { method: 'POST', headers, body });
      return madeSchema.parse(await made.json()).key.secret;
    },
    /** The tenant's newest job, once it is as it is waited for. */
    async newestJob(tenantId: string, isSo: (job: JobRecord) => boolean): Promise<JobRecord> {
      for (;;) {
        const [job] = (await ports.jobs.list(tenantId, { limit: 1 })).items;
        if (job !== undefined && isSo(job)) return job;
        await delay(50);
      }
    },
    async close() {
      await platform.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A receiver of webhooks that takes everything. */
export async function openReceiver() {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(204).end();
  });
  return {
    url: `${await listen(server, 0)}/hook`,
    /** What came, once there are so many. */
    async messages(count: number): Promise<readonly Received[]> {
      while (received.length < count) await delay(50);
      return received;
    },
    close: () => server.close(),
  };
}

/** A `fetch` for a client, which counts the comments that keep its streams alive where they say nothing. */
export function countPings() {
  const counted = { pings: 0 };
  const counting: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    const noting = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        counted.pings += Buffer.from(chunk).toString().split(': ping\n\n').length - 1;
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body?.pipeThrough(noting) ?? null, response);
  };
  return { counted, fetch: counting };
}

/** Stands in front of the stack and answers 503 so many times, as the stack does when it cannot answer. */
export async function openFaltering(stackUrl: string, faults: number) {
  const askedAtMs: number[] = [];
  const server = createServer(async (request, response) => {
    askedAtMs.push(performance.now());
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = request.url ?? '/';
    if (askedAtMs.length <= faults) {
      const unavailable = new AppError('unavailable', { retryAfterSeconds: 1 });
      const { status, body } = errorFormOf(path).present(unavailable, 'req_1');
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
      response.end(JSON.stringify(body));
      return;
    }
    const { authorization = '' } = request.headers;
    const got = await fetch(`${stackUrl}${path}`, {
      method: request.method ?? 'GET',
      headers: { authorization, 'content-type': 'application/json' },
      ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
    });
    response.writeHead(got.status, { 'content-type': 'application/json' });
    response.end(await got.text());
  });
  return { url: await listen(server, 0), askedAtMs, close: () => server.close() };
}
