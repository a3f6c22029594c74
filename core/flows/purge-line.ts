/** Cancels what waits of a tenant and a model, and nothing that runs. Each job is a step of its own; repeating is safe. */
import type { JobRecord } from '../job/job.ts';
import { cancelWaiting } from '../job/transitions.ts';
import { apiLimits } from '../limits.ts';
import { applyTransition } from './apply.ts';
import type { CancelPorts } from './cancel.ts';

/** @returns how many were canceled; one that a worker took meanwhile goes on */
export async function purgeLine(ports: CancelPorts, tenantId: string, model: string): Promise<number> {
  let canceled = 0;
  let cursor: string | undefined;
  do {
    const asked = { limit: apiLimits.pageMax, status: 'queued', model } as const;
    const page = await ports.jobs.list(tenantId, { ...asked, ...(cursor === undefined ? {} : { cursor }) });
    const done = await Promise.all(page.items.map((job) => cancelInLine(ports, job)));
    canceled += done.filter(Boolean).length;
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return canceled;
}

async function cancelInLine(ports: CancelPorts, job: JobRecord): Promise<boolean> {
  if (job.status !== 'queued' || job.place.kind !== 'line') return false;
  return (await applyTransition(ports, job, cancelWaiting(job, ports.clock.nowMs()))) !== null;
}
