/**
 * Accepts a request: from a parsed body to a queued job and a ticket.
 *
 * Order and crashes (each step is repeated safely, each gap is closed by the sweep):
 * 1. validate and price: no cost yet;
 * 2. admit: one conditional write takes the reservation. A crash here leaves a reservation without a job, which the
 *    sweep releases after `sweepLimits.graceMs`, forbidding the job first: a submission that was only held up
 *    (a frozen process, a clock far off) then creates none, and is told to ask again;
 * 3. create the job, in the line. From here on it is accepted: nothing below can lose it;
 * 4. send the ticket. A crash here leaves a line entry without a ticket, which the sweep re-sends;
 * 5. wake the pool if it is cold. A crash here is repaired by the scaler's tick.
 *
 * A request whose result is in the tenant's cache takes the same steps at the price of nothing: its job is created with
 * the result, and 4 and 5 give way to settling it, which the sweep repeats after a crash.
 */

import { planAdmission } from '../admission/gate.ts';
import { faultsOfRequest } from '../admission/request-faults.ts';
import { readToken } from '../admission/reservation.ts';
import { monthOf } from '../admission/windows.ts';
import { lineName, startTag } from '../dispatch/fair-tags.ts';
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import type { AdmitOutcome } from '../ports/gates.ts';
import { limitsOf } from '../tenancy/plans.ts';
import { attachPictures } from './attach-pictures.ts';
import type { CheckedRequest } from './checked-request.ts';
import { attachAdapters, checkRequest, demandOf, judge, lookUp } from './checked-request.ts';
import { openOwnPool } from './open-own-pool.ts';
import { tellStart } from './outlooks.ts';
import { resolveModel } from './resolve-model.ts';
import { close, ring } from './ring.ts';
import { release } from './settle.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';
import { recordOf } from './submitted-job.ts';

export async function submit(ports: SubmitPorts, ask: SubmitAsk): Promise<SubmitOutcome> {
  const { tenant, model: name, quality, input, granted } = ask;
  const { tenantId } = tenant;
  const { quant } = limitsOf(tenant.plan, tenant.overrides);
  const resolved = await resolveModel(ports, { tenantId, name, quality, input, granted, quant });
  if (resolved.kind !== 'model') return resolved;
  const asked = checkRequest(ports, ask, resolved.model);
  if ('kind' in asked) return asked;

  if (ask.idempotencyKey !== null) {
    const earlier = await replay(ports, ask.tenant.tenantId, asked);
    if (earlier !== null) return earlier;
    const nowMs = ports.clock.nowMs();
    if (await isKeySpent(ports, tenantId, asked.jobId, nowMs)) {
      return (await replay(ports, tenantId, asked)) ?? { kind: 'key_spent' };
    }
  }

  const judged = judge(ports, ask, asked);
  if ('kind' in judged) return judged;
  const adapted = await attachAdapters(ports, ask, judged);
  if ('kind' in adapted) return adapted;
  const pictured = await attachPictures(ports, ask, adapted);
  if ('kind' in pictured) return pictured;
  const nowMs = ports.clock.nowMs();
  const checked = await lookUp(ports, ask, pictured, nowMs);
  if ('kind' in checked) return checked;
  const admission = planAdmission(checked.limits, demandOf(checked, ports.ids.nonce()), nowMs);
  // After the replay: a request accepted under an earlier plan is answered with its job, not refused by this one.
  const details = faultsOfRequest(checked.limits, checked.work, admission);
  if (details.length > 0) return { kind: 'invalid', details };
  await openOwnPool(ports, checked.pool, checked.model);
  const admitted = await ports.gates.admit(ask.tenant.tenantId, admission);
  switch (admitted.kind) {
    case 'admitted':
      return accept(ports, ask, checked, admission.token, admitted, nowMs);
    case 'refused':
      return { kind: 'refused', refusal: admitted.refusal, gate: admitted.gate };
    case 'duplicate':
      return (await replay(ports, ask.tenant.tenantId, checked)) ?? takeOver(ports, ask, checked);
    case 'no_tenant':
      return {
        kind: 'refused',
        refusal: { limit: 'suspended', used: 0, max: 0, retryAfterSeconds: 0 },
        gate: null,
      };
  }
}

/**
 * Whether a job of this key was charged this month already and is past its retention. A second job of its id would never
 * be charged: the ledger takes one charge per month and job.
 */
