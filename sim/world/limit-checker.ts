/**
 * I4 and I5, as each reservation is taken: with it, the tenant has no more than the limits that stood when the request
 * looked at its tenant. Looked at there, and not as the job comes to be: by then others may have been admitted under other
 * limits. There is nothing to allow for but that look: a request may be under way for minutes, and which clock it has
 * decides which minute and month it counts in. (The API keeps a tenant's record for `apiLimits.keyCacheMs`; here every
 * request reads it.)
 *
 * Sums are of what is known from outside, so never more than the gate counts: a job that ended counts what it came to,
 * whether or not it was settled, and a refund counts from its entry on.
 */
import type { Reserved } from '#core/admission/reservation.ts';
import { readToken } from '#core/admission/reservation.ts';
import { monthOf } from '#core/admission/windows.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import { limitsOf } from '#core/tenancy/plans.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { looksOfRequest } from './requests.ts';
import { paidForWarmups } from './warmups.ts';

/** A reservation for a job. */
export interface Admission {
  readonly tenantId: string;
  readonly token: string;
  readonly reserved: Reserved;
  /** As its request had read them; more than one where it looked again. */
  readonly limits: readonly PlanLimits[];
  isReleased: boolean;
}

type Bound =
  | 'open_jobs_max'
  | 'requests_per_minute'
  | 'tokens_per_minute'
  | 'gpu_seconds_per_month'
  | 'budget_usd_micros_per_month'
  | 'storage_gb_max';

/** Nothing of it waits for anything: a world takes its turns as it did without. */
export function watchLimits(stores: MemoryWorld, history: History): MemoryWorld {
  const { tenants, gates } = stores;
  return {
    ...stores,
    tenants: {
      ...tenants,
      get(tenantId) {
        const found = tenants.get(tenantId);
        void found.then((tenant) => {
          const seen = looksOfRequest()?.limits;
          if (tenant === null) return;
          const limits = limitsOf(tenant.plan, tenant.overrides);
          seen?.set(tenantId, [...(seen.get(tenantId) ?? []), limits]);
        });
        return found;
      },
    },
    gates: {
      ...gates,
      admit(tenantId, ask) {
        const admitting = gates.admit(tenantId, ask);
        void admitting.then(({ kind }) => {
          if (kind === 'admitted') noteAdmission(history, tenantId, ask.token);
        });
        return admitting;
      },
      release(tenantId, jobId, release) {
        const releasing = gates.release(tenantId, jobId, release);
        void releasing.then((outcome) => {
          const admission = history.admissions.get(release.token);
          if (outcome === 'released' && admission !== undefined) admission.isReleased = true;
        });
        return releasing;
      },
    },
  };
}

function noteAdmission(history: History, tenantId: string, token: string): void {
  const reserved = readToken(token);
  // A warm-up is entered in the ledger in the same request, and looked at there; a copy of a write finds what it left.
  if (reserved === null || history.admissions.has(token)) return;
  const limits = looksOfRequest()?.limits.get(tenantId) ?? [];
  const admission = { tenantId, token, reserved, limits, isReleased: false };
  history.admissions.set(token, admission);
  checkAdmission(history, admission);
}

function checkAdmission(history: History, admission: Admission): void {
  const { tenantId } = admission;
  const own = [...history.admissions.values()].filter((each) => each.tenantId === tenantId);
  const jobs = [...history.stored.values()].filter((job) => job.tenantId === tenantId);
  const reservations = new Set(jobs.map(({ reservation }) => reservation));
  const pending = own.filter(({ isReleased, token }) => !isReleased && !reservations.has(token));
  const open = jobs.filter(({ place }) => place.kind !== 'done').length + pending.length;
  hold(history, admission, 'open_jobs_max', open);
  checkMinute(history, admission, own);
  checkMonth(history, admission, { jobs, pending });
}

