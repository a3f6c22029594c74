/**
 * N submissions at the same moment, by one tenant. Every one must be accepted or refused with a reason, and every
 * accepted job must end with one result and one settlement. With `--persist` a refused client comes back as
 * `Retry-After` says, doubling its waits, until all N were accepted. The seed article's figures for the same test are
 * 100, 98 and 95 % at 10, 50 and 100.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from './aftermath.ts';
import type { Bench, BenchFlags } from './bench.ts';
import { quantile } from './bench.ts';
import type { Target } from './client.ts';
import { drained, submitOnce } from './client.ts';
import { startLocalStack } from './local-stack.ts';

const body = { model: 'fake', input: { prompt: 'burst', steps: 1, step_ms: 0 } };
/** A stack that answers nothing this often is down. */
const unansweredMax = 20;
const waitMsMax = 60_000;
const drainMsMax = 30 * 60_000;

interface Tally {
  readonly jobIds: string[];
  readonly refusals: Map<string, number>;
  /** Of first answers only: what a client without retries would see. */
  readonly first: { accepted: number; refused: number; unanswered: number };
  readonly answerMs: number[];
}

export const burstBench: Bench = async (flags) => {
  const rows = [];
  const failures: string[] = [];
  for (const size of sizesOf(flags)) {
    const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
    try {
      const { row, faults } = await burst(dataDir, size, flags.persist === true);
      rows.push(row);
      failures.push(...faults.map((fault) => `${size}: ${fault}`));
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
  return { rows, failures };
};

function sizesOf(flags: BenchFlags): number[] {
  return String(flags.sizes ?? '10,50,100,1000,10000')
    .split(',')
    .map(Number);
}

async function burst(dataDir: string, size: number, isPersistent: boolean) {
  const stack = await startLocalStack(dataDir, ['--no-first-job']);
  const startedAtMs = performance.now();
  const tally = await submitAll(stack, size, isPersistent);
  const isDrained = await drained(stack, drainMsMax);
  const endedAtMs = performance.now();
  await stack.stop();

  const after = await inspect(dataDir, tally.jobIds);
  const { accepted, refused, unanswered } = tally.first;
  const row = {
    submissions: size,
    'answered %': ((100 * (accepted + refused)) / size).toFixed(1),
    'accepted at once': accepted,
    'refused at once': refused,
    reasons: [...tally.refusals.keys()].join(' ') || '-',
    'accepted in the end': tally.jobIds.length,
    'of these ended %': ((100 * after.succeeded) / tally.jobIds.length).toFixed(1),
    'answer p50 ms': Math.round(quantile(tally.answerMs, 0.5)),
    'answer p99 ms': Math.round(quantile(tally.answerMs, 0.99)),
    'jobs/s': Math.round((tally.jobIds.length * 1000) / (endedAtMs - startedAtMs)),
  };
  const faults = [...after.faults];
  const distinct = new Set(tally.jobIds).size;
  if (unanswered > 0) faults.push(`${unanswered} submissions got no answer`);
  if (!isDrained) faults.push('open jobs were left');
  if (distinct !== tally.jobIds.length) faults.push(`${distinct} jobs for ${tally.jobIds.length} answers`);
  if (isPersistent && distinct !== size) faults.push(`${distinct} jobs of ${size}`);
  if (after.succeeded !== distinct) faults.push(`${after.succeeded} of ${distinct} succeeded`);
  return { row, faults };
}

async function submitAll(target: Target, size: number, isPersistent: boolean): Promise<Tally> {
  const tally: Tally = {
    jobIds: [],
    refusals: new Map(),
    first: { accepted: 0, refused: 0, unanswered: 0 },
    answerMs: [],
  };
  await Promise.all(
    Array.from({ length: size }, (_, index) => submitOne(target, `burst-${index}`, tally, isPersistent)),
  );
  return tally;
}

async function submitOne(target: Target, key: string, tally: Tally, isPersistent: boolean): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const startedAtMs = performance.now();
    const answer = await submitOnce(target, key, body);
    if (tries === 0) {
      tally.first[answer.kind] += 1;
      tally.answerMs.push(performance.now() - startedAtMs);
    }
    if (answer.kind === 'accepted') tally.jobIds.push(answer.jobId);
    if (answer.kind === 'refused') count(tally.refusals, answer.code);
    if (answer.kind === 'unanswered') count(tally.refusals, answer.reason);
    if (answer.kind === 'accepted' || !isPersistent) return;
    if (answer.kind === 'unanswered' && tries >= unansweredMax) throw new Error('the stack does not answer');
    const waitMs = answer.kind === 'refused' ? answer.retryAfterMs : 1_000;
    // Full jitter: thousands that come back in the same millisecond are the burst again.
    await delay(waitMs + Math.random() * Math.min(waitMsMax, waitMs * 2 ** tries));
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
