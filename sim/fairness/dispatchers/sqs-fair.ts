/**
 * A model of SQS fair queues, after its documentation: jobs in order of arrival, except that those of noisy tenants
 * wait while anybody else does. A tenant is noisy by one of two rules:
 * - `in_flight`: it has more than 10 % of the jobs in flight, and at least 30;
 * - `processing_time`: more than 10 % of the time that jobs took which ended in the last five minutes.
 * The real thresholds are approximate and not promised; weights do not exist.
 */
import type { Dispatcher, SimJob } from '../simulate.ts';
import { createTenantQueues, one } from './tenant-queues.ts';

export type NoisyRule = 'in_flight' | 'processing_time';

const noisyShare = 0.1;
const inFlightMin = 30;
const windowMs = 5 * 60 * 1000;

/** Amounts per tenant; noisy is who holds more than its share of them. */
interface Tally {
  add(tenantId: string, amount: number): void;
  of(tenantId: string): number;
  isNoisy(tenantId: string): boolean;
}

export function createSqsFair(rule: NoisyRule): Dispatcher {
  const queues = createTenantQueues();
  const inFlight = createTally();
  const processed = createTally();
  const ended: { readonly job: SimJob; readonly atMs: number }[] = [];

  function forgetBefore(sinceMs: number): void {
    for (let first = ended[0]; first !== undefined && first.atMs < sinceMs; first = ended[0]) {
      processed.add(first.job.tenantId, -first.job.usedGpuMs);
      ended.shift();
    }
  }

  function isNoisy(tenantId: string): boolean {
    if (rule === 'processing_time') return processed.isNoisy(tenantId);
    return inFlight.of(tenantId) >= inFlightMin && inFlight.isNoisy(tenantId);
  }

  return {
    admit: (job) => queues.push(job),
    claim(_worker, nowMs) {
      forgetBefore(nowMs - windowMs);
      const tenants = queues.tenants();
      const tenantId = queues.oldest(tenants.filter((each) => !isNoisy(each))) ?? queues.oldest(tenants);
      if (tenantId === null) return [];
      inFlight.add(tenantId, 1);
      return one(queues.take(tenantId));
    },
    settle(job, nowMs) {
      inFlight.add(job.tenantId, -1);
      processed.add(job.tenantId, job.usedGpuMs);
      ended.push({ job, atMs: nowMs });
    },
  };
}

function createTally(): Tally {
  const amounts = new Map<string, number>();
  let total = 0;
  const of = (tenantId: string) => amounts.get(tenantId) ?? 0;
  return {
    of,
    add(tenantId, amount) {
      amounts.set(tenantId, of(tenantId) + amount);
      total += amount;
    },
    isNoisy: (tenantId) => of(tenantId) > noisyShare * total,
  };
}
