import { describe, expect, it } from 'vitest';
import { workerLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import type { WorkerRecord } from '#core/scaling/worker-record.ts';
import { createApiScene } from '../api-scene.ts';

const base = '/runpod/v2/fake-image';

describe('200', () => {
  it('counts the jobs of the tenant and the workers of the pool', async () => {
    const scene = await createApiScene();
    const [done, running, waiting] = [await scene.submit(), await scene.submit(), await scene.submit()];
    await scene.finish(done);
    await scene.start(running);
    const nowMs = scene.clock.nowMs();
    const worker = (workerId: string, change: Partial<WorkerRecord>): WorkerRecord => ({
      ...{ workerId, pool: 'fake', phase: 'serving', phaseSinceMs: nowMs, startedAtMs: nowMs },
      ...{ reportedAtMs: nowMs, resident: [], runningJobs: 0, busyMs: 0, loadMs: 0 },
      ...change,
    });
    await scene.workers.report(worker('w-1', {}));
    await scene.workers.report(worker('w-2', { runningJobs: 2 }));
    await scene.workers.report(worker('w-3', { phase: 'loading' }));
    await scene.workers.report(worker('w-4', { reportedAtMs: nowMs - workerLimits.silentMs - 1 }));

    const got = await scene.send('runpodHealth', `${base}/health`);

    expect(waiting).toBeDefined();
    expect(got.json).toEqual({
      jobs: { completed: 1, failed: 0, inProgress: 1, inQueue: 1, retried: 0 },
      workers: { idle: 1, initializing: 1, ready: 2, running: 1, throttled: 0, unhealthy: 1 },
    });
  });
});

describe('an endpoint that is no model', () => {
  it('is 404, and 403 where it is not granted', async () => {
    const scene = await createApiScene();

    const unknown = await scene.send('runpodHealth', '/runpod/v2/nobody/health');
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', models: [] }));
    const ungranted = await scene.send('runpodHealth', `${base}/health`, { key });

    expect(unknown.json.error).toMatchObject({ code: 'model_not_found', param: 'endpoint' });
    expect(ungranted.json.error.code).toBe('model_not_granted');
  });
});
