/** A whole stack for one test file, with a worker at most in each pool, and its demo tenant as a client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as z from 'zod';
import { jobSchema } from '#core/api/job-resource.ts';
import { startPlatform } from './platform.ts';

type Job = z.infer<typeof jobSchema>;

export interface StackUnderTest {
  ask(method: string, path: string, body?: object): Promise<Response>;
  /** The answer's JSON. */
  call(method: string, path: string, body?: object): Promise<unknown>;
  /** Submits a job and waits until it is over, however it ends. */
  ended(asked: object): Promise<Job>;
  close(): Promise<void>;
}

const idleTimeoutMs = 60_000;
const waitSeconds = 20;

export async function startStack(modelsDir: string): Promise<StackUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-stack-'));
  const bounds = { workersMin: 0, workersMax: 1, idleTimeoutMs };
  const platform = await startPlatform({ port: 0, dataDir: join(folder, 'data'), modelsDir, ...bounds });
  const authorization = `Bearer ${platform.credentials.tenants.demo.key}`;

  function ask(method: string, path: string, body?: object): Promise<Response> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { authorization, 'content-type': 'application/json' };
    return fetch(`${platform.url}${path}`, { method, headers, ...sent });
  }
  const call = async (method: string, path: string, body?: object): Promise<unknown> =>
    (await ask(method, path, body)).json();

  return {
    ask,
    call,
    async ended(asked) {
      let job = jobSchema.parse(await call('POST', '/v1/jobs', asked));
      while (job.finished_at === null)
        job = jobSchema.parse(await call('GET', `/v1/jobs/${job.id}?wait=${waitSeconds}`));
      return job;
    },
    async close() {
      await platform.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
