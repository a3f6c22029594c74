/**
 * Records the events of a job for those who want to be told of them. Events are derived from the job's record and their
 * records have ids made from it, so this may run any number of times. It runs as a job is accepted, beside its first
 * run, and as it is settled, where whatever was missed before is recorded too: a crash makes an event late, never lost.
 */
import type { BatchRecord } from '../batch/batch.ts';
import type { JobRecord } from '../job/job.ts';
import type { Log } from '../ports/process.ts';
import type { Deliveries, Endpoints } from '../ports/webhooks.ts';
import { deliveriesOf, deliveriesOfBatch } from '../webhook/delivery.ts';

export interface AnnouncePorts {
  readonly deliveries: Pick<Deliveries, 'put'>;
  readonly endpoints: Pick<Endpoints, 'list'>;
}

export async function announce(ports: AnnouncePorts, job: JobRecord): Promise<void> {
  const endpoints = await ports.endpoints.list(job.tenantId);
  for (const delivery of deliveriesOf(job, endpoints)) await ports.deliveries.put(delivery);
}

/** The end of a batch, once it has ended; before it is noted that it was told. */
export async function announceBatch(ports: AnnouncePorts, batch: BatchRecord): Promise<void> {
  const endpoints = await ports.endpoints.list(batch.tenantId);
  for (const delivery of deliveriesOfBatch(batch, endpoints)) await ports.deliveries.put(delivery);
}

/** Of freshly claimed jobs. A failure is only logged: the job's settlement makes up for it. */
export async function announceStarts(
  ports: AnnouncePorts & { readonly log: Log },
  jobs: readonly JobRecord[],
): Promise<void> {
  const first = jobs.filter(({ attempt }) => attempt === 1);
  const told = await Promise.allSettled(first.map((job) => announce(ports, job)));
  for (const each of told) {
    if (each.status === 'rejected') ports.log.warn('start.not_announced', { reason: String(each.reason) });
  }
}
