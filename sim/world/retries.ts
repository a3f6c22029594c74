/**
 * Tenants of a share of the worlds who ask for more of what they have: a job that ended badly is retried, once or twice at
 * once, and a line that grew too long is purged. Drawn by chance of their own, as adapters are.
 *
 * The checks know the promise and nothing of the code: a job has one retry, however often it is asked for, which asks for the
 * same and names it; nothing is retried that has its result or went as somebody asked; a purge leaves nothing of its line
 * behind, and nobody's job is canceled that nobody asked about.
 */
import { isDeepStrictEqual } from 'node:util';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { purgeLine } from '#core/flows/purge-line.ts';
import { retry } from '#core/flows/retry.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { answerOf } from './client.ts';
import type { History, SubmissionAnswer } from './history.ts';
import { violate } from './history.ts';
import { nowAndThen } from './now-and-then.ts';
import { manifests, oneOf } from './scenario.ts';
import type { World } from './world.ts';

const share = 0.15;
const everyMsMean = 10_000;
/** Of a tenant: an outage may last for half an hour. */
const operationsMax = 16;
const triesMax = 4;
/** Of a tenant's operations. */
const purgeShare = 0.12;
/** Of the retries: of any job at all, which has mostly nothing to be retried for. */
const anyShare = 0.1;
const twoShare = 0.4;
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** One retry as its tenant means it, with however many tries. */
export interface AskedRetry {
  readonly tenantId: string;
  readonly jobId: string;
  /** Every answer, in order; `unknown` for a try that ended without one. */
  readonly answers: SubmissionAnswer[];
}

export interface RetryHistory {
  readonly asked: AskedRetry[];
  /** Lines that somebody tried to purge, as `tenant model`. */
  readonly purged: Set<string>;
  /** Jobs that somebody tried to cancel. */
  readonly canceled: Set<string>;
}

export function createRetryHistory(): RetryHistory {
  return { asked: [], purged: new Set(), canceled: new Set() };
}

/** Null in a world where nobody retries. */
export function retryChance(seed: number): Random | null {
  const random = createRandom(seed + 0x4e74);
  return random() < share ? random : null;
}

/** What one tenant asks for beside its other work and after it, while things fail: jobs take their time to end badly. */
export async function runRetries(
  world: World,
  tenantId: string,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  await nowAndThen(world.loop, { random, everyMsMean, times: operationsMax, isOver }, () => {
    if (random() < purgeShare) void purge(world, tenantId, random);
    else void retryOne(world, tenantId, random);
  });
}

async function retryOne(world: World, tenantId: string, random: Random): Promise<void> {
  const own = [...world.history.stored.values()].filter((job) => job.tenantId === tenantId);
  const open =
    random() < anyShare ? own : own.filter(({ status }) => status === 'failed' || status === 'expired');
  const job = open[Math.floor(random() * open.length)];
  if (job === undefined) return;
  const atOnce = random() < twoShare ? 2 : 1;
  await Promise.all(Array.from({ length: atOnce }, () => retryUntilAnswered(world, job, random)));
}

async function retryUntilAnswered(
  world: World,
  { tenantId, jobId }: JobRecord,
  random: Random,
): Promise<void> {
  const asked: AskedRetry = { tenantId, jobId, answers: [] };
  world.history.retries.asked.push(asked);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const answer = await tryRetry(world, tenantId, jobId);
    asked.answers.push(answer);
    if (answer.kind !== 'unknown' && answer.kind !== 'in_flight') return;
    await world.loop.clock.sleep(500 * 2 ** tries * (1 + random()));
  }
}

/** As the route of the API does it. Its calls are those of a submission, and count as them. */
async function tryRetry(world: World, tenantId: string, jobId: string): Promise<SubmissionAnswer> {
  const { process, ports } = world.api('submit');
  const { clock } = process;
  const { catalog, ids, log } = world;
  const served = await process.serve(async () => {
    const tenant = await ports.tenants.get(tenantId);
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (tenant === null || job === null) throw new Error('tenant and job are there');
    const outlooks = createOutlooks({ ...ports, catalog, clock });
    const ask = { tenant, keyId: 'key00002', granted: null, job, traceparent };
    return retry({ ...ports, catalog, clock, ids, log, outlooks }, ask);
  });
  if (served.kind !== 'answered') return { kind: 'unknown' };
  return served.value.kind === 'not_failed' ? { kind: 'refused' } : answerOf(served.value);
}

