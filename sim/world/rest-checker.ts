/**
 * Invariants that hold when everything has come to rest (reliability.md 3.1). Built from what clients were told and from
 * what anybody could read: records, ledger, results. Knows the promises, and none of the code that keeps them.
 */
import { createHash } from 'node:crypto';
import { forgettableBuckets, lastingBucket } from '#core/admission/stored-bytes.ts';
import { monthOf } from '#core/admission/windows.ts';
import type { JobEntry, LedgerEntry } from '#core/billing/ledger.ts';
import { isOfJob } from '#core/billing/ledger.ts';
import { chatTexts } from '#core/chat/messages.ts';
import type { JobRecord } from '#core/job/job.ts';
import { jobLimits } from '#core/limits.ts';
import { checkAdapterBytes, checkReadyAdapters } from './adapters.ts';
import { checkBatches } from './batches.ts';
import { checkDrops, droppedBytes } from './drops.ts';
import type { Submission } from './history.ts';
import { goneDayOf, ownBytesOf, violate } from './history.ts';
import { areFetchedPictures } from './pictures.ts';
import { checkRetries } from './retries.ts';
import { bounds } from './scenario.ts';
import { checkFileBytes, checkFiles, splitStored } from './tenant-files.ts';
import { checkToldWarmups, paidForWarmups } from './warmups.ts';
import { checkWebhooks } from './webhook-checker.ts';
import type { World } from './world.ts';

export async function checkAtRest(world: World): Promise<void> {
  checkSubmissions(world);
  checkEnds(world);
  checkRuns(world);
  checkToldWarmups(world.history);
  checkRetries(world);
  for (const { tenantId } of world.scenario.tenants) {
    await checkLedger(world, tenantId);
    await checkGate(world, tenantId);
    await checkStored(world, tenantId);
    await checkAdapterBytes(world, tenantId);
  }
  for (const job of world.history.stored.values()) await checkResult(world, job);
  await checkReadyAdapters(world);
  await checkFileBytes(world);
  checkWebhooks(world);
  await checkBatches(world);
  await checkDrops(world);
  checkFleet(world);
  checkLogs(world);
}

/** I1 and I2: each accepted submission has its one job, each refused one has none. */
function checkSubmissions({ history }: World): void {
  for (const submission of history.submissions) {
    const told = submission.answers.flatMap((answer) => ('jobId' in answer ? [answer.jobId] : []));
    if (new Set(told).size > 1) violate(history, 'I1', `${submission.op} was told of ${told.join(' and ')}`);
    for (const jobId of told) {
      const job = history.stored.get(jobId);
      if (job === undefined) violate(history, 'I1', `${jobId} was accepted and is gone`);
      else if (job.tenantId !== submission.tenantId) violate(history, 'I9', `${jobId} is another tenant's`);
      else if (job.metadata.op !== submission.op)
        violate(history, 'I2', `${submission.op} was answered with ${jobId}`);
    }
  }
  for (const [op, tries] of groupBy(history.submissions, ({ op }) => op)) checkJobsOf(history, op, tries);
}

/** Submissions of one operation share a body, and its key if it has one. */
function checkJobsOf(history: World['history'], op: string, tries: readonly Submission[]): void {
  const jobs = [...history.stored.values()].filter((job) => job.metadata.op === op && job.retryOf === null);
  // One that still waits for its answer, because its process is held, may have been accepted as well.
  const isRefused = tries.every(
    ({ answers }) =>
      answers.length > 0 && answers.every(({ kind }) => kind === 'refused' || kind === 'mismatch'),
  );
  if (isRefused && jobs.length > 0) {
    violate(history, 'I2', `${op} was refused and has the job ${jobs[0]?.jobId}`);
  }
  const isKeyed = tries.some(({ idempotencyKey }) => idempotencyKey !== null);
  const most = isKeyed ? 1 : tries.length;
  if (jobs.length > most) violate(history, 'I1', `${op} has ${jobs.length} jobs`);
}

/** I7: no job is run oftener than it may be; and in a world without trouble, once. */
function checkRuns({ history, scenario, plan }: World): void {
  const isCalm = scenario.isCalm && plan.hits.size === 0;
  for (const job of history.stored.values()) {
    const runs = history.runs.get(job.jobId) ?? 0;
    if (job.receipt?.cachedFrom !== undefined) {
      if (runs > 0) violate(history, 'I7', `${job.jobId} came out of the cache and was run`);
      continue;
    }
    if (runs > jobLimits.attemptsMax + job.interruptions)
      violate(history, 'I7', `${job.jobId} was run ${runs} times`);
    if (job.error?.code === 'run_too_long' && job.runMsMax === null)
      violate(history, 'I7', `${job.jobId} was stopped for a time that nobody asked for`);
    // What was claimed ahead and went back was not run, and has spent no attempt.
    const isDone = job.status === 'succeeded' && job.attempt - job.interruptions === 1 && runs === 1;
    const isWithoutAdapter = job.adapters.some(({ id }) => history.adapters.takenAway.has(id));
    const mayEndOtherwise =
      'fault' in job.input || job.status === 'canceled' || job.status === 'expired' || isWithoutAdapter;
    // A job that shares its call with one that crashes the runner pays for it with an attempt.
    if (isCalm && !isDone && !mayEndOtherwise && !hasCrashes(history)) {
      violate(
        history,
        'I7',
        `${job.jobId} ${job.status} after ${job.attempt} attempts and ${runs} runs, with nothing wrong`,
      );
    }
  }
}

