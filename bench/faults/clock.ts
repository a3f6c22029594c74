/** A clock that jumps in one kind of process while it runs, and jumps back; see `shifted-clock.mjs` for how. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { StackProcess } from '../local-stack.ts';
import { between, oneOf } from '../random.ts';
import type { Scene } from './scene.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const jumpsMs = [-dayMs, -5 * minuteMs, 5 * minuteMs, dayMs];
const heldMs = { min: 1_000, max: 5_000 };

export type ClockRole = 'platform' | 'worker' | 'runner';

export interface Clocks {
  /** How the stack is started so that its clocks can be moved. */
  readonly process: StackProcess;
  /** Off the true time by so much, in every process of the role; or in one alone. */
  set(role: ClockRole, offsetMs: number, pid?: number): void;
  reset(): void;
}

/** `folder` must outlive the stack. */
export function movableClocks(folder: string): Clocks {
  mkdirSync(folder, { recursive: true });
  const preload = pathToFileURL(join(import.meta.dirname, 'shifted-clock.mjs')).href;
  return {
    process: { nodeArgs: ['--import', preload], env: { PILOTLIGHT_CLOCK_DIR: folder } },
    set(role, offsetMs, pid) {
      const path = join(folder, pid === undefined ? role : `${role}.${pid}`);
      writeFileSync(`${path}.new`, String(offsetMs));
      renameSync(`${path}.new`, path);
    },
    reset() {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
    },
  };
}

/** Moves the clocks of one role, or of all, for a few seconds in which the next faults go on. */
export async function moveClock(scene: Scene, clocks: Clocks): Promise<void> {
  const whose = oneOf(scene.random, ['platform', 'worker', 'everybody'] as const) ?? 'platform';
  const offsetMs = oneOf(scene.random, jumpsMs) ?? 0;
  const holdMs = between(scene.random, heldMs.min, heldMs.max);
  scene.count(`clocks moved (${whose})`);
  for (const role of whose === 'everybody' ? (['platform', 'worker', 'runner'] as const) : [whose]) {
    clocks.set(role, offsetMs);
  }
  await delay(holdMs, undefined, { signal: scene.ending }).catch(() => undefined);
  clocks.reset();
}
