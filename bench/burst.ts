/**
 * N submissions at the same moment. Every one must be accepted or refused with a reason; a refused client comes back
 * as its `Retry-After` says, as SDKs do, until all N were accepted; every accepted job must end with one result and one
 * settlement. The seed article's figures for the same test are 100, 98 and 95 % at 10, 50 and 100.
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
      const { row, faults } = await burst(dataDir, size);
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

async function burst(dataDir: string, size: number) {
  const stack = await startLocalStack(dataDir, ['--no-first-job']);
  const startedAtMs = performance.now();
  const tally = await submitAll(stack, size);
  const acceptedAtMs = performance.now();
  const isDrained = await drained(stack, drainMsMax);
  const endedAtMs = performance.now();
  await stack.stop();

  const after = await inspect(dataDir, tally.jobIds);
  const answered = tally.first.accepted + tally.first.refused;
  const row = {
    submissions: size,
    'answered %': ((100 * answered) / size).toFixed(1),
    'accepted at once': tally.first.accepted,
    'refused first': [...tally.refusals.keys()].join(' ') || '-',
    'accepted in the end': tally.jobIds.length,
    'ended %': ((100 * after.succeeded) / size).toFixed(1),
    'answer p50 ms': Math.round(quantile(tally.answerMs, 0.5)),
    'answer p99 ms': Math.round(quantile(tally.answerMs, 0.99)),
    'jobs/s': Math.round((size * 1000) / (endedAtMs - startedAtMs)),
    'all accepted s': ((acceptedAtMs - startedAtMs) / 1000).toFixed(1),
  };
  const faults = [...after.faults];
  if (tally.first.unanswered > 0) faults.push(`${tally.first.unanswered} submissions got no answer`);
  if (!isDrained) faults.push('open jobs were left');
  if (new Set(tally.jobIds).size !== size) faults.push(`${new Set(tally.jobIds).size} jobs of ${size}`);
  if (after.succeeded !== size) faults.push(`${after.succeeded} of ${size} succeeded`);
  return { row, faults };
}

async function submitAll(target: Target, size: number): Promise<Tally> {
  const tally: Tally = {
    jobIds: [],
    refusals: new Map(),
    first: { accepted: 0, refused: 0, unanswered: 0 },
    answerMs: [],
  };
  await Promise.all(
    Array.from({ length: size }, (_, index) => submitUntilAccepted(target, `burst-${index}`, tally)),
  );
  return tally;
}

async function submitUntilAccepted(target: Target, idempotencyKey: string, tally: Tally): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const startedAtMs = performance.now();
    const answer = await submitOnce(target, idempotencyKey, body);
    if (tries === 0) {
      tally.first[answer.kind] += 1;
      tally.answerMs.push(performance.now() - startedAtMs);
    }
    if (answer.kind === 'accepted') {
      tally.jobIds.push(answer.jobId);
      return;
    }
    if (answer.kind === 'refused')
      tally.refusals.set(answer.code, (tally.refusals.get(answer.code) ?? 0) + 1);
    if (tries >= unansweredMax && answer.kind === 'unanswered') throw new Error('the stack does not answer');
    const waitMs = answer.kind === 'refused' ? answer.retryAfterMs : 1_000;
    // Spread, as a well-behaved client does: thousands that come back in the same millisecond are the burst again.
    await delay(waitMs * (1 + Math.random() * Math.min(10, tries + 1)));
  }
}
