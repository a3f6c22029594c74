/**
 * A model that obeys t(b) = a + c x b, behind the whole local stack, BentoML, LitServe and a plain FastAPI application, under
 * the same clients: how much of the bare loop's throughput each of them keeps. Ours stores, meters and charges every job as
 * well. All take turns, round by round, so that whatever else the machine does falls on each of them.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, stopGroup, waitFor } from './baseline-process.ts';
import type { BenchReport } from './bench.ts';
import { median } from './bench.ts';
import { startLocalStack } from './local-stack.ts';

type Row = BenchReport['rows'][number];

export interface ServersAsk {
  readonly jobs: number;
  readonly rounds: number;
  /** A Python that has bentoml, litserve, fastapi and uvicorn, or some of them. */
  readonly python: string;
}

/** One of those that are compared. */
interface Server {
  readonly name: string;
  readonly version: string;
  /** Serves so many jobs; seconds that it took. */
  serve(jobs: number): Promise<number>;
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

interface Baseline {
  readonly script: string;
  readonly name: string;
  /** Packages that it needs; the version of the first is told. */
  readonly packages: readonly [string, ...string[]];
  readonly healthPath: string;
}

const baselines: readonly Baseline[] = [
  {
    script: 'toy_bentoml.py',
    name: 'BentoML, max_batch_size 8',
    packages: ['bentoml'],
    healthPath: '/readyz',
  },
  {
    script: 'toy_litserve.py',
    name: 'LitServe, max_batch_size 8',
    packages: ['litserve'],
    healthPath: '/health',
  },
  {
    script: 'toy_fastapi.py',
    name: 'FastAPI, one at a time',
    packages: ['fastapi', 'uvicorn'],
    healthPath: '/health',
  },
];

export async function serverRows({
  jobs,
  rounds,
  python,
}: ServersAsk): Promise<{ rows: Row[]; kept: number }> {
  const bare: Server = { name: 'bare loop, calls of eight', version: '-', serve: bareLoop };
  const ours: Server = { name: 'pilotlight, whole stack', version: '-', serve: pilotlight };
  const servers = [bare, ours];
  const rows: Row[] = [];
  for (const each of baselines) {
    const [version = null, ...others] = await Promise.all(
      each.packages.map((name) => versionOf(python, name)),
    );
    const serve = (count: number) => baseline(python, each, count);
    if (version !== null && !others.includes(null)) servers.push({ name: each.name, version, serve });
    else rows.push({ server: `${each.name} (not measured: needs ${each.packages.join(' and ')})`, jobs });
  }
  const seconds = await takingTurns(servers, jobs, rounds);
  // Each round is held to the bare loop of its own.
  const keptOf = (server: Server) =>
    (seconds.get(server) ?? []).map((took, round) => (seconds.get(bare)?.[round] ?? Number.NaN) / took);
  const measured = servers.map((server): Row => {
    const kept = keptOf(server);
    return {
      server: server.name,
      version: server.version,
      jobs,
      rounds,
      seconds: median(seconds.get(server) ?? []).toFixed(1),
      'of the bare loop': median(kept).toFixed(3),
      range: `${Math.min(...kept).toFixed(3)}..${Math.max(...kept).toFixed(3)}`,
    };
  });
  return { rows: [...measured, ...rows], kept: median(keptOf(ours)) };
}

async function takingTurns(
  servers: readonly Server[],
  jobs: number,
  rounds: number,
): Promise<ReadonlyMap<Server, readonly number[]>> {
  const seconds = new Map(servers.map((server): [Server, number[]] => [server, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const server of servers) seconds.get(server)?.push(await server.serve(jobs));
  }
  return seconds;
}

/** Null where the Python has no such package. */
async function versionOf(python: string, name: string): Promise<string | null> {
  const ask = `from importlib.metadata import version; print(version("${name}"))`;
  return run(python, ['-c', ask]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
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

async function baseline(python: string, { script, healthPath }: Baseline, jobs: number): Promise<number> {
  const port = await freePort();
  const server = spawn(python, [join(folder, script), String(port), String(stepMs)], {
    stdio: 'ignore',
    detached: true,
  });
  try {
    await waitFor(`http://127.0.0.1:${port}${healthPath}`);
    const ask: Ask = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ items: [1] }),
      });
      await answer.arrayBuffer();
      return answer.ok;
    };
    await askAll(ask, itemsMax);
    return await secondsOf(() => askAll(ask, jobs));
  } finally {
    await stopGroup(server);
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
