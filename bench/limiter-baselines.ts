/** Two limiters that people use instead, over a Redis of their own. What is not installed says so in its row. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, stop, until, waitFor } from './baseline-process.ts';
import type { BenchReport } from './bench.ts';

type Row = BenchReport['rows'][number];

export interface BaselineAsk {
  readonly limit: number;
  readonly submitters: number;
  /** A Python that has flask, flask-limiter and redis. */
  readonly python: string;
}

interface Counted {
  readonly admitted: number;
  readonly seconds: number;
}

const folder = join(import.meta.dirname, 'baselines');
const run = promisify(execFile);

export async function baselineRows(ask: BaselineAsk): Promise<Row[]> {
  const names = {
    bucket: 'Redis token bucket (Lua)',
    window: 'flask-limiter, Redis',
    memory: 'flask-limiter, memory, 2 processes',
  };
  const missing = await missingOf(ask.python);
  if (missing.length > 0) {
    const what = `not measured: ${missing.join(' and ')} not installed`;
    return Object.values(names).map((name) => ({ limiter: `${name} (${what})`, submitters: ask.submitters }));
  }
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  try {
    const url = `redis://127.0.0.1:${port}/0`;
    await waitForRedis(ask.python, url);
    return [
      rowOf(names.bucket, ask, await tokenBucket(ask, url)),
      rowOf(names.window, ask, await flaskLimiter(ask, url, 1)),
      rowOf(names.memory, ask, await flaskLimiter(ask, 'memory://', 2)),
    ];
  } finally {
    await stop(redis);
  }
}

async function missingOf(python: string): Promise<string[]> {
  const missing: string[] = [];
  const works = (file: string, args: string[]) => run(file, args).then(Boolean, () => false);
  if (!(await works('redis-server', ['--version']))) missing.push('redis-server');
  if (!(await works(python, ['-c', 'import flask, flask_limiter, redis']))) missing.push('flask-limiter');
  return missing;
}

async function tokenBucket({ python, limit, submitters }: BaselineAsk, url: string): Promise<Counted> {
  const args = [join(folder, 'token_bucket.py'), url, limit, 2 * limit, submitters].map(String);
  const { stdout } = await run(python, args);
  return JSON.parse(stdout);
}

/** As many processes as a server of web applications runs workers; requests go to each in turn. */
async function flaskLimiter(
  { python, limit, submitters }: BaselineAsk,
  storage: string,
  processes: number,
): Promise<Counted> {
  const ports = await Promise.all(Array.from({ length: processes }, freePort));
  const script = join(folder, 'flask_limiter_app.py');
  const servers = ports.map((port) =>
    spawn(python, [script, String(port), storage, String(limit)], { stdio: 'ignore' }),
  );
  try {
    for (const port of ports) await waitFor(`http://127.0.0.1:${port}/health`);
    return await submitAll(ports, 2 * limit, submitters);
  } finally {
    for (const server of servers) await stop(server);
  }
}

async function submitAll(ports: readonly number[], asks: number, submitters: number): Promise<Counted> {
  let asked = 0;
  let admitted = 0;
  const startedAtMs = performance.now();
  const submitting = async () => {
    while (asked < asks) {
      const port = ports[asked % ports.length];
      asked += 1;
      const answer = await fetch(`http://127.0.0.1:${port}/jobs`, { method: 'POST' });
      await answer.arrayBuffer();
      if (answer.ok) admitted += 1;
    }
  };
  await Promise.all(Array.from({ length: submitters }, submitting));
  return { admitted, seconds: (performance.now() - startedAtMs) / 1000 };
}

function rowOf(limiter: string, { limit, submitters }: BaselineAsk, { admitted, seconds }: Counted): Row {
  return {
    limiter,
    submitters,
    asked: 2 * limit,
    allowed: limit,
    admitted,
    over: Math.max(0, admitted - limit),
    'under %': ((100 * Math.max(0, limit - admitted)) / limit).toFixed(2),
    'writes/accept': '-',
    'asked/s': ((2 * limit) / seconds).toFixed(0),
    'admitted/s': (admitted / seconds).toFixed(0),
  };
}

async function waitForRedis(python: string, url: string): Promise<void> {
  const ping = 'import redis, sys; redis.Redis.from_url(sys.argv[1]).ping()';
  await until(() => run(python, ['-c', ping, url]).then(Boolean, () => false), url);
}
