/**
 * A model that obeys t(b) = a + c x b, behind each of those that are compared: the whole local stack, the runner behind its
 * protocol alone, BentoML, LitServe, Ray Serve and a plain FastAPI application.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemClock } from '#aws/system-clock.ts';
import type { RunItem, RunOutcome } from '#core/ports/runner.ts';
import { createLocalHost } from '#gpu/runner-host/local-host.ts';
import { RunnerClient } from '#gpu/worker/runner-client.ts';
import { freePort, stopGroup, waitFor } from './baseline-process.ts';
import { fakeModelOnly } from './fake-models.ts';
import { startLocalStack } from './local-stack.ts';
import { cpuMsOf } from './process-cpu.ts';

/** Of one picture alone; a call of eight then takes one second, so that no store is what is measured. */
export const stepMs = 320;
export const itemsMax = 8;
/** Of a call, whatever its items: as the fake engine and the baselines have it. */
const fixedShare = 0.7;
/** What a worker waits for mates where nothing runs. */
const windowMs = 25;

export const fullCallMs = stepMs * (fixedShare + (1 - fixedShare) * itemsMax);

/** One that is up. */
export interface Serving {
  /** Runs one job. Throws where it does not end well: a server that drops work must not look fast. */
  ask(): Promise<void>;
  /** Of all of its processes so far; null where the system does not tell. */
  cpuMs(): number | null;
  close(): Promise<void>;
}

/** One of those that are compared. */
export interface Server {
  readonly name: string;
  readonly version: string;
  open(): Promise<Serving>;
}

const run = promisify(execFile);
const folder = join(import.meta.dirname, 'baselines');

interface Baseline {
  readonly script: string;
  readonly name: string;
  /** Packages that it needs; the version of the first is told. */
  readonly packages: readonly [string, ...string[]];
  readonly healthPath: string;
}

export const baselines: readonly Baseline[] = [
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
    script: 'toy_ray_serve.py',
    name: 'Ray Serve, max_batch_size 8',
    packages: ['ray', 'starlette', 'uvicorn', 'aiohttp'],
    healthPath: '/',
  },
  {
    script: 'toy_fastapi.py',
    name: 'FastAPI, one at a time',
    packages: ['fastapi', 'uvicorn'],
    healthPath: '/health',
  },
];

/** Null where the Python lacks a package that it needs. */
export async function baselineOf(python: string, baseline: Baseline): Promise<Server | null> {
  const [version = null, ...others] = await Promise.all(
    baseline.packages.map((name) => versionOf(python, name)),
  );
  if (version === null || others.includes(null)) return null;
  return { name: baseline.name, version, open: () => openBaseline(python, baseline) };
}

async function versionOf(python: string, name: string): Promise<string | null> {
  const ask = `from importlib.metadata import version; print(version("${name}"))`;
  return run(python, ['-c', ask]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

async function openBaseline(python: string, { script, healthPath }: Baseline): Promise<Serving> {
  const port = await freePort();
  const child = spawn(python, [join(folder, script), String(port), String(stepMs)], {
    stdio: 'ignore',
    detached: true,
  });
  const close = () => stopGroup(child);
  try {
    await waitFor(`http://127.0.0.1:${port}${healthPath}`);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async ask() {
      const answer = await fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ items: [1] }),
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`a request ended with ${answer.status}`);
    },
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    close,
  };
}

/** The product as it is on a laptop: every job is admitted, stored, metered, charged, and can be asked for again. */
export const wholeStack: Server = {
  name: 'pilotlight, whole stack',
  version: '-',
  async open() {
    const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
    // Workers of other pools would take the time of the one that is measured.
    const models = ['--models', fakeModelOnly(dataDir)];
    const workers = ['--min-workers', '1', '--max-workers', '1'];
    const stack = await startLocalStack(dataDir, ['--no-first-job', ...workers, ...models]);
    const body = JSON.stringify({ model: 'fake', input: { prompt: 'x', steps: 1, step_ms: stepMs } });
    const authorization = `Bearer ${stack.key}`;
    const headers = { authorization, 'content-type': 'application/json', prefer: 'wait=60' };
    return {
      async ask() {
        const answer = await fetch(`${stack.url}/v1/jobs`, { method: 'POST', headers, body });
        const job: unknown = await answer.json();
        const isDone =
          typeof job === 'object' && job !== null && 'status' in job && job.status === 'succeeded';
        if (!isDone) throw new Error(`a job did not end well: ${JSON.stringify(job)}`);
      },
      cpuMs: () => cpuMsOf(stack.process.pid ?? 0),
      async close() {
        await stack.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  },
};

/**
 * What is left without the durable part, as the others have none: a runner process behind its protocol, results read from its
 * files and hashed, and calls filled as a worker fills them. No HTTP. The client's own time is in its processor time.
 */
export const engineAlone: Server = {
  name: 'pilotlight, engine alone',
  version: '-',
  async open() {
    const folderOfModels = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const client = new RunnerClient({
      host: createLocalHost({ device: 'cpu' }),
      engine: 'fake',
      modelsDir: folderOfModels,
      clock: systemClock,
      log: quiet,
    });
    const ask = inCalls((items, batchId) =>
      client.run({ batchId, model: 'fake', revision: '1', items }, { onProgress: () => undefined }),
    );
    return {
      ask,
      cpuMs: () => cpuMsOf(process.pid),
      async close() {
        await client.close();
        await rm(folderOfModels, { recursive: true, force: true });
      },
    };
  },
};

type RunCall = (items: readonly RunItem[], batchId: string) => Promise<ReadonlyMap<string, RunOutcome>>;

/** Whoever asks joins the next call of eight; one that finds nothing running waits a worker's window for mates. */
function inCalls(runCall: RunCall): () => Promise<void> {
  const waiting: { id: string; end: (outcome: RunOutcome | undefined) => void }[] = [];
  let asked = 0;
  let isRunning = false;
  const work = async () => {
    isRunning = true;
    await delay(windowMs);
    while (waiting.length > 0) {
      const call = waiting.splice(0, itemsMax);
      const items = call.map(({ id }) => ({ id, params: { prompt: 'x', steps: 1, step_ms: stepMs } }));
      const outcomes = await runCall(items, `batch_${asked}`);
      for (const { id, end } of call) end(outcomes.get(id));
      // Those who ask again at once come in before the next call.
      await delay(0);
    }
    isRunning = false;
  };
  return async () => {
    asked += 1;
    const id = `job_${asked}`;
    const ended = new Promise<RunOutcome | undefined>((end) => waiting.push({ id, end }));
    if (!isRunning) void work();
    const outcome = await ended;
    if (outcome?.kind !== 'succeeded') throw new Error(`an item did not end well: ${outcome?.kind}`);
  };
}
