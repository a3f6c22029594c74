/** The numbers of the whole platform: of its own process, and of its workers, whose output tells them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 180_000;
const pollMs = 60_000;

let dataDir: string;
let platform: Platform;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-metrics-'));
  platform = await startPlatform({ port: 0, dataDir, workersMin: 0, workersMax: 1, idleTimeoutMs: 30_000 });
});

afterAll(async () => {
  await platform.close();
  await rm(dataDir, { recursive: true });
});

async function scrape(key: string): Promise<Response> {
  return fetch(`${platform.url}/admin/v1/metrics`, { headers: { authorization: `Bearer ${key}` } });
}

async function runJob(): Promise<void> {
  const response = await fetch(`${platform.url}/v1/jobs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${platform.credentials.tenants.demo.key}`,
      'content-type': 'application/json',
      prefer: 'wait=50',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
    body: JSON.stringify({ model: 'fake', input: { prompt: 'a lighthouse' } }),
  });
  if (response.status !== 200) throw new Error(await response.text());
}

describe('the metrics of the local stack', () => {
  it(
    'tell of a job from its acceptance here to its end in a worker, and how long the pool took to wake',
    async () => {
      await runJob();
      const text = async () => (await scrape(platform.credentials.admin_key)).text();

      await expect
        .poll(text, { timeout: pollMs })
        .toContain('pilotlight_jobs_ended_total{pool="fake",status="succeeded"} 1\n');
      for (const line of [
        'pilotlight_jobs_accepted_total{pool="fake",class="interactive"} 1\n',
        'pilotlight_job_wait_seconds_count{pool="fake",class="interactive"} 1\n',
        'pilotlight_batch_size_sum{pool="fake"} 1\n',
        'pilotlight_wake_seconds_count{pool="fake"} 1\n',
        'pilotlight_workers_desired{pool="fake"} 1\n',
      ])
        expect(await text()).toContain(line);
    },
    longMs,
  );

  it('name no tenant, who is named beside them in the log alone', async () => {
    const text = await (await scrape(platform.credentials.admin_key)).text();
    const log = await readFile(join(dataDir, 'pilotlight.log'), 'utf8');
    const ended = log.split('\n').filter((line) => line.includes('"event":"job.ended"'));

    expect(text).not.toContain('tenant');
    expect(ended.map((line) => JSON.parse(line))).toMatchObject([
      { tenantId: 'demo', gpu_seconds: expect.any(Number) },
    ]);
  });

  it('stand in the log beside the span of the worker, as the trace of the request is recorded', async () => {
    const log = await readFile(join(dataDir, 'pilotlight.log'), 'utf8');
    const spans = log.split('\n').filter((line) => line.includes('"event":"attempt.span"'));

    expect(spans.map((line) => JSON.parse(line))).toMatchObject([
      { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', outcome: 'succeeded', runMs: expect.any(Number) },
    ]);
  });

  it('are for the operator alone', async () => {
    expect((await scrape(platform.credentials.tenants.demo.key)).status).toBe(403);
  });
});
