import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeManifest, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { claimBatch } from './claim.ts';
import type { SubmitAsk } from './submit.ts';
import { submit } from './submit.ts';

const worker = { workerId: 'worker_1', pool: worldPool, resident: new Set<string>(), interactiveInARow: 0 };

describe('a claim from the line', () => {
  it('moves the virtual time of its own class and of no other', async () => {
    const world = await createFlowWorld();
    await submitJob(world, { class: 'batch' });
    const second = await submitJob(world, { class: 'batch', input: { prompt: 'another', steps: 3 } });

    await claimBatch(world, worker, []);
    const { jobs } = await claimBatch(world, worker, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([second.jobId]);
    expect((await world.pools.read(worldPool)).virtualTimes).toEqual({ interactive: 0, batch: second.tag });
  });

  it('moves it to the lowest tag that waits, not to that of a job whose model is resident', async () => {
    const manifests = [fakeManifest, { ...fakeManifest, id: 'other-image' }];
    const world = await createFlowWorld({ manifests });
    await world.pools.advance(worldPool, 'interactive', 1_000);
    const first = await submitJob(world);
    const preferred = await submitJob(world, { model: 'other-image' });

    const resident = new Set(['other-image@1']);
    const { jobs } = await claimBatch(world, { ...worker, resident }, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([preferred.jobId]);
    expect(first.tag).toBeLessThan(preferred.tag);
    expect((await world.pools.read(worldPool)).virtualTimes.interactive).toBe(first.tag);
  });
});

async function submitJob(world: FlowWorld, more: Partial<SubmitAsk> = {}): Promise<JobRecord> {
  const outcome = await submit(world, submission(world.tenant, more));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}
