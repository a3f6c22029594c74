/**
 * What a dialect costs: the same job submitted natively and through every dialect, over the whole local stack. Rounds take
 * the ways in an order that is drawn anew, one request at a time, and each job has ended before the next one comes: a
 * slow moment of the machine, or the work of a job, then falls on no way in particular. Medians are compared. One HTTP
 * client for all: what an official client does by itself is not the platform's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import * as z from 'zod';
import type { Bench, BenchReport } from './bench.ts';
import { median, quantile, wholeFlag } from './bench.ts';
import type { Target } from './client.ts';
import { startLocalStack } from './local-stack.ts';
import { randomOf } from './random.ts';

const ratioMax = 1.2;
/** Rounds before those that count: the model is loaded, and the code has been compiled. */
const warmUps = 20;

interface Way {
  readonly name: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const picture = { prompt: 'a dialect', steps: 1, step_ms: 0 };
const messages = [{ role: 'user', content: 'one two' }];
const text = { messages, max_tokens: 2, step_ms: 0 };

/** Answered when the job is accepted. */
const submissions: readonly Way[] = [
  { name: 'native', path: '/v1/jobs', body: { model: 'fake', input: picture } },
  { name: 'replicate', path: '/replicate/v1/models/pilotlight/fake/predictions', body: { input: picture } },
  { name: 'fal', path: '/fal/queue/pilotlight/fake', body: picture },
  { name: 'runpod', path: '/runpod/v2/fake/run', body: { input: picture } },
  { name: 'simple form', path: '/generate', body: { model: 'fake', ...picture } },
];

/** Answered when the job has ended. */
const waits: readonly Way[] = [
  { name: 'native', path: '/v1/jobs?wait=60', body: { model: 'fake-chat', input: text } },
  { name: 'openai', path: '/v1/chat/completions', body: { model: 'fake-chat', ...text } },
  {
    name: 'replicate',
    path: '/replicate/v1/models/pilotlight/fake-chat/predictions',
    body: { input: text },
    headers: { prefer: 'wait' },
  },
  { name: 'fal', path: '/fal/run/pilotlight/fake-chat', body: text },
  { name: 'runpod', path: '/runpod/v2/fake-chat/runsync', body: { input: text } },
];

export const dialectsBench: Bench = async (flags) => {
  const rounds = wholeFlag(flags, 'rounds', 100);
  const random = randomOf(wholeFlag(flags, 'seed', 1));
  const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  const stack = await startLocalStack(dataDir, ['--no-first-job', '--idle-timeout', '600']);
  try {
    const submitted = compare('accepted', await measure(stack, submissions, rounds, random));
    const waited = compare('ended', await measure(stack, waits, rounds, random));
    return {
      rows: [...submitted.rows, ...waited.rows],
      failures: [...submitted.failures, ...waited.failures],
    };
  } finally {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
};

/** Milliseconds from request to answer, by the way's name. */
async function measure(
  target: Target,
  ways: readonly Way[],
  rounds: number,
  random: () => number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const taken = new Map(ways.map(({ name }) => [name, [] as number[]]));
  for (let round = -warmUps; round < rounds; round += 1) {
    const drawn = ways.map((way) => ({ way, rank: random() })).toSorted((a, b) => a.rank - b.rank);
    for (const { way } of drawn) {
      const tookMs = await askOnce(target, way);
      if (round >= 0) taken.get(way.name)?.push(tookMs);
    }
  }
  return taken;
}

/** Leaves with the job at rest. Throws when the job is not accepted. */
async function askOnce({ url, key }: Target, { name, path, body, headers }: Way): Promise<number> {
  const authorization = name === 'fal' ? `Key ${key}` : `Bearer ${key}`;
  const startedMs = performance.now();
  const answer = await request(`${url}${path}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const said = await answer.body.text();
  const tookMs = performance.now() - startedMs;
  const jobId = z.string().safeParse(answer.headers['x-pilotlight-job-id']);
  if (!jobId.success || answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${said}`);
  const ended = await request(`${url}/v1/jobs/${jobId.data}?wait=60`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const { status } = z.object({ status: z.string() }).parse(await ended.body.json());
  if (status !== 'succeeded') throw new Error(`${path}: its job has ${status}`);
  return tookMs;
}

function compare(until: string, taken: ReadonlyMap<string, readonly number[]>): BenchReport {
  const nativeMs = median(taken.get('native') ?? []);
  const compared = [...taken].map(([way, values]) => ({ way, values, ratio: median(values) / nativeMs }));
  return {
    rows: compared.map(({ way, values, ratio }) => ({
      way,
      until,
      p50_ms: median(values).toFixed(2),
      p95_ms: quantile(values, 0.95).toFixed(2),
      ratio: ratio.toFixed(3),
      count: values.length,
    })),
    failures: compared
      .filter(({ ratio }) => !(ratio <= ratioMax))
      .map(({ way, ratio }) => `${way}: ${ratio.toFixed(3)} times native, more than ${ratioMax}`),
  };
}
