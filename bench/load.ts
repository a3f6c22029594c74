/**
 * Load from half to twice a published limit. There are two: the `requests_per_second` of a plan, which the gate keeps,
 * and what the platform itself can take on this machine, which is measured first: the most that clients in a closed
 * loop get accepted. Requests arrive at even distances whatever becomes of those before (an open loop), from clients
 * that do not retry, so nothing but the platform holds the load down.
 *
 * Every answer must be an acceptance, a 429 or a 503, the last two with `Retry-After`; at twice the limit at least 90 %
 * of the best goodput must be left; and every accepted job must end, once. All loads are offered in several rounds, and
 * medians compared, so that a slow moment of a shared machine does not decide.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { inspect } from './aftermath.ts';
import type { Bench, BenchReport } from './bench.ts';
import { median, quantile, wholeFlag } from './bench.ts';
import type { SubmitAnswer, Target } from './client.ts';
import { drained, submitOnce } from './client.ts';
import type { LocalStack } from './local-stack.ts';
import { startLocalStack } from './local-stack.ts';

const factors = [0.5, 1, 2, 1.5];
const goodputShareMin = 0.9;
/** Far below what any machine takes, so that the plan is what refuses. */
const planPerSecond = 8;
/** Each tenant has 500 open jobs at most: so many that this limit is not the one that is met. */
const tenants = 8;
const closedClients = 32;
const drainMsMax = 10 * 60_000;
const body = { model: 'fake', input: { prompt: 'load', steps: 1, step_ms: 0 } };

