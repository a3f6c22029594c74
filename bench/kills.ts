/**
 * kill -9 at random moments, of workers and of the whole platform, under a steady load of clients that retry. In the
 * end every job that a client was told is accepted must have ended once, with one result and one settlement.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from './aftermath.ts';
import type { Bench } from './bench.ts';
import { wholeFlag } from './bench.ts';
import { drained, submitOnce } from './client.ts';
import type { LocalStack } from './local-stack.ts';
import { startLocalStack } from './local-stack.ts';

const clients = 6;
const betweenKillsMs = { min: 200, max: 3_000 };
/** Lease and ticket visibility, a few times over: jobs that were hit more than once need as many leases. */
const drainMsMax = 5 * 60_000;

export const killsBench: Bench = async (flags) => {
  const kills = wholeFlag(flags, 'kills', 50);
  const seed = wholeFlag(flags, 'seed', 1);
  const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  try {
    return await run(dataDir, kills, seed);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

async function run(dataDir: string, kills: number, seed: number) {
  const random = randomOf(seed);
  const start = () => startLocalStack(dataDir, ['--no-first-job', '--max-workers', '2']);
  const world = { stack: await start(), isOver: false, jobIds: new Set<string>(), unanswered: 0 };
  const load = Array.from({ length: clients }, (_, index) => submitSteadily(world, index));
  const killed = { worker: 0, platform: 0 };

  for (let count = 0; count < kills; count += 1) {
    await delay(betweenKillsMs.min + random() * (betweenKillsMs.max - betweenKillsMs.min));
    const workers = world.stack.workerIds();
    const victim = workers[Math.floor(random() * workers.length)];
    if (victim !== undefined && random() < 0.5) {
      killed.worker += 1;
      process.kill(victim, 'SIGKILL');
    } else {
      killed.platform += 1;
      await world.stack.kill();
      world.stack = await start();
    }
    process.stderr.write(`\rkill ${count + 1} of ${kills}, ${world.jobIds.size} jobs accepted `);
  }
  world.isOver = true;
  await Promise.all(load);
  const recoveringAtMs = performance.now();
  const isDrained = await drained(world.stack, drainMsMax);
  const recoveryMs = performance.now() - recoveringAtMs;
  await world.stack.stop();

  const after = await inspect(dataDir, [...world.jobIds]);
  const failures = [...after.faults];
  if (!isDrained) failures.push('open jobs were left');
  if (after.succeeded !== world.jobIds.size)
    failures.push(`${after.succeeded} of ${world.jobIds.size} succeeded`);
  const row = {
    seed,
    'workers killed': killed.worker,
    'platform killed': killed.platform,
    accepted: world.jobIds.size,
    ended: after.succeeded,
    'run more than once': after.retried,
    'requests cut off': world.unanswered,
    'last job ended after s': (recoveryMs / 1000).toFixed(1),
    faults: failures.length,
  };
  return { rows: [row], failures };
}

interface World {
  stack: LocalStack;
  isOver: boolean;
  readonly jobIds: Set<string>;
  unanswered: number;
}

/** One client: a job after another; a cut-off request is sent again with the same key until it is answered. */
async function submitSteadily(world: World, client: number): Promise<void> {
  for (let count = 0; !world.isOver; count += 1) {
    const body = {
      model: 'fake',
      input: { prompt: `${client}/${count}`, steps: 5, step_ms: 40, n: 1 + (count % 2) },
    };
    for (;;) {
      const answer = await submitOnce(world.stack, `kills-${client}-${count}`, body);
      if (answer.kind === 'accepted') {
        world.jobIds.add(answer.jobId);
        break;
      }
      if (answer.kind === 'unanswered') world.unanswered += 1;
      await delay(100);
    }
    await delay(150);
  }
}

/** Mulberry32 (Tommy Ettinger, public domain): the same kills for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
