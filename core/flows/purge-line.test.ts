import { expect, it } from 'vitest';
import { createFlowWorld, fakeChatManifest, fakeManifest, submission } from '#sim/memory/flow-world.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim } from '../job/transitions.ts';
import { apiLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { applyTransition } from './apply.ts';
import { purgeLine } from './purge-line.ts';
import { submit } from './submit.ts';

it('cancels what waits of one tenant and model, over many pages, and nothing else', async () => {
  const tenant = sampleTenant({ overrides: { open_jobs_max: 500, requests_per_minute: 1_000 } });
  const world = await createFlowWorld({ tenant, manifests: [fakeManifest, fakeChatManifest] });
  const other = sampleTenant({ tenantId: 'tenant-b' });
  await world.tenants.create(other);
  const add = async (asked: Parameters<typeof submit>[1]) => {
    const outcome = await submit(world, asked);
    if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
    return outcome.job;
  };
  const running = await add(submission(tenant));
  await applyTransition(world, running, claim(lineEntryOf(running), 'worker_1', world.clock.nowMs()));
  const input = { messages: [{ role: 'user', content: 'hello' }] };
  const kept = [
    running,
    await add(submission(tenant, { model: 'fake-chat', input })),
    await add(submission(other)),
  ];
  const waiting = [];
  for (let count = 0; count < apiLimits.pageMax + 3; count += 1) waiting.push(await add(submission(tenant)));

  expect(await purgeLine(world, tenant.tenantId, fakeManifest.id)).toBe(waiting.length);

  const statusOf = async ({ tenantId, jobId }: typeof running) =>
    (await world.jobs.get(tenantId, jobId))?.status;
  expect(new Set(await Promise.all(waiting.map(statusOf)))).toEqual(new Set(['canceled']));
  expect(await Promise.all(kept.map(statusOf))).toEqual(['running', 'queued', 'queued']);
  expect(await purgeLine(world, tenant.tenantId, fakeManifest.id)).toBe(0);
});
