import { describe, expect, it } from 'vitest';
import { portsContract } from '#core/contract/ports.contract.ts';
import { ticketLimits } from '#core/limits.ts';
import { sampleJob, sampleNowMs } from '#core/samples.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryWorld } from './memory-world.ts';
import { createSeededIds } from './seeded-ids.ts';

portsContract('ports in memory', async () => {
  const clock = createManualClock(sampleNowMs);
  const ids = createSeededIds(1);
  const ports = createMemoryWorld({ clock, ids });
  return {
    ports,
    clock,
    ids,
    pass: (ms) => clock.advance(ms),
    upload: async (link, body) => ports.adapterFiles.upload(link, body) || ports.blobs.upload(link, body),
    drop: async (tenantId, name, body) => ports.drops.drop(tenantId, name, body),
    async collect(tenantId, name) {
      const left = ports.drops.left(tenantId, name);
      if (left === null) throw new Error('nothing was left');
      return left;
    },
    dispose: () => Promise.resolve(),
  };
});

describe('ports in memory, beyond the contract', () => {
  it('order a line by tag and then by job id', async () => {
    const { jobs } = worldOf();
    for (const [jobId, tag] of [
      ['job_c', 1],
      ['job_a', 2],
      ['job_b', 1],
    ] as const) {
      await jobs.create(sampleJob({ jobId, tag }));
    }

    const line = await jobs.line('demo', 'interactive', 10);

    expect(line.map((entry) => entry.jobId)).toEqual(['job_b', 'job_c', 'job_a']);
  });

  it('deliver a ticket again once its holder fell silent for the visibility', async () => {
    const { tickets, clock } = worldOf();
    await tickets.send({ pool: 'demo', tenantId: 'tenant-a', jobId: 'job_a' });
    await tickets.receive('demo', 1, 0);
    const receiving = tickets.receive('demo', 1, ticketLimits.visibilityMs + 1_000);

    await clock.advance(ticketLimits.visibilityMs);

    expect(await receiving).toMatchObject([{ jobId: 'job_a', deliveries: 2 }]);
    expect(clock.nowMs()).toBe(sampleNowMs + ticketLimits.visibilityMs);
  });

  it('no longer delete or hide by the receipt of an earlier delivery', async () => {
    const { tickets } = worldOf();
    await tickets.send({ pool: 'demo', tenantId: 'tenant-a', jobId: 'job_a' });
    const first = await tickets.receive('demo', 1, 0);
    await tickets.hide('demo', first, 0);
    await tickets.receive('demo', 1, 0);

    await tickets.delete('demo', first);
    await tickets.hide('demo', first, 0);

    expect(await tickets.depth('demo')).toEqual({ visible: 0, hidden: 1 });
  });
});

function worldOf() {
  const clock = createManualClock(sampleNowMs);
  return { ...createMemoryWorld({ clock, ids: createSeededIds(1) }), clock };
}