function hasCrashes(history: World['history']): boolean {
  return [...history.stored.values()].some(({ input }) => input.fault === 'crash');
}

/** I1: what a client was told of an end stays true. */
function checkEnds({ history }: World): void {
  for (const [jobId, status] of history.ended) {
    const now = history.stored.get(jobId)?.status;
    if (now !== status) violate(history, 'I1', `${jobId} ended as ${status} and is ${now}`);
  }
}

/** I3: one charge for each job, at most one refund, and nothing for anything else. */
async function checkLedger(world: World, tenantId: string): Promise<void> {
  const { history, stores, scenario } = world;
  const entries: LedgerEntry[] = [];
  for (const month of monthsOf(world)) entries.push(...(await everyEntry(stores.ledger, tenantId, month)));
  const jobs = [...history.stored.values()].filter((job) => job.tenantId === tenantId);
  const ofJobs = entries.filter(isOfJob);
  if (
    entries.some(({ kind }) => kind === 'share') &&
    (scenario.sequel !== 'month' || scenario.pricing !== 'at_cost')
  )
    violate(history, 'I3', `the ledger has a share of ${tenantId}, and no month was closed`);
  const byJob = groupBy(ofJobs, ({ jobId }) => jobId);
  for (const job of jobs) {
    const own = byJob.get(job.jobId) ?? [];
    byJob.delete(job.jobId);
    checkEntries(history, job, own);
  }
  for (const jobId of byJob.keys())
    violate(history, 'I3', `the ledger has ${jobId}, which is no job of ${tenantId}`);
}

function checkEntries(history: World['history'], job: JobRecord, own: readonly JobEntry[]): void {
  const month = monthOf(job.createdAtMs);
  for (const entry of own.filter((each) => each.month !== month))
    violate(history, 'I3', `the ${entry.kind} of ${job.jobId} of ${month} is entered in ${entry.month}`);
  const charges = own.filter(({ kind }) => kind === 'charge');
  const [charge] = charges;
  if (charge === undefined || charges.length > 1) {
    violate(history, 'I3', `${job.jobId} (${job.status}) has ${charges.length} charges`);
    return;
  }
  if (charge.usdMicros !== (job.costUsdMicros ?? 0) || charge.outcome !== job.status) {
    violate(history, 'I3', `${job.jobId} is charged ${charge.usdMicros} and costs ${job.costUsdMicros}`);
  }
  if (charge.usdMicros > job.reservedUsdMicros)
    violate(history, 'I3', `${job.jobId} costs more than was set aside`);
  if ((job.status === 'failed' || job.status === 'expired') && charge.usdMicros !== 0) {
    violate(history, 'I3', `${job.jobId} ${job.status} and is charged`);
  }
  const given = own.filter(({ kind }) => kind === 'refund').map(({ usdMicros }) => -usdMicros);
  if (given.length > 1 || given.some((usdMicros) => usdMicros > charge.usdMicros)) {
    violate(history, 'I3', `${job.jobId} is given back ${given.join(' and ')} of ${charge.usdMicros}`);
  }
}

/** I4 and I5: no reservation is left, and the month's counter is what was spent and not given back. */
async function checkGate(world: World, tenantId: string): Promise<void> {
  const { history, stores, loop, scenario } = world;
  const gate = await stores.gates.read(tenantId);
  const open = Object.keys(gate?.open ?? {});
  if (open.length > 0) violate(history, 'I4', `${tenantId} still has reservations: ${open.join(', ')}`);
  const nowMs = loop.clock.nowMs();
  for (const month of monthsOf(world)) {
    const counted = gate?.counters[`budget_usd_micros_per_month@${month}`];
    if (counted === undefined || isForgettable(month, nowMs + scenario.skewMsMax)) continue;
    const spent = [...history.stored.values()]
      .filter((job) => job.tenantId === tenantId && monthOf(job.createdAtMs) === month)
      .reduce(
        (sum, job) => sum + (job.costUsdMicros ?? 0) - (history.refunded.get(job.jobId) ?? 0),
        paidForWarmups(history, tenantId, month),
      );
    if (counted !== spent)
      violate(history, 'I4', `${tenantId} spent ${spent} in ${month} and ${counted} is counted`);
  }
}

