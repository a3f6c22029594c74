import { describe, expect, it } from 'vitest';
import { workerLimits } from '#core/limits.ts';
import type { WorkerRecord } from '#core/scaling/worker-record.ts';
import type { AdminScene } from '../admin-scene.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/fleet';

async function report(scene: AdminScene, fields: Partial<WorkerRecord>): Promise<void> {
  const nowMs = scene.clock.nowMs();
  await scene.workers.report({
    workerId: 'worker_1',
    pool: 'fake',
    phase: 'serving',
    phaseSinceMs: nowMs - 9_000,
    startedAtMs: nowMs - 10_000,
    reportedAtMs: nowMs,
    resident: ['fake-image@1'],
    runningJobs: 2,
    busyMs: 2_500,
    loadMs: 1_000,
    ...fields,
  });
}

describe('200', () => {
  it('tells of every worker what it does, holds and did', async () => {
    const scene = await createAdminScene();
    await report(scene, {});
    const at = (agoMs: number) => new Date(scene.clock.nowMs() - agoMs).toISOString();

    expect((await scene.ask('adminListFleet', path)).json).toEqual({
      object: 'list',
      data: [
        {
          id: 'worker_1',
          object: 'worker',
          pool: 'fake',
          phase: 'serving',
          phase_since: at(9_000),
          started_at: at(10_000),
          last_heard_at: at(0),
          silent: false,
          models: ['fake-image@1'],
          running_jobs: 2,
          busy_share: 0.25,
        },
      ],
    });
  });

  it('marks a worker that fell silent, forgets it later, and leaves out those that ended', async () => {
    const scene = await createAdminScene();
    await report(scene, {});
    await report(scene, { workerId: 'worker_2', phase: 'ended' });

    await scene.clock.advance(workerLimits.silentMs + 1);
    const silent = await scene.ask('adminListFleet', path);
    await scene.clock.advance(workerLimits.silentShownMs);
    const gone = await scene.ask('adminListFleet', path);

    expect(silent.json.data).toMatchObject([{ id: 'worker_1', silent: true }]);
    expect(gone.json.data).toEqual([]);
  });

  it('goes through every page, oldest worker first, and takes one pool alone', async () => {
    const scene = await createAdminScene();
    const nowMs = scene.clock.nowMs();
    for (let worker = 0; worker < 60; worker += 1) {
      await report(scene, { workerId: `worker_${worker}`, startedAtMs: nowMs - worker });
    }

    const got = await scene.ask('adminListFleet', `${path}?pool=fake`);

    expect(got.json.data).toHaveLength(60);
    expect(got.json.data[0].id).toBe('worker_59');
  });
});

describe('400', () => {
  it('refuses a question that it does not know', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListFleet', `${path}?phase=serving`)).json.error.param).toBe('phase');
  });
});

describe('404', () => {
  it('has no workers of a pool that there is not', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListFleet', `${path}?pool=other`)).status).toBe(404);
  });
});
