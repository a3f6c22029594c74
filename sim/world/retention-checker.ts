/** What is past its retention answers as missing, and nothing else does. Built from the records as they were stored. */
import { cancel } from '#core/flows/cancel.ts';
import type { JobRecord } from '#core/job/job.ts';
import { violate } from './history.ts';
import type { World } from './world.ts';

/** A full second, rounded up: stores expire by the second. */
export function isGone({ loop }: World, { finishedAtMs, retentionMs }: JobRecord): boolean {
  if (finishedAtMs === null) return false;
  return loop.clock.nowMs() >= Math.ceil((finishedAtMs + retentionMs) / 1000) * 1000;
}

/** To be called while nothing fails. */
export async function checkRetention(world: World): Promise<void> {
  const { history, stores, scenario, log } = world;
  const listed = new Set<string>();
  for (const { tenantId } of scenario.tenants) {
    const { items } = await stores.jobs.list(tenantId, { limit: history.stored.size + 1 });
    for (const { jobId } of items) listed.add(jobId);
  }
  for (const job of history.stored.values()) {
    const { tenantId, jobId } = job;
    const found = (await stores.jobs.get(tenantId, jobId, { consistent: true })) !== null;
    const outcome = await cancel({ ...stores, log }, tenantId, jobId);
    const [seen, isKept] = [found || listed.has(jobId) || outcome.kind === 'found', !isGone(world, job)];
    if (seen && !isKept) violate(history, 'retention', `${jobId} is past its retention and still answers`);
    if (isKept && !(found && listed.has(jobId) && outcome.kind === 'found'))
      violate(history, 'retention', `${jobId} is to be kept and is gone`);
  }
}