async function isKeySpent(
  { ledger }: SubmitPorts,
  tenantId: string,
  jobId: string,
  nowMs: number,
): Promise<boolean> {
  return (await ledger.charge(tenantId, monthOf(nowMs), jobId)) !== null;
}

/** The outcome for a key whose job exists already; null when there is none yet. */
async function replay(
  ports: SubmitPorts,
  tenantId: string,
  checked: CheckedRequest,
): Promise<SubmitOutcome | null> {
  const job = await ports.jobs.get(tenantId, checked.jobId, { consistent: true });
  return job === null ? null : answerWith(job, checked);
}

function answerWith(
  job: JobRecord,
  checked: CheckedRequest,
): Extract<SubmitOutcome, { kind: 'replayed' | 'mismatch' }> {
  return job.fingerprint === checked.fingerprint ? { kind: 'replayed', job } : { kind: 'mismatch' };
}

/**
 * Another submission with this key holds the reservation and has created no job: it is about to, or it died. Finishing
 * its work is safe either way, because both create the same job under the same reservation and one of them wins; neither
 * does once the sweep has forbidden it.
 */
async function takeOver(ports: SubmitPorts, ask: SubmitAsk, checked: CheckedRequest): Promise<SubmitOutcome> {
  const line = lineName(checked.pool, checked.class);
  const gate = await ports.gates.read(ask.tenant.tenantId);
  const token = gate?.open[checked.jobId];
  const reserved = token === undefined ? null : readToken(token);
  if (gate === null || token === undefined || reserved === null) return { kind: 'in_flight' };
  const { usdMicros, gpuMs, admittedAtMs } = reserved;
  // Another body, or the result came into the cache meanwhile or left it: what is set aside is another job's price.
  if (usdMicros !== checked.reservedUsdMicros || gpuMs !== checked.work.predictedGpuMs)
    return { kind: 'in_flight' };
  const admitted = { kind: 'admitted', finishTag: gate.finishTags[line] ?? checked.tagCost, gate } as const;
  const outcome = await accept(ports, ask, checked, token, admitted, admittedAtMs);
  return outcome.kind === 'accepted' ? { kind: 'replayed', job: outcome.job } : outcome;
}

async function accept(
  ports: SubmitPorts,
  ask: SubmitAsk,
  checked: CheckedRequest,
  reservation: string,
  admitted: Extract<AdmitOutcome, { kind: 'admitted' }>,
  nowMs: number,
): Promise<SubmitOutcome> {
  const { tenantId } = ask.tenant;
  const place = checked.hit === null ? await placeOf(ports, checked, admitted.finishTag) : nowhere;
  const record = recordOf(ask, checked, { reservation, tag: place.tag, nowMs });
  // A job that the cache answers stands in no line.
  const job = checked.hit === null ? { ...record, toldStart: await tellStart(ports, record) } : record;

  if ((await ports.jobs.create(job)) === 'exists') {
    const stored = await ports.jobs.get(tenantId, job.jobId, { consistent: true });
    const isOurs = stored?.reservation === reservation;
    // An idempotent retry, admitted after the first one had settled: its reservation belongs to no job. Whether the
    // bodies agree has no part in this: a job of another body that carries the reservation needs it.
    if (!isOurs) await release(ports, job, reservation, { usdMicros: 0, gpuMs: 0 });
    if (stored === null) return { kind: 'too_late' };
    const answer = answerWith(stored, checked);
    // Nor is there more to do for one that ended meanwhile, or was created by somebody who found a result where we
    // found none.
    const isAlike = isTerminal(stored) === (checked.hit !== null);
    if (!isOurs || answer.kind === 'mismatch' || !isAlike) return answer;
    // Ours: the answer to the first write was lost and it was sent again, or somebody finished it for us.
  }
  if (checked.hit === null) await ring(ports, job, place.lift);
  else await close(ports, job, checked.hit.key);
  return { kind: 'accepted', job, gate: admitted.gate };
}

type Place = ReturnType<typeof startTag>;

/** A job that has its result stands in no line. */
const nowhere: Place = { tag: 0, lift: null };

async function placeOf(
  { pools, outlooks }: SubmitPorts,
  checked: CheckedRequest,
  finishTag: number,
): Promise<Place> {
  const name = checked.pool;
  // The look that the start is told from goes on beside; that it failed is said there.
  const [pool] = await Promise.all([pools.read(name), outlooks.of(name).catch(() => null)]);
  return startTag(finishTag, checked.tagCost, pool.virtualTimes[checked.class]);
}
