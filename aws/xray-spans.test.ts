/** Spans over X-Ray's own protocol, through the SDK's own client. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { spanLimits } from '#core/limits.ts';
import type { AttemptSpan } from '#core/observability/spans.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import type { RecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { createXRayClient } from './xray-client.ts';
import type { XRaySpans } from './xray-spans.ts';
import { createXRaySpans, documentOf } from './xray-spans.ts';

const span: AttemptSpan = {
  traceId: '58406520a006649127e371903a2de979',
  spanId: '53995c3f42cd8ad8',
  fromMs: 1_478_293_361_271,
  toMs: 1_478_293_365_449,
  outcome: 'succeeded',
  ids: { tenantId: 'acme', jobId: 'job_1', attempt: 1, pool: 'demo', model: 'fake', workerId: 'worker_1' },
  parts: [{ name: 'run', spanId: '70de5b6f19ff9a0a', fromMs: 1_478_293_361_271, toMs: 1_478_293_365_449 }],
};

let server: Server;
let requests: string[][];
let unprocessed: object[];
let status: number;
let metrics: RecordingMetrics;
let spans: XRaySpans;
const clock = createManualClock();

beforeEach(async () => {
  requests = [];
  unprocessed = [];
  status = 200;
  server = createServer(async (request, response) => {
    const { TraceSegmentDocuments } = JSON.parse(await text(request));
    if (request.url === '/TraceSegments') requests.push(TraceSegmentDocuments);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ UnprocessedTraceSegments: unprocessed }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  vi.stubEnv('AWS_ENDPOINT_URL_XRAY', `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  metrics = createRecordingMetrics();
  const client = createXRayClient('us-east-1');
  spans = createXRaySpans({ client, clock, metrics, deployment: 'pilotlight', pool: 'demo' });
});

afterEach(async () => {
  await spans.close();
  server.close();
  server.closeAllConnections();
  vi.unstubAllEnvs();
});

const tellMany = (count: number) => {
  for (let told = 0; told < count; told += 1) spans.tell(span);
};

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}

describe('a segment', () => {
  it('is of the form that X-Ray takes: its own trace id, seconds, annotations of letters and underscores', () => {
    const segment = documentOf(span, 'pilotlight');

    expect(segment).toMatchObject({
      name: 'pilotlight-worker',
      id: '53995c3f42cd8ad8',
      trace_id: '1-58406520-a006649127e371903a2de979',
      start_time: 1_478_293_361.271,
      end_time: 1_478_293_365.449,
      annotations: { tenant_id: 'acme', job_id: 'job_1', outcome: 'succeeded' },
      subsegments: [{ name: 'run', id: '70de5b6f19ff9a0a', start_time: 1_478_293_361.271 }],
    });
    expect(segment).not.toHaveProperty('fault');
    expect(documentOf({ ...span, outcome: 'failed' }, 'pilotlight')).toMatchObject({ fault: true });
    for (const name of Object.keys(segment.annotations)) expect(name).toMatch(/^[a-z_]+$/);
  });

  it('holds the span, as a laptop’s line tells it, and the name of its deployment: nothing else', () => {
    const leaves = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value];
    const own = new Set(leaves(span).flatMap((value) => [value, Number(value) / 1_000]));
    const named = ['pilotlight-worker', 'AWS::ECS::Container', '1-58406520-a006649127e371903a2de979'];

    const told = leaves(documentOf(span, 'pilotlight'));

    expect(told.length).toBeGreaterThan(15);
    expect(
      told.filter((value) => !own.has(value) && !named.includes(String(value)) && value !== undefined),
    ).toEqual([]);
  });

  it('of the longest ids is far below the 64 KB that one may have, and a request of them below a megabyte', () => {
    const long = Object.fromEntries(Object.keys(span.ids).map((name) => [name, 'x'.repeat(200)]));
    const bytes = Buffer.byteLength(JSON.stringify(documentOf({ ...span, ids: long }, 'x'.repeat(32))));

    expect(bytes).toBeLessThan(6_000);
    expect(bytes * spanLimits.requestMax).toBeLessThan(1_000_000);
  });
});

describe('spans on their way to X-Ray', () => {
  it('are gathered for a moment and sent together', async () => {
    tellMany(3);
    await setImmediate();
    expect(requests).toEqual([]);

    await clock.advance(spanLimits.gatherMs);
    await until(() => requests.length > 0);

    expect(requests).toHaveLength(1);
    expect(requests[0]?.map((text) => JSON.parse(text).id)).toEqual(Array(3).fill(span.spanId));
  });

  it('go in requests of so many at most', async () => {
    tellMany(spanLimits.requestMax + 1);

    await clock.advance(spanLimits.gatherMs);
    await until(() => requests.length === 2);

    expect(requests.map((each) => each.length)).toEqual([spanLimits.requestMax, 1]);
  });

  it('are sent as the worker ends, without the wait', async () => {
    tellMany(2);

    await spans.close();

    expect(requests.map((each) => each.length)).toEqual([2]);
  });

  it('are lost and counted where X-Ray refuses some', async () => {
    unprocessed = [{ Id: span.spanId, ErrorCode: 'InvalidTraceId', Message: 'too old' }];
    tellMany(2);

    await spans.close();

    expect(metrics.samples()).toEqual(['spans_lost{pool=demo} 1']);
    expect(metrics.events[0]?.fields).toEqual({ reason: 'InvalidTraceId: too old' });
  });

  it('are lost and counted while it is away, and those that come after it are sent', async () => {
    status = 503;
    tellMany(2);
    await clock.advance(spanLimits.gatherMs);
    await until(() => metrics.samples().length > 0);
    status = 200;
    requests = [];

    tellMany(1);
    await clock.advance(spanLimits.gatherMs);
    await until(() => requests.length > 0);

    expect(metrics.samples()).toEqual(['spans_lost{pool=demo} 2']);
    expect(requests.map((each) => each.length)).toEqual([1]);
  });

  it('take bounded memory, and one request of a worker that ends while X-Ray is away', async () => {
    status = 503;
    tellMany(spanLimits.waitingMax + 7);

    await spans.close();

    expect(new Set(requests.map((each) => each.length))).toEqual(new Set([spanLimits.requestMax]));
    expect(requests.length).toBeLessThanOrEqual(2);
    expect(metrics.samples()).toEqual([
      `spans_lost{pool=demo} ${spanLimits.requestMax}`,
      `spans_lost{pool=demo} ${spanLimits.waitingMax + 7 - spanLimits.requestMax}`,
    ]);
  });
});