/** I5: the gate has counted the results of each job once, for the midnight at which they go; adapters are looked at apart. */
async function checkStored(world: World, tenantId: string): Promise<void> {
  const { history, loop, scenario, stores } = world;
  const isForgotten = (bucket: string) =>
    forgettableBuckets({ [bucket]: 0 }, loop.clock.nowMs() + scenario.skewMsMax).length > 0;
  const expected: Record<string, number> = {};
  for (const job of history.stored.values()) {
    if (job.tenantId !== tenantId || job.finishedAtMs === null) continue;
    const day = String(goneDayOf(job, job.finishedAtMs));
    const bytes = ownBytesOf(job);
    if (bytes > 0 && !isForgotten(day)) expected[day] = (expected[day] ?? 0) + bytes;
  }
  const buckets = Object.entries((await stores.gates.read(tenantId))?.stored ?? {});
  const stored = Object.fromEntries(
    buckets.filter(([bucket]) => bucket !== lastingBucket && !isForgotten(bucket)),
  );
  // Who died right behind the record of a dropped file has left it uncounted.
  const withDrop = { ...expected };
  for (const { day, bytes } of droppedBytes(world, tenantId))
    if (!isForgotten(day)) withDrop[day] = (withDrop[day] ?? 0) + bytes;
  const { units, rest } = splitStored(stored);
  checkFiles(history, tenantId, units, isForgotten);
  const areTheRest = (known: Readonly<Record<string, number>>) =>
    areFetchedPictures(history, tenantId, difference(rest, known));
  if (!areTheRest(expected) && !areTheRest(withDrop)) {
    violate(
      history,
      'I5',
      `${tenantId} keeps ${JSON.stringify(expected)} and ${JSON.stringify(rest)} is counted`,
    );
  }
}

/** By day, what is counted and not known; negative where less is counted. */
function difference(
  counted: Readonly<Record<string, number>>,
  known: Readonly<Record<string, number>>,
): ReadonlyMap<string, number> {
  const days = new Set([...Object.keys(counted), ...Object.keys(known)]);
  return new Map([...days].map((day) => [day, (counted[day] ?? 0) - (known[day] ?? 0)]));
}

/** I6 and I9: a success has its results, whole, made by the attempt that won, from its own prompt. */
async function checkResult({ history, stores, catalog }: World, job: JobRecord): Promise<void> {
  if (job.place.kind !== 'done') violate(history, 'I10', `${job.jobId} never ended: ${job.status}`);
  if (job.status !== 'succeeded') return;
  const isChat = catalog.get(job.model)?.manifest.task === 'chat';
  if (job.outputs.length !== (isChat ? 1 : job.images))
    violate(history, 'I6', `${job.jobId} has ${job.outputs.length} results`);
  const maker = history.stored.get(job.receipt?.cachedFrom ?? job.jobId) ?? job;
  for (const output of job.outputs) {
    if (!output.path.startsWith(`jobs/${maker.jobId}/${maker.attempt}/`)) {
      violate(history, 'I6', `${job.jobId} points to ${output.path}`);
    }
    const body = await stores.blobs.get(job.tenantId, output.path);
    if (body === null || createHash('sha256').update(body).digest('hex') !== output.sha256) {
      violate(history, 'I6', `${output.path} of ${job.jobId} is missing or differs`);
    } else if (!new TextDecoder().decode(body).includes(promptOf(job))) {
      violate(history, 'I9', `${output.path} holds the result of another prompt`);
    }
  }
}

function promptOf({ input }: JobRecord): string {
  return typeof input.prompt === 'string' ? input.prompt : chatTexts(input).join(' ');
}

/** I11: never above the cap, and nothing left running. */
function checkFleet({ history, fleet, catalog }: World): void {
  if (fleet.desiredMax > bounds.workersMax)
    violate(history, 'I11', `${fleet.desiredMax} workers were asked for`);
  for (const pool of catalog.pools()) {
    const desired = fleet.desiredOf(pool);
    if (desired > bounds.workersMin) violate(history, 'I11', `${pool} still has ${desired} workers`);
  }
}

/** I12: no prompt in any log. */
function checkLogs({ history, log }: World): void {
  const text = JSON.stringify(log.lines);
  if (!text.includes('canary-')) return;
  const found = [...history.canaries].find((canary) => text.includes(canary));
  violate(history, 'I12', `a log line holds ${found ?? 'a prompt'}`);
}

export async function everyEntry(
  ledger: World['stores']['ledger'],
  tenantId: string,
  month: string,
): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await ledger.list(tenantId, month, cursor);
    entries.push(...page.items);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

/** Months that a job of this run may be of, by whatever clock. */
function monthsOf({ loop, scenario: { startMs, skewMsMax } }: World): Set<string> {
  return new Set([startMs - skewMsMax, startMs, loop.clock.nowMs() + skewMsMax].map(monthOf));
}

/** A month's counter is of no use a week after it: no admission asks for it, and no refund corrects it. */
function isForgettable(month: string, nowMs: number): boolean {
  const endMs = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)), 1);
  return nowMs >= endMs + 7 * 24 * 60 * 60_000;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