/** Those that were admitted while nothing was counted by the minute are not counted afterwards either. */
function checkMinute(history: History, admission: Admission, own: readonly Admission[]): void {
  const minuteOf = ({ reserved }: Admission) => Math.floor(reserved.admittedAtMs / 60_000);
  const within = own.filter((each) => minuteOf(each) === minuteOf(admission));
  const counted = (bound: Bound) =>
    within.filter(({ limits }) => limits.length > 0 && limits.every((each) => each[bound] !== undefined));
  hold(history, admission, 'requests_per_minute', counted('requests_per_minute').length);
  // A prompt of a world is one word at least, and what the cache answers asks for none.
  if (admission.reserved.gpuMs === 0) return;
  const asking = counted('tokens_per_minute').filter(({ reserved }) => reserved.gpuMs > 0);
  hold(history, admission, 'tokens_per_minute', asking.length);
}

/** Counted bounded or not: a limit that is set in mid-month finds the whole month. */
function checkMonth(
  history: History,
  admission: Admission,
  { jobs, pending }: { readonly jobs: readonly JobRecord[]; readonly pending: readonly Admission[] },
): void {
  const month = monthOf(admission.reserved.admittedAtMs);
  const ofMonth = jobs.filter(({ createdAtMs }) => monthOf(createdAtMs) === month);
  const waiting = pending.filter(({ reserved }) => monthOf(reserved.admittedAtMs) === month);
  const gpuMs = sum(ofMonth.map(gpuMsOf)) + sum(waiting.map(({ reserved }) => reserved.gpuMs));
  hold(history, admission, 'gpu_seconds_per_month', gpuMs / 1000);
  const spent = (job: JobRecord) =>
    (job.costUsdMicros ?? job.reservedUsdMicros) - (history.refunded.get(job.jobId) ?? 0);
  const usdMicros =
    sum(ofMonth.map(spent)) +
    sum(waiting.map(({ reserved }) => reserved.usdMicros)) +
    paidForWarmups(history, admission.tenantId, month);
  hold(history, admission, 'budget_usd_micros_per_month', usdMicros);
}

/** As predicted until its end, and no more than that after it: a slow card takes nobody's quota. */
function gpuMsOf({ place, predictedGpuMs, usage }: JobRecord): number {
  return place.kind === 'done' ? Math.min(predictedGpuMs, usage?.gpuMs ?? 0) : predictedGpuMs;
}

function hold(history: History, { tenantId, limits }: Admission, bound: Bound, taken: number): void {
  const max = boundOf(limits, bound);
  const invariant = bound === 'open_jobs_max' ? 'I4' : 'I5';
  if (max !== undefined && taken > max)
    violate(history, invariant, `${tenantId} was admitted to ${taken} of ${bound} ${max}`);
}

/** The loosest of those that the request saw; undefined where one of them, or none that is known, binds it. */
function boundOf(limits: readonly PlanLimits[], bound: Bound): number | undefined {
  const bounds = limits.flatMap((each) => each[bound] ?? []);
  return bounds.length === 0 || bounds.length < limits.length ? undefined : Math.max(...bounds);
}

/** As a job comes to be: under a reservation that stands, which set aside what the job may take. */
export function checkReserved(history: History, job: JobRecord): void {
  const { jobId, tenantId, reservation, predictedGpuMs, reservedUsdMicros } = job;
  const admission = history.admissions.get(reservation);
  if (admission === undefined || admission.isReleased) {
    violate(history, 'I4', `${jobId} came to be under no reservation that stands`);
    return;
  }
  const { reserved, limits } = admission;
  if (reserved.usdMicros !== reservedUsdMicros || reserved.gpuMs !== predictedGpuMs)
    violate(
      history,
      'I5',
      `${jobId} takes ${reservedUsdMicros} and ${predictedGpuMs} ms, and set aside otherwise`,
    );
  const maxGb = boundOf(limits, 'storage_gb_max');
  const kept = history.keptAtAdmission.get(reservation) ?? 0;
  if (maxGb !== undefined && job.receipt?.cachedFrom === undefined && kept >= maxGb * 1e9)
    violate(history, 'I5', `${jobId} was admitted while ${tenantId} kept ${kept} bytes of ${maxGb} GB`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
