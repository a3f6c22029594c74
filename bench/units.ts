/**
 * What AWS bills of one job's life, counted from real requests: submitted, looked at, run, its picture fetched by its link.
 * Jobs before the counted ones fill the caches that a function and a worker keep; what waits for no job (a worker's empty
 * receives, its reports, the ticks of scaler and sweep) is no job's and is not counted. Nothing here goes by time.
 */
import * as z from 'zod';
import type { Bench, BenchReport } from './bench.ts';
import { FlagError, wholeFlag } from './bench.ts';
import type { Deployment } from './job-life.ts';
import { startDeployment } from './job-life.ts';
import type { Tally } from './request-tally.ts';
import { add } from './request-tally.ts';

interface Life {
  readonly what: string;
  /** Submitted before the worker is let at them. */
  readonly together: number;
  /** Of each job while it waits; one more follows its end. */
  readonly looks: number;
}

const lives: readonly Life[] = [
  { what: 'a job by itself', together: 1, looks: 0 },
  { what: 'jobs of eight a call', together: 8, looks: 0 },
  { what: 'jobs of eight a call, four looks while waiting', together: 8, looks: 4 },
];
/** Full rounds of the largest size, so that every cache has what it will hold. */
const warmUpJobs = 16;
const jobSchema = z.object({ id: z.string(), output: z.array(z.object({ url: z.string() })) });
const prompt =
  'A lighthouse on a basalt cliff at dusk, its lamp just lit, long exposure of the waves below, thin fog over the water';

export const unitsBench: Bench = async (flags) => {
  const jobs = wholeFlag(flags, 'jobs', 80);
  if (jobs === 0) throw new FlagError('--jobs must be 1 at least');
  const deployment = await startDeployment();
  try {
    const rows = [];
    for (const life of lives) rows.push(await rowOf(deployment, life, jobs));
    return { rows, failures: rows.flatMap(faultsOf) };
  } finally {
    await deployment.close();
  }
};

async function rowOf(deployment: Deployment, life: Life, jobs: number) {
  await liveAll(deployment, life, warmUpJobs);
  deployment.tally.clear();
  const lived = await liveAll(deployment, life, jobs);
  return { ...figuresOf(life, deployment.tally, lived), jobs: lived };
}

/** In whole rounds: how many jobs that were. */
async function liveAll(deployment: Deployment, life: Life, jobs: number): Promise<number> {
  let lived = 0;
  for (; lived < jobs; lived += life.together) await liveRound(deployment, life);
  return lived;
}

async function liveRound(deployment: Deployment, { together, looks }: Life): Promise<void> {
  const jobIds = await Promise.all(Array.from({ length: together }, () => submit(deployment)));
  for (let look = 0; look < looks; look += 1)
    await Promise.all(jobIds.map((jobId) => ask(deployment, `/v1/jobs/${jobId}`)));
  await deployment.runAll(jobIds);
  await Promise.all(jobIds.map((jobId) => fetchOutput(deployment, jobId)));
}

async function submit(deployment: Deployment): Promise<string> {
  const body = JSON.stringify({ model: 'fake', input: { prompt, steps: 1, step_ms: 0 } });
  const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
  const answer = await ask(deployment, '/v1/jobs', { method: 'POST', headers, body });
  return jobSchema.parse(await answer.json()).id;
}

async function fetchOutput(deployment: Deployment, jobId: string): Promise<void> {
  const job = jobSchema.parse(await (await ask(deployment, `/v1/jobs/${jobId}`)).json());
  const link = await ask(deployment, job.output[0]?.url ?? '', { redirect: 'manual' });
  const file = await fetch(link.headers.get('location') ?? '');
  if (!file.ok) throw new Error(`the output's link answered ${file.status}`);
  await file.arrayBuffer();
  add(deployment.tally, 's3 GetObjectCommand');
}

async function ask({ url, key }: Deployment, path: string, init: RequestInit = {}) {
  const headers = { ...init.headers, authorization: `Bearer ${key}` };
  const answer = await fetch(new URL(path, url), { ...init, headers });
  if (answer.status >= 400) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

function figuresOf({ what }: Life, tally: Tally, jobs: number) {
  const of = (name: RegExp) =>
    [...tally].reduce((sum, [each, count]) => (name.test(each) ? sum + count : sum), 0) / jobs;
  const rounded = (value: number) => Math.round(value * 100) / 100;
  return {
    what,
    'api requests': rounded(of(/^api requests$/)),
    'dynamodb writes': rounded(of(/^dynamodb (Put|Update|Delete)ItemCommand$/)),
    'dynamodb write units': rounded(of(/^dynamodb write units$/)),
    'dynamodb index write units': rounded(of(/^dynamodb index write units$/)),
    'dynamodb reads': rounded(of(/^dynamodb (GetItem|Query)Command$/)),
    'dynamodb read units': rounded(of(/^dynamodb read units$/)),
    'sqs requests': rounded(of(/^sqs /)),
    's3 puts': rounded(of(/^s3 (Put|Copy|List)/)),
    's3 gets': rounded(of(/^s3 (Get|Head)/)),
    'api log bytes': Math.round(of(/^api log bytes$/)),
    'worker log bytes': Math.round(of(/^worker log bytes$/)),
  };
}

/** The fewest that a life as described can do with: less is a count that missed something. */
function faultsOf(row: BenchReport['rows'][number]): string[] {
  const least = {
    'api requests': 3,
    'dynamodb write units': 4,
    'sqs requests': 1.2,
    's3 puts': 1,
    's3 gets': 1,
  };
  return Object.entries(least).flatMap(([name, count]) =>
    Number(row[name]) < count ? [`${row.what}: ${row[name]} ${name} are fewer than a job can do with`] : [],
  );
}
