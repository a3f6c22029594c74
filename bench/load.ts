/**
 * Load from half to twice a published limit. There are two: the `requests_per_second` of a plan, which the gate keeps,
 * and what the platform itself can take on this machine, which is measured first: the most that clients in a closed
 * loop get accepted. Requests arrive at even distances whatever becomes of those before (an open loop), from clients
 * that do not retry, so nothing but the platform holds the load down.
 *
 * Every answer must be an acceptance, a 429 or a 503, the last two with `Retry-After`; at twice the limit at least 90 %
 * of the best goodput must be left; and every accepted job must end, once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { inspect } from './aftermath.ts';
import type { Bench, BenchReport } from './bench.ts';
import { quantile, wholeFlag } from './bench.ts';
import type { SubmitAnswer, Target } from './client.ts';
import { drained, submitOnce } from './client.ts';
import type { LocalStack } from './local-stack.ts';
import { startLocalStack } from './local-stack.ts';

/** The outer ones twice and apart, so that a slow moment of the machine does not decide. */
const factors = [0.5, 1, 2, 0.75, 1.5, 2, 1, 1.25];
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
    return await run(dataDir, wholeFlag(flags, 'seconds', 8));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

async function run(dataDir: string, seconds: number): Promise<BenchReport> {
  const stack = await startLocalStack(dataDir, ['--no-first-job', '--idle-timeout', '600']);
  const planned = await addTenant(stack, 'planned', { requests_per_second: planPerSecond });
  const free = await Promise.all(
    Array.from({ length: tenants }, (_, index) => addTenant(stack, `free-${index}`, {})),
  );
  const all = [planned, ...free];
  await warmUp(free);
  const plan = await climb('plan', planPerSecond, [planned], seconds);
  const peak = await closedLoop(free, seconds);
  await settled(free);
  const platform = await climb('platform', peak, free, seconds);
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
  const rows = [...plan, ...platform].map(({ row }) => row);
  return { rows: [...rows, ...shareRows('plan', plan), ...shareRows('platform', platform)], failures };
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

interface Step {
  readonly factor: number;
  readonly goodput: number;
  readonly row: Readonly<Record<string, string | number>>;
  readonly faults: readonly string[];
}

async function climb(
  limit: string,
  perSecond: number,
  targets: readonly Tenant[],
  seconds: number,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const factor of factors) {
    process.stderr.write(`${limit}: ${factor} of ${perSecond.toFixed(1)}/s\n`);
    steps.push(await offer({ limit, factor, perSecond: perSecond * factor, targets, seconds }));
    await settled(targets);
  }
  return steps.toSorted((left, right) => left.factor - right.factor);
}

interface Offer {
  readonly limit: string;
  readonly factor: number;
  readonly perSecond: number;
  readonly targets: readonly Tenant[];
  readonly seconds: number;
}

interface Answered {
  readonly answer: SubmitAnswer;
  readonly tookMs: number;
  readonly atMs: number;
}

/** Goodput counts what was accepted while the load was offered, not what a backlog brings afterwards. */
async function offer(ask: Offer): Promise<Step> {
  const { targets, perSecond, seconds, limit, factor } = ask;
  const startedAtMs = performance.now();
  const count = Math.round(perSecond * seconds);
  const answers: Promise<Answered>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startedAtMs + (index * 1000) / perSecond;
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
    const target = targets[index % targets.length];
    if (target !== undefined) answers.push(timed(target));
  }
  const offeredMs = performance.now() - startedAtMs;
  const answered = await Promise.all(answers);
  const inTime = answered.filter(({ atMs }) => atMs <= startedAtMs + offeredMs);
  const accepted = inTime.filter(({ answer }) => answer.kind === 'accepted').length;
  const goodput = (accepted * 1000) / offeredMs;
  const refused = answered.flatMap(({ answer }) => (answer.kind === 'refused' ? [answer] : []));
  const of = (status: number) => refused.filter((answer) => answer.status === status).length;
  const other = refused.filter(({ status }) => status !== 429 && status !== 503);
  const unanswered = answered.filter(({ answer }) => answer.kind === 'unanswered').length;
  const silent = refused.filter(({ saysWhen }) => !saysWhen).length;
  const at = `${limit} x ${factor}`;
  const tookMs = answered.map((each) => each.tookMs);
  return {
    factor,
    goodput,
    row: {
      limit,
      'of the limit': factor,
      'offered/s': ((count * 1000) / offeredMs).toFixed(1),
      'accepted/s': goodput.toFixed(1),
      'accepted of all %': ((100 * (answered.length - refused.length - unanswered)) / count).toFixed(1),
      429: of(429),
      503: of(503),
      other: other.length + unanswered,
      'p50 ms': Math.round(quantile(tookMs, 0.5)),
      'p99 ms': Math.round(quantile(tookMs, 0.99)),
    },
    faults: [
      ...(other.length > 0 ? [`${at}: ${other.length} answers ${other[0]?.status} ${other[0]?.code}`] : []),
      ...(unanswered > 0 ? [`${at}: ${unanswered} requests got no answer`] : []),
      ...(silent > 0 ? [`${at}: ${silent} refusals without Retry-After`] : []),
    ],
  };
}

async function timed(target: Tenant): Promise<Answered> {
  const startedAtMs = performance.now();
  const answer = await submit(target);
  const atMs = performance.now();
  return { answer, atMs, tookMs: atMs - startedAtMs };
}

/** Goodput at twice the limit, over the most at any load; a load that was offered twice counts by its mean. */
function shareAtTwice(steps: readonly Step[]): number {
  const means = [...new Set(factors)].map((factor) => {
    const own = steps.filter((step) => step.factor === factor);
    return { factor, goodput: own.reduce((sum, { goodput }) => sum + goodput, 0) / own.length };
  });
  const best = Math.max(...means.map(({ goodput }) => goodput));
  return (means.find(({ factor }) => factor === 2)?.goodput ?? 0) / best;
}

function shareRows(limit: string, steps: readonly Step[]): BenchReport['rows'] {
  const share = (100 * shareAtTwice(steps)).toFixed(1);
  return [{ limit, 'of the limit': 2, 'accepted/s': `${share} % of the best` }];
}

function collapse(steps: readonly Step[]): string[] {
  const share = shareAtTwice(steps);
  return share >= goodputShareMin
    ? []
    : [`${steps[0]?.row.limit}: goodput at twice the limit is ${(100 * share).toFixed(1)} % of the best`];
}
