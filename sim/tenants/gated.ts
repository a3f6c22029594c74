/**
 * Admission before dispatch, by the product's own rules: what a plan forbids a single request, then the gate with its
 * windows and open jobs. A dispatcher behind it sees admitted jobs alone, as in the product.
 */
import type { GateView } from '#core/admission/gate.ts';
import { judge, planAdmission, take } from '#core/admission/gate.ts';
import { faultsOfRequest } from '#core/admission/request-faults.ts';
import { gpuCostUsdMicros } from '#core/billing/price.ts';
import { lineName, tagCost } from '#core/dispatch/fair-tags.ts';
import type { Work } from '#core/models/manifest.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import { limitsOf } from '#core/tenancy/plans.ts';
import type { Dispatcher, SimJob } from '#sim/fairness/simulate.ts';
import type { Hour, SimTenant } from './hour.ts';
import { usdMicrosPerHour } from './hour.ts';

export interface Refused {
  readonly job: SimJob;
  /** The limit of the plan that refused it, or the field of the request that no plan of this name allows. */
  readonly by: string;
}

export interface Gated extends Dispatcher {
  readonly refused: readonly Refused[];
}

/** A tenant's gate. Reservations are taken and freed in place: a flood of them is too many to copy with each. */
interface Gate {
  readonly tenant: SimTenant;
  readonly limits: PlanLimits;
  readonly open: Record<string, string>;
  counters: GateView['counters'];
}

export function createGated({ tenants, works }: Hour, dispatcher: Dispatcher): Gated {
  const gates = new Map(tenants.map((tenant) => [tenant.tenantId, newGate(tenant)]));
  const refused: Refused[] = [];

  return {
    refused,
    admit(job, nowMs) {
      const by = refusalOf(found(gates.get(job.tenantId)), job, found(works.get(job)), nowMs);
      if (by === null) dispatcher.admit(job, nowMs);
      else refused.push({ job, by });
    },
    claim: (worker, nowMs) => dispatcher.claim(worker, nowMs),
    /** Frees the open job. The counters that are trued up bound nothing in the plans that ship. */
    settle(job, nowMs) {
      delete found(gates.get(job.tenantId)).open[job.jobId];
      dispatcher.settle(job, nowMs);
    },
  };
}

/** What refuses the job; null, and the job is in the gate, when nothing does. */
function refusalOf(gate: Gate, job: SimJob, work: Work, nowMs: number): string | null {
  const { tenant, limits, open, counters } = gate;
  const demand = {
    jobId: job.jobId,
    nonce: '0',
    line: lineName('image', job.class),
    tagCost: tagCost(work.predictedGpuMs, tenant.weight),
    images: Math.ceil(work.weightedImages),
    tokens: work.tokens.tokens,
    storesFiles: true,
    gpuMs: work.predictedGpuMs,
    reservedUsdMicros: gpuCostUsdMicros(work.predictedGpuMs, usdMicrosPerHour),
  };
  const ask = planAdmission(limits, demand, nowMs);
  const [fault] = faultsOfRequest(limits, work, ask);
  if (fault !== undefined) return fault.path;
  const rest = { finishTags: {}, stored: {}, status: 'active' } as const;
  const view: GateView = { tenantId: tenant.tenantId, open, counters, ...rest };
  const judgement = judge(view, ask, nowMs);
  if (judgement.kind === 'duplicate') throw new Error(`${job.jobId} is asked for twice`);
  if (judgement.kind === 'refuse') return judgement.refusal.limit;
  const taken = take({ ...view, open: {} }, ask);
  Object.assign(open, taken.open);
  gate.counters = taken.counters;
  return null;
}

function newGate(tenant: SimTenant): Gate {
  return { tenant, limits: limitsOf(tenant.plan, {}), open: {}, counters: {} };
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a job of a tenant that is not part of the hour');
  return value;
}
