import { describe, expect, it } from 'vitest';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { workerLimits } from '../limits.ts';
import { createLane } from './lane.ts';

const { claimLeadMs, aheadMs } = workerLimits;
const never = new AbortController().signal;

function createScene() {
  const clock = createManualClock(1_000_000);
  return { clock, lane: createLane(clock) };
}

type Scene = ReturnType<typeof createScene>;

/** A call of `steps` steps of `stepMs`, which the manifest predicts to take `predictedMs`. */
function enter({ clock, lane }: Scene, { predictedMs = 1_000, steps = 1, stepMs = 1_000, loadMs = 0 }) {
  return lane.enter({ model: 'image', predictedMs }, async ({ onBegun, onProgress }) => {
    await clock.sleep(loadMs);
    onBegun();
    for (let step = 1; step <= steps; step += 1) {
      await clock.sleep(stepMs);
      onProgress(step, steps);
    }
  });
}

/** When, from now, the next batch is to be claimed. */
async function nearAfterMs({ clock, lane }: Scene): Promise<number> {
  const sinceMs = clock.nowMs();
  let nearAtMs: number | null = null;
  void lane.nearFree(never).then(() => {
    nearAtMs = clock.nowMs();
  });
  for (let passedMs = 0; nearAtMs === null && passedMs < 60_000; passedMs += 10) await clock.advance(10);
  return (nearAtMs ?? Number.POSITIVE_INFINITY) - sinceMs;
}

describe('a lane', () => {
  it('is near free while nothing has it', async () => {
    const { lane } = createScene();

    expect(lane.isNearFree()).toBe(true);
    expect(await lane.freeSoon()).toBe(true);
  });

  it('is near free shortly before the last step is expected to end', async () => {
    const scene = createScene();
    void enter(scene, { steps: 8, stepMs: 1_000 });

    const nearMs = await nearAfterMs(scene);

    expect(nearMs).toBeGreaterThanOrEqual(8_000 - claimLeadMs);
    expect(nearMs).toBeLessThan(8_000);
  });

  it('does not trust a prediction that no call has borne out yet: without steps, the next one waits for its end', async () => {
    const scene = createScene();
    void enter(scene, { predictedMs: 500, steps: 1, stepMs: 5_000 });

    expect(await nearAfterMs(scene)).toBe(5_000);
  });

  it('trusts predictions that were off by the same factor before', async () => {
    const scene = createScene();
    for (const stepMs of [2_000, 2_100]) {
      void enter(scene, { predictedMs: 1_000, stepMs });
      await scene.clock.advance(stepMs);
    }
    void enter(scene, { predictedMs: 2_000, stepMs: 4_000 });

    const nearMs = await nearAfterMs(scene);

    expect(nearMs).toBeGreaterThanOrEqual(4_000 - claimLeadMs);
    expect(nearMs).toBeLessThan(4_000);
  });

  it('knows nothing while a model loads', async () => {
    const scene = createScene();
    void enter(scene, { loadMs: 30_000, steps: 4, stepMs: 1_000 });

    const nearMs = await nearAfterMs(scene);

    expect(nearMs).toBeGreaterThanOrEqual(34_000 - claimLeadMs);
    expect(nearMs).toBeLessThan(34_000);
  });

  it('is no longer near free once a batch takes longer than it should have', async () => {
    const scene = createScene();
    void scene.lane.enter({ model: 'image', predictedMs: 1_000 }, async ({ onBegun, onProgress }) => {
      onBegun();
      await scene.clock.sleep(1_000);
      onProgress(1, 2);
      await scene.clock.sleep(60_000);
    });

    await scene.clock.advance(2_000);
    expect(scene.lane.isNearFree()).toBe(true);

    await scene.clock.advance(aheadMs + 1);
    expect(scene.lane.isNearFree()).toBe(false);
  });

  it('lets nobody wait for it longer than a moment', async () => {
    const scene = createScene();
    void enter(scene, { stepMs: 60_000 });

    const soon = scene.lane.freeSoon();
    await scene.clock.advance(aheadMs);

    expect(await soon).toBe(false);
  });

  it('is free at once when what has it ends, however it does', async () => {
    const scene = createScene();
    const failing = scene.lane.enter({ model: 'image', predictedMs: 1 }, async () => {
      await scene.clock.sleep(100);
      throw new Error('the runner is gone');
    });
    const soon = scene.lane.freeSoon();
    const rejected = expect(failing).rejects.toThrow('the runner is gone');

    await scene.clock.advance(100);

    await rejected;
    expect(await soon).toBe(true);
  });

  it('stops waiting when the worker stops', async () => {
    const scene = createScene();
    const stopping = new AbortController();
    void enter(scene, { stepMs: 60_000 });
    const near = scene.lane.nearFree(stopping.signal);

    stopping.abort();

    await near;
    expect(scene.lane.isNearFree()).toBe(false);
  });
});
