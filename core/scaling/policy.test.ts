import { describe, expect, it } from 'vitest';
import type { ScalingView } from './policy.ts';
import { desiredWorkers } from './policy.ts';

const bounds = { workersMin: 0, workersMax: 3, idleTimeoutMs: 30_000 };
const idle: ScalingView = {
  openJobs: 0,
  jobsPerWorker: 4,
  desired: 1,
  idleForMs: 30_000,
  prewarmed: 0,
  isHeldBack: false,
};

describe('desiredWorkers', () => {
  it('keeps prewarmed workers up without work, within the upper bound', () => {
    expect(desiredWorkers(idle, bounds)).toBe(0);
    expect(desiredWorkers({ ...idle, prewarmed: 2 }, bounds)).toBe(2);
    expect(desiredWorkers({ ...idle, prewarmed: 9 }, bounds)).toBe(3);
    expect(desiredWorkers({ ...idle, prewarmed: 1, openJobs: 8, idleForMs: null }, bounds)).toBe(2);
  });

  it('starts none for a pool that is held back, neither for work nor for the least number', () => {
    const held = { ...idle, isHeldBack: true };

    expect(desiredWorkers({ ...held, openJobs: 80, idleForMs: null }, bounds)).toBe(1);
    expect(desiredWorkers({ ...held, desired: 0 }, { ...bounds, workersMin: 2 })).toBe(0);
    expect(desiredWorkers({ ...held, idleForMs: 5 }, bounds)).toBe(1);
    expect(desiredWorkers(held, bounds)).toBe(0);
  });
});
