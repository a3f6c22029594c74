import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { jobLimits } from '../limits.ts';
import { sampleJob } from '../samples.ts';
import { startPulse } from './pulse.ts';

const running = sampleJob({
  status: 'running',
  attempt: 2,
  place: { kind: 'lease', workerId: 'worker-1', expiresAtMs: 0 },
});

/** The pulse of an attempt that is over, of a job that another has by now; and what the runner is told to cancel. */
async function pulseOfLost(world: FlowWorld) {
  await world.jobs.create(running);
  const canceled: string[] = [];
  const runner = { ...world.runner, cancel: (jobId: string) => void canceled.push(jobId) };
  const lost = { ...running, attempt: 1 };
  const ask = { workerId: 'worker-1', jobs: [lost], interrupt: new AbortController().signal };
  return { canceled, pulse: startPulse({ ...world, runner }, ask) };
}

describe('the pulse of a job that was lost', () => {
  it('stops its run', async () => {
    const world = await createFlowWorld();
    const { canceled, pulse } = await pulseOfLost(world);

    await world.clock.advance(2 * jobLimits.renewMs);
    await pulse.stop();

    expect(canceled).toEqual([running.jobId]);
  });

  it('stops nothing once its own call is over: the run may be one of the next attempt', async () => {
    const world = await createFlowWorld();
    const { canceled, pulse } = await pulseOfLost(world);
    pulse.callEnded();

    await world.clock.advance(2 * jobLimits.renewMs);
    await pulse.stop();

    expect(canceled).toEqual([]);
  });
});