export const loadBench: Bench = async (flags) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  try {
    return await run(dataDir, wholeFlag(flags, 'seconds', 8), wholeFlag(flags, 'rounds', 3));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

async function run(dataDir: string, seconds: number, rounds: number): Promise<BenchReport> {
  const stack = await startLocalStack(dataDir, ['--no-first-job', '--idle-timeout', '600']);
  const planned = await addTenant(stack, 'planned', { requests_per_second: planPerSecond });
  const free = await Promise.all(
    Array.from({ length: tenants }, (_, index) => addTenant(stack, `free-${index}`, {})),
  );
  const all = [planned, ...free];
  await warmUp(free);
  const how = { seconds, platformPid: stack.process.pid ?? 0 };
  const plan: Step[] = [];
  const platform: Step[] = [];
  for (let round = 0; round < rounds; round += 1) {
    plan.push(...(await climb('plan', planPerSecond, [planned], how)));
    const peak = await closedLoop(free, seconds);
    await settled(free);
    platform.push(...(await climb('platform', peak, free, how)));
  }
  const isDrained = (await Promise.all(all.map((tenant) => drained(tenant, drainMsMax)))).every(Boolean);
  await stack.stop();

  const failures = [...plan, ...platform].flatMap(({ faults }) => faults);
  if (!isDrained) failures.push('open jobs were left');
  failures.push(...collapse(plan), ...collapse(platform));
  for (const { tenantId, jobIds } of all) {
    const after = await inspect(dataDir, [...jobIds], tenantId);
    failures.push(...after.faults.map((fault) => `${tenantId}: ${fault}`));
    if (after.succeeded !== jobIds.size) {
      failures.push(`${tenantId}: ${after.succeeded} of ${jobIds.size} succeeded`);
    }
  }
  return { rows: [...summary('plan', plan), ...summary('platform', platform)], failures };
}

interface Tenant extends Target {
  readonly tenantId: string;
  readonly jobIds: Set<string>;
}

const createdSchema = z.object({ key: z.object({ secret: z.string() }) });

async function addTenant(stack: LocalStack, tenantId: string, limits: object): Promise<Tenant> {
  const answer = await fetch(`${stack.url}/admin/v1/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: tenantId, plan: 'vip', ...limits }),
  });
  const { key } = createdSchema.parse(await answer.json());
  return { tenantId, url: stack.url, key: key.secret, jobIds: new Set() };
}

/** A worker that serves and code that is compiled: what a platform under load has. */
async function warmUp(targets: readonly Tenant[]): Promise<void> {
  await closedLoop(targets, 2);
  await settled(targets);
}

async function settled(targets: readonly Tenant[]): Promise<void> {
  await Promise.all(targets.map((target) => drained(target, drainMsMax)));
}

/** Accepted submissions a second, with so many clients that each waits for its answer. */
async function closedLoop(targets: readonly Tenant[], seconds: number): Promise<number> {
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + seconds * 1000;
  let accepted = 0;
  const client = async (index: number): Promise<void> => {
    while (performance.now() < untilMs) {
      const target = targets[index % targets.length];
      if (target === undefined) return;
      const answer = await submit(target);
      if (answer.kind === 'accepted') accepted += 1;
      else await delay(20);
    }
  };
  await Promise.all(Array.from({ length: closedClients }, (_, index) => client(index)));
  return (accepted * 1000) / (performance.now() - startedAtMs);
}

let submissions = 0;

async function submit(target: Tenant): Promise<SubmitAnswer> {
  submissions += 1;
  const answer = await submitOnce(target, `load-${submissions}`, body);
  if (answer.kind === 'accepted') target.jobIds.add(answer.jobId);
  return answer;
}

/** One load, offered once. */
interface Step {
  readonly limit: string;
  readonly factor: number;
  readonly offeredPerSecond: number;
  readonly goodput: number;
  /** What an acceptance costs the platform's process, refusals and other work included; null where nobody counts it. */
  readonly cpuMs: number | null;
  readonly share: { readonly accepted: number; readonly tooMany: number; readonly unavailable: number };
  readonly tookMs: readonly number[];
  readonly faults: readonly string[];
}

async function climb(
  limit: string,
  perSecond: number,
  targets: readonly Tenant[],
  { seconds, platformPid }: Pick<Offer, 'seconds' | 'platformPid'>,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const factor of factors) {
    process.stderr.write(`${limit}: ${factor} of ${perSecond.toFixed(1)}/s\n`);
    steps.push(await offer({ limit, factor, perSecond: perSecond * factor, targets, seconds, platformPid }));
    await settled(targets);
  }
  return steps;
}

interface Offer {
  readonly limit: string;
  readonly factor: number;
  readonly perSecond: number;
  readonly targets: readonly Tenant[];
  readonly seconds: number;
  readonly platformPid: number;
}

interface Answered {
  readonly answer: SubmitAnswer;
  readonly tookMs: number;
  readonly atMs: number;
}

/**
 * Goodput is what was accepted over the time until the last answer, and never less than the time of the offer: under
 * an overload the backlog is work that the platform took on.
 */
async function offer({ targets, perSecond, seconds, limit, factor, platformPid }: Offer): Promise<Step> {
  const startedAtMs = performance.now();
  const cpuBeforeMs = cpuMsOf(platformPid);
  const count = Math.max(1, Math.round(perSecond * seconds));
  const answers: Promise<Answered>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startedAtMs + (index * 1000) / perSecond;
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
    const target = targets[index % targets.length];
    if (target !== undefined) answers.push(timed(target));
  }
  const offeredMs = Math.max(seconds * 1000, performance.now() - startedAtMs);
  const answered = await Promise.all(answers);
  const cpuAfterMs = cpuMsOf(platformPid);
  const accepted = answered.filter(({ answer }) => answer.kind === 'accepted');
  const lastMs = Math.max(0, ...accepted.map(({ atMs }) => atMs - startedAtMs));
  const refused = answered.flatMap(({ answer }) => (answer.kind === 'refused' ? [answer] : []));
  const of = (status: number) => refused.filter((answer) => answer.status === status).length;
  return {
    limit,
    factor,
    offeredPerSecond: (count * 1000) / offeredMs,
    goodput: (accepted.length * 1000) / Math.max(offeredMs, lastMs),
    cpuMs: cpuBeforeMs === null || cpuAfterMs === null ? null : (cpuAfterMs - cpuBeforeMs) / accepted.length,
    share: {
      accepted: accepted.length / count,
      tooMany: of(429) / count,
      unavailable: of(503) / count,
    },
    tookMs: answered.map(({ tookMs }) => tookMs),
    faults: faultsOf(`${limit} x ${factor}`, answered),
  };
}

/** Whatever is neither an acceptance nor a refusal that says when to come back. */
function faultsOf(at: string, answered: readonly Answered[]): string[] {
  return answered.flatMap(({ answer }) => {
    if (answer.kind === 'accepted') return [];
    if (answer.kind === 'unanswered') return [`${at}: no answer, ${answer.reason}`];
    if (answer.status !== 429 && answer.status !== 503) return [`${at}: ${answer.status} ${answer.code}`];
    return answer.saysWhen ? [] : [`${at}: ${answer.status} ${answer.code} without Retry-After`];
  });
}

async function timed(target: Tenant): Promise<Answered> {
  const startedAtMs = performance.now();
  const answer = await submit(target);
  const atMs = performance.now();
  return { answer, atMs, tookMs: atMs - startedAtMs };
}

interface Load {
  readonly factor: number;
  readonly goodput: number;
  readonly steps: readonly Step[];
}

/** By factor, each with the median of its rounds. */
function loadsOf(steps: readonly Step[]): Load[] {
  return factors.toSorted().map((factor) => {
    const own = steps.filter((step) => step.factor === factor);
    return { factor, goodput: median(own.map(({ goodput }) => goodput)), steps: own };
  });
}

function shareOfBest(loads: readonly Load[], { goodput }: Load): number {
  return goodput / Math.max(...loads.map((load) => load.goodput));
}

function summary(limit: string, all: readonly Step[]): BenchReport['rows'] {
  const loads = loadsOf(all);
  return loads.map((load) => {
    const of = (pick: (step: Step) => number) => median(load.steps.map(pick));
    const percent = (pick: (step: Step) => number) => (100 * of(pick)).toFixed(1);
    const tookMs = load.steps.flatMap((step) => step.tookMs);
    return {
      limit,
      'of the limit': load.factor,
      'offered/s': of((step) => step.offeredPerSecond).toFixed(1),
      'accepted/s': load.goodput.toFixed(1),
      'of the best %': (100 * shareOfBest(loads, load)).toFixed(1),
      'CPU ms each': cpuText(load.steps),
      'accepted %': percent(({ share }) => share.accepted),
      '429 %': percent(({ share }) => share.tooMany),
      '503 %': percent(({ share }) => share.unavailable),
      'p50 ms': Math.round(quantile(tookMs, 0.5)),
      'p99 ms': Math.round(quantile(tookMs, 0.99)),
    };
  });
}

function cpuText(steps: readonly Step[]): string {
  const spent = steps.flatMap(({ cpuMs }) => (cpuMs === null ? [] : [cpuMs]));
  return spent.length === 0 ? '-' : median(spent).toFixed(1);
}

/** Of a process since it started, from Linux's /proc, which counts in hundredths of a second; elsewhere null. */
function cpuMsOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return null;
  }
}

function collapse(steps: readonly Step[]): string[] {
  const loads = loadsOf(steps);
  const twice = loads.find(({ factor }) => factor === 2);
  const share = twice === undefined ? 0 : shareOfBest(loads, twice);
  return share >= goodputShareMin
    ? []
    : [`${steps[0]?.limit}: goodput at twice the limit is ${(100 * share).toFixed(1)} % of the best`];
}
