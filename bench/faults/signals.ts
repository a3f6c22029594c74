/**
 * `kill -9` and SIGSTOP of platform, worker and runner. A process is stopped for longer than the others have patience
 * with it: a worker and the platform longer than a lease, a runner longer than a worker waits for its pong.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { jobLimits, workerLimits } from '#core/limits.ts';
import { between, oneOf } from '../random.ts';
import type { Scene } from './scene.ts';

type Role = 'worker' | 'runner' | 'platform';

/** A start of the platform takes longest, and nothing is served meanwhile. */
const shares: readonly (readonly [Role, number])[] = [
  ['runner', 0.45],
  ['worker', 0.35],
  ['platform', 0.2],
];

interface Victim {
  readonly role: Role;
  readonly pid: number;
}

/** Over the bound itself: the fault is that it is passed, not by how much. */
const overMs = { min: 500, max: 6_000 };

/** A worker or runner that was just killed is back by then, on a slow machine too; else the platform is the victim. */
const backMsMax = 60_000;

/** Kills one process. */
export async function killOne(scene: Scene): Promise<void> {
  const { role, pid } = await victimOf(scene);
  scene.count(`${role}s killed`);
  if (role === 'platform') await scene.restart();
  else signal(pid, 'SIGKILL');
}

/**
 * Stops one process and lets it go on later. While a worker or runner stands still the next faults go on; the platform
 * holds everybody up, the next fault too.
 */
export async function stopOne(scene: Scene): Promise<void> {
  const { role, pid } = await victimOf(scene);
  const patienceMs = role === 'runner' ? workerLimits.runnerSilenceMs : jobLimits.leaseMs;
  const stopMs = patienceMs + between(scene.random, overMs.min, overMs.max);
  scene.count(`${role}s stopped`);
  const standing = standStill(pid, stopMs, scene);
  if (role === 'platform') await standing;
  else scene.beside(standing);
}

async function standStill(pid: number, ms: number, scene: Scene): Promise<void> {
  if (!signal(pid, 'SIGSTOP')) return;
  await delay(ms, undefined, { signal: scene.ending }).catch(() => undefined);
  scene.count(signal(pid, 'SIGCONT') ? 'woken again' : 'killed while they stood still');
}

async function victimOf({ stack, random, ending }: Scene): Promise<Victim> {
  const role = drawRole(random());
  const untilMs = performance.now() + backMsMax;
  while (role !== 'platform' && performance.now() < untilMs && !ending.aborted) {
    // Drawn anew each time: who is there is a matter of the moment.
    const pid = oneOf(random, role === 'worker' ? stack.workerIds() : stack.runnerIds());
    if (pid !== undefined) return { role, pid };
    await delay(50);
  }
  return { role: 'platform', pid: stack.process.pid ?? 0 };
}

function drawRole(drawn: number): Role {
  let left = drawn;
  for (const [role, share] of shares) {
    left -= share;
    if (left < 0) return role;
  }
  return 'platform';
}

/** False when the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
