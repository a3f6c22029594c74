import { expect, it } from 'vitest';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import { gateLimits } from '../limits.ts';
import { sampleDemand, sampleNowMs, sampleTenant } from '../samples.ts';
import { limitsOf } from '../tenancy/plans.ts';
import { planAdmission } from './gate.ts';
import { rememberRefusals } from './remember-refusals.ts';

async function setup() {
  const manual = createManualClock(sampleNowMs);
  let jumpedMs = 0;
  const clock = { ...manual, nowMs: () => manual.nowMs() + jumpedMs };
  const jump = (byMs: number) => {
    jumpedMs += byMs;
  };
  const world = createMemoryWorld({ clock, ids: createSeededIds(1) });
  const tenant = sampleTenant({ overrides: { open_jobs_max: 1 } });
  await world.tenants.create(tenant);
  let asked = 0;
  const counted: typeof world.gates = {
    ...world.gates,
    admit(tenantId, ask) {
      asked += 1;
      return world.gates.admit(tenantId, ask);
    },
  };
  const gates = rememberRefusals(counted, clock);
  let asks = 0;
  const admit = (jobId: string) => {
    asks += 1;
    const demand = sampleDemand({ jobId, nonce: `n${asks}`, line: 'p' });
    return gates.admit('tenant-a', planAdmission(limitsOf('pro', tenant.overrides), demand, clock.nowMs()));
  };
  const free = (jobId: string, token: string) =>
    gates.release('tenant-a', jobId, { token, corrections: [], finishTag: null });
  return { clock, jump, world, admit, free, asked: () => asked };
}

it('asks the store once for many refusals in a row', async () => {
  const { admit, asked } = await setup();
  await admit('job_1');
  await admit('job_2');

  const outcomes = await Promise.all(Array.from({ length: 100 }, (_, index) => admit(`job_${index + 3}`)));

  expect(outcomes.every(({ kind }) => kind === 'refused')).toBe(true);
  expect(outcomes[0]).toMatchObject({ refusal: { limit: 'open_jobs_max', used: 1, max: 1 } });
  expect(asked()).toBe(2);
});

it('notices a freed place when the memory ends', async () => {
  const { admit, free, clock, world } = await setup();
  await admit('job_1');
  await admit('job_2');
  const token = (await world.gates.read('tenant-a'))?.open.job_1 ?? '';
  await free('job_1', token);

  expect((await admit('job_2')).kind).toBe('refused');
  await clock.advance(gateLimits.refusalRememberedMs);
  expect((await admit('job_2')).kind).toBe('admitted');
});

it('asks again after a clock that ran ahead was put right, and not a day later', async () => {
  const { admit, free, jump, world } = await setup();
  await admit('job_1');
  jump(24 * 60 * 60 * 1000);
  await admit('job_2');
  const token = (await world.gates.read('tenant-a'))?.open.job_1 ?? '';
  await free('job_1', token);

  jump(-24 * 60 * 60 * 1000);

  expect((await admit('job_2')).kind).toBe('admitted');
});

it('lets a retry of an open job through: it is a duplicate, not a refusal', async () => {
  const { admit } = await setup();
  await admit('job_1');
  await admit('job_2');

  expect((await admit('job_1')).kind).toBe('duplicate');
});