/** Once: whoever got no answer sees what is left, and may purge again. */
async function purge(world: World, tenantId: string, random: Random): Promise<void> {
  const { history, scenario, log } = world;
  const model = oneOf(random, manifests as [(typeof manifests)[number]]).id;
  history.retries.purged.add(lineNameOf(tenantId, model));
  const waiting = waitingOf(history, tenantId, model);
  const { process, ports } = world.api('purge');
  const served = await process.serve(() =>
    purgeLine({ ...ports, clock: process.clock, log }, tenantId, model),
  );
  // A list that lags may not show a job yet.
  if (served.kind !== 'answered' || scenario.lagMsMax > 0) return;
  for (const { jobId, attempt } of waiting) {
    const now = history.stored.get(jobId);
    if (now?.status === 'queued' && now.place.kind === 'line' && now.attempt === attempt)
      violate(history, 'I1', `${jobId} waits after its line was purged`);
  }
}

function waitingOf({ stored }: History, tenantId: string, model: string): JobRecord[] {
  return [...stored.values()].filter(
    (job) =>
      job.tenantId === tenantId &&
      job.model === model &&
      job.status === 'queued' &&
      job.place.kind === 'line',
  );
}

function lineNameOf(tenantId: string, model: string): string {
  return `${tenantId} ${model}`;
}

/** I1 to I3 at rest, of what was retried and of what was purged. */
export function checkRetries({ history }: World): void {
  for (const { jobId, answers } of history.retries.asked) checkTold(history, jobId, answers);
  const jobs = [...history.stored.values()];
  for (const [of, again] of Map.groupBy(jobs, ({ retryOf }) => retryOf)) {
    if (of !== null) checkAgain(history, of, again);
  }
  for (const job of jobs) checkCanceled(history, job);
}

function checkTold(history: History, of: string, answers: readonly SubmissionAnswer[]): void {
  for (const answer of answers) {
    if (!('jobId' in answer)) continue;
    const job = history.stored.get(answer.jobId);
    if (job === undefined) violate(history, 'I1', `${answer.jobId} was accepted and is gone`);
    else if (job.retryOf !== of) violate(history, 'I2', `the retry of ${of} was answered with ${job.jobId}`);
  }
}

function checkAgain(history: History, of: string, again: readonly JobRecord[]): void {
  const [job] = again;
  if (job === undefined) return;
  if (again.length > 1) violate(history, 'I1', `${of} has ${again.length} retries`);
  const before = history.stored.get(of);
  if (before?.tenantId !== job.tenantId)
    violate(history, 'I9', `${job.jobId} retries ${of}, another tenant's`);
  else if (!isDeepStrictEqual(wantedBy(before), wantedBy(job)))
    violate(history, 'I2', `${job.jobId} retries ${of} and asks for something else`);
  if (before !== undefined && !mayBeRetried(before))
    violate(history, 'I1', `${of} is ${before.status} and was retried`);
  const tries = history.retries.asked.filter(({ jobId }) => jobId === of);
  const isRefused = tries.every(
    ({ answers }) => answers.length > 0 && answers.every(({ kind }) => kind === 'refused'),
  );
  if (isRefused) violate(history, 'I2', `the retry of ${of} was refused and is ${job.jobId}`);
}

function wantedBy(job: JobRecord) {
  const { model, input, metadata, webhook, runMsMax, streamed } = job;
  return { model, input, metadata, webhook, runMsMax, streamed, class: job.class };
}

function mayBeRetried({ status, error }: JobRecord): boolean {
  return status === 'failed' || status === 'expired' || error?.code === 'run_too_long';
}

function checkCanceled(history: History, job: JobRecord): void {
  const { retries, runs } = history;
  const { jobId, tenantId, model, status, error } = job;
  if (status !== 'canceled' || error?.code !== 'canceled') return;
  if (!runs.has(jobId) && job.costUsdMicros !== 0)
    violate(history, 'I3', `${jobId} was canceled before it ran and costs ${job.costUsdMicros}`);
  const isAsked = retries.canceled.has(jobId) || retries.purged.has(lineNameOf(tenantId, model));
  // Of a batch, whose client canceled all of it: told apart by the name of its line.
  if (!isAsked && !isOfLine(job)) violate(history, 'I1', `${jobId} is canceled, and nobody asked for it`);
}

function isOfLine({ metadata: { op = '' } }: JobRecord): boolean {
  return op.includes('-') && !op.startsWith('adapters-');
}
