/**
 * A model that obeys t(b) = a + c x b, behind the whole local stack, LitServe and a plain FastAPI application, under the same
 * clients: how much of the bare loop's throughput each of them keeps. Ours stores, meters and charges every job as well.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, stop, waitFor } from './baseline-process.ts';
import type { BenchReport } from './bench.ts';
import { startLocalStack } from './local-stack.ts';

type Row = BenchReport['rows'][number];

export interface ServersAsk {
  readonly jobs: number;
  /** A Python that has litserve, fastapi and uvicorn. */
  readonly python: string;
}

/** As the fake engine has it; a call of eight then takes one second, so that no store is what is measured. */
const stepMs = 320;
const itemsMax = 8;
const fixedShare = 0.7;
/** Four calls' worth are asked for at any time. */
const clients = 4 * itemsMax;
/** Of the bare loop's throughput (scaling.md section 5). */
export const keptLeast = 0.9;

const run = promisify(execFile);
const folder = join(import.meta.dirname, 'baselines');

type Ask = () => Promise<boolean>;

export async function serverRows({ jobs, python }: ServersAsk): Promise<{ rows: Row[]; kept: number }> {
  const bareSeconds = await bareLoop(jobs);
  const row = (server: string, seconds: number): Row => ({
    server,
    jobs,
    seconds: seconds.toFixed(1),
    'of the bare loop': (bareSeconds / seconds).toFixed(3),
  });
  const ours = await pilotlight(jobs);
  const rows = [row('bare loop, calls of eight', bareSeconds), row('pilotlight, whole stack', ours)];
  for (const [script, name, needs] of [
    ['toy_litserve.py', 'LitServe, max_batch_size 8', 'litserve'],
    ['toy_fastapi.py', 'FastAPI, one at a time', 'fastapi, uvicorn'],
  ] as const) {
    const isThere = await run(python, ['-c', `import ${needs}`]).then(Boolean, () => false);
    if (isThere) rows.push(row(name, await baseline(python, script, jobs)));
    else rows.push({ server: `${name} (not measured: ${needs} not installed)`, jobs });
  }
  return { rows, kept: bareSeconds / ours };
}

async function bareLoop(jobs: number): Promise<number> {
  const callMs = stepMs * (fixedShare + (1 - fixedShare) * itemsMax);
  return secondsOf(async () => {
    for (let done = 0; done < jobs; done += itemsMax) await delay(callMs);
  });
}

async function pilotlight(jobs: number): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
  const stack = await startLocalStack(dataDir, [
    '--no-first-job',
    '--min-workers',
    '1',
    '--max-workers',
    '1',
  ]);
  const body = JSON.stringify({ model: 'fake', input: { prompt: 'x', steps: 1, step_ms: stepMs } });
  const headers = {
    authorization: `Bearer ${stack.key}`,
    'content-type': 'application/json',
    prefer: 'wait=60',
  };
  try {
    const ask: Ask = async () => {
      const answer = await fetch(`${stack.url}/v1/jobs`, { method: 'POST', headers, body });
      const job: unknown = await answer.json();
      return typeof job === 'object' && job !== null && 'status' in job && job.status === 'succeeded';
    };
    await askAll(ask, itemsMax);
    return await secondsOf(() => askAll(ask, jobs));
  } finally {
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function baseline(python: string, script: string, jobs: number): Promise<number> {
  const port = await freePort();
  const server = spawn(python, [join(folder, script), String(port), String(stepMs)], { stdio: 'ignore' });
  try {
    await waitFor(`http://127.0.0.1:${port}/health`);
    const ask: Ask = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      await answer.arrayBuffer();
      return answer.ok;
    };
    await askAll(ask, itemsMax);
    return await secondsOf(() => askAll(ask, jobs));
  } finally {
    await stop(server);
  }
}

/** Throws where one of them does not end well: a server that drops work must not look fast. */
async function askAll(ask: Ask, jobs: number): Promise<void> {
  let left = jobs;
  const asking = async () => {
    while (left > 0) {
      left -= 1;
      if (!(await ask())) throw new Error('a request did not end well');
    }
  };
  await Promise.all(Array.from({ length: clients }, asking));
}

async function secondsOf(act: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  return (performance.now() - startedAtMs) / 1000;
}
