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

import type { Demand, GateView, Refusal } from '../admission/gate.ts';
import { planAdmission } from '../admission/gate.ts';
import { faultsOfRequest } from '../admission/request-faults.ts';
import { readToken } from '../admission/reservation.ts';
import { gpuCostUsdMicros } from '../billing/price.ts';
import type { CachedResult } from '../cache/cached-result.ts';
import { hitFields } from '../cache/cached-result.ts';
import { canonicalJson, derivedJobId, digest } from '../canonical.ts';
import { lineName, startTag, tagCost } from '../dispatch/fair-tags.ts';
import type { ErrorDetail } from '../errors.ts';
import { AppError } from '../errors.ts';
import type { JobClass, JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { jobLimits } from '../limits.ts';
import type { Catalog, Model, ModelInput, Work } from '../models/manifest.ts';
import { allotmentMbOf } from '../models/memory.ts';
import type {
  AdmitOutcome,
  Aliases,
  Clock,
  Gates,
  Ids,
  Jobs,
  Ledger,
  Log,
  OwnPools,
  Pools,
  ResultCache,
  Scaler,
  Tickets,
} from '../ports.ts';
import type { PromptJudgement } from '../prompt/policy.ts';
import type { PromptRefusal, ReadPrompt } from '../prompt/read-prompt.ts';
import { readPrompt } from '../prompt/read-prompt.ts';
import type { Quality } from '../tenancy/alias.ts';
import { poolOfTenant } from '../tenancy/own-pool.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { judgeAndLog } from './judge-prompt.ts';
import type { Outlooks } from './outlooks.ts';
import { tellStart } from './outlooks.ts';
import { resolveModel } from './resolve-model.ts';
import { lookUpResult } from './result-cache.ts';
import { close, ring } from './ring.ts';
import { release } from './settle.ts';

export interface SubmitPorts {
  readonly aliases: Pick<Aliases, 'get'>;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly gates: Gates;
  readonly ids: Ids;
  readonly jobs: Jobs;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly outlooks: Outlooks;
  readonly pools: Pools;
  readonly results: ResultCache;
  /** Absent where tenants have no pools of their own. */
  readonly ownPools?: OwnPools;
  readonly scaler: Scaler;
  readonly tickets: Tickets;
}

export interface SubmitAsk {
  readonly tenant: TenantRecord;
  readonly keyId: string;
  /** A model id or an alias; with a quality, a family. */
  readonly model: string;
  readonly quality: Quality | null;
  /** Model ids that tenant and key may use; null: every one. */
  readonly granted: readonly string[] | null;
  readonly input: unknown;
  readonly class: JobClass;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineSeconds: number | null;
  /** Whether the result cache may answer; null: as the tenant's setting says. */
  readonly cache: boolean | null;
  readonly idempotencyKey: string | null;
}

export type SubmitOutcome =
  /** `gate`: as admission left it. */
  | { readonly kind: 'accepted'; readonly job: JobRecord; readonly gate: GateView }
  /** The same Idempotency-Key and body came before: the job of that time, as it stands now. */
  | { readonly kind: 'replayed'; readonly job: JobRecord }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'in_flight' }
  /** It took so long that the sweep released its reservation: nothing was accepted, and asking again is safe. */
  | { readonly kind: 'too_late' }
  | { readonly kind: 'model_not_found' }
  | { readonly kind: 'model_not_granted' }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] }
  | PromptRefusal
  | Extract<PromptJudgement, { kind: 'prompt_rejected' }>
  /** `gate`: what refused; null when the tenant has none. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly gate: GateView | null };

/** What validation found out about a request, before any write. */
interface Plan {
  readonly model: Model;
  readonly pool: string;
  readonly input: ModelInput;
  readonly prompt: Extract<ReadPrompt, { kind: 'read' }>;
  readonly flags: readonly string[];
  readonly work: Work;
  readonly limits: PlanLimits;
  readonly fingerprint: string | null;
  readonly jobId: string;
  readonly reservedUsdMicros: number;
  readonly tagCost: number;
  /** Where to keep the result; null: nowhere. */
  readonly cache: JobRecord['cache'];
  /** The result that is there already. */
  readonly hit: CachedResult | null;
}

export async function submit(ports: SubmitPorts, ask: SubmitAsk): Promise<SubmitOutcome> {
  const { tenant, model: name, quality, input, granted } = ask;
  const { tenantId } = tenant;
  const { quant } = limitsOf(tenant.plan, tenant.overrides);
  const resolved = await resolveModel(ports, { tenantId, name, quality, input, granted, quant });
  if (resolved.kind !== 'model') return resolved;
  const asked = planOf(ports, ask, resolved.model);
  if ('kind' in asked) return asked;

  if (ask.idempotencyKey !== null) {
    const earlier = await replay(ports, ask.tenant.tenantId, asked);
    if (earlier !== null) return earlier;
  }

  const judged = judge(ports, ask, asked);
  if ('kind' in judged) return judged;
  const nowMs = ports.clock.nowMs();
  const plan = await lookUp(ports, ask, judged, nowMs);
  if ('kind' in plan) return plan;
  const admission = planAdmission(plan.limits, demandOf(plan, ask.class, ports.ids.nonce()), nowMs);
  // After the replay: a request accepted under an earlier plan is answered with its job, not refused by this one.
  const details = faultsOfRequest(plan.limits, plan.work, admission);
  if (details.length > 0) return { kind: 'invalid', details };
  await openOwnPool(ports, plan);
  const admitted = await ports.gates.admit(ask.tenant.tenantId, admission);
  switch (admitted.kind) {
    case 'admitted':
      return accept(ports, ask, plan, admission.token, admitted, nowMs);
    case 'refused':
      return { kind: 'refused', refusal: admitted.refusal, gate: admitted.gate };
    case 'duplicate':
      return (await replay(ports, ask.tenant.tenantId, plan)) ?? takeOver(ports, ask, plan);
    case 'no_tenant':
      return {
        kind: 'refused',
        refusal: { limit: 'suspended', used: 0, max: 0, retryAfterSeconds: 0 },
        gate: null,
      };
  }
}

/** Validates and prices; the early outcomes cost no write. */
function planOf(ports: SubmitPorts, ask: SubmitAsk, model: Model): Plan | SubmitOutcome {
  const parsed = model.parseInput(ask.input);
  if (parsed.kind === 'invalid') return parsed;
  const prompt = readPrompt(model.manifest, parsed.input);
  if (prompt.kind !== 'read') return prompt;
  // The canonical form of a prompt can be longer than what came: what is stored must fit the schema as well.
  const fits = prompt.input.prompt === parsed.input.prompt ? parsed : model.parseInput(prompt.input);
  if (fits.kind === 'invalid') return fits;

  const limits = limitsOf(ask.tenant.plan, ask.tenant.overrides);
  const work = model.workOf(prompt.input);
  const { idempotencyKey } = ask;
  return {
    model,
    pool: poolOfTenant(model.manifest.pool, ask.tenant),
    input: prompt.input,
    prompt,
    flags: prompt.flags,
    work,
    limits,
    fingerprint: idempotencyKey === null ? null : fingerprintOf(ask),
    jobId:
      idempotencyKey === null ? ports.ids.next('job') : derivedJobId(ask.tenant.tenantId, idempotencyKey),
    reservedUsdMicros: gpuCostUsdMicros(work.predictedGpuMs, model.manifest.usd_micros_per_gpu_hour),
    tagCost: tagCost(work.predictedGpuMs, limits.weight),
    cache: null,
    hit: null,
  };
}

/** After the replay, as the limits of the plan are: what a policy of today says has no bearing on an accepted job. */
function judge(ports: SubmitPorts, { tenant }: SubmitAsk, plan: Plan): Plan | SubmitOutcome {
  const judged = judgeAndLog(ports, tenant, plan);
  return judged.kind === 'pass' ? { ...plan, flags: [...plan.flags, ...judged.flags] } : judged;
}

/** The plan with what the result cache has to say. */
async function lookUp(
  ports: SubmitPorts,
  { tenant: { tenantId }, cache: asked }: SubmitAsk,
  plan: Plan,
  nowMs: number,
): Promise<Plan | SubmitOutcome> {
  const { limits, model, input } = plan;
  const found = await lookUpResult(ports, {
    tenantId,
    limits,
    asked,
    manifest: model.manifest,
    input,
    nowMs,
  });
  if (found.kind === 'invalid') return found;
  if (found.kind === 'miss') return { ...plan, cache: found.cache };
  // The request counts; what was made before takes no GPU time, no images and no money.
  const work = { ...plan.work, predictedGpuMs: 0, weightedImages: 0 };
  return { ...plan, work, reservedUsdMicros: 0, tagCost: 0, hit: found.hit };
}

/** Before the job: a ticket of a pool without a queue could not be sent, nor looked for by the sweep. */
async function openOwnPool({ ownPools }: SubmitPorts, { pool, model }: Plan): Promise<void> {
  if (pool === model.manifest.pool) return;
  if (ownPools === undefined) throw new AppError('unavailable', { privateDetail: `no queue for ${pool}` });
  await ownPools.open(pool);
}

function demandOf(plan: Plan, jobClass: JobClass, nonce: string): Demand {
  return {
    jobId: plan.jobId,
    nonce,
    line: lineName(plan.pool, jobClass),
    tagCost: plan.tagCost,
    images: Math.ceil(plan.work.weightedImages),
    gpuMs: plan.work.predictedGpuMs,
    reservedUsdMicros: plan.reservedUsdMicros,
  };
}

/** Of the model as it was asked for: an alias that moved on must not turn a retry into another request. */
function fingerprintOf(ask: SubmitAsk): string {
  const { model, input, metadata, deadlineSeconds } = ask;
  // Left out where the request does not name them: the fingerprints of earlier requests have no such members.
  const [cache, quality] = [ask.cache ?? undefined, ask.quality ?? undefined];
  return digest(canonicalJson({ model, quality, input, class: ask.class, metadata, deadlineSeconds, cache }));
}

/** The outcome for a key whose job exists already; null when there is none yet. */
async function replay(ports: SubmitPorts, tenantId: string, plan: Plan): Promise<SubmitOutcome | null> {
  const job = await ports.jobs.get(tenantId, plan.jobId, { consistent: true });
  return job === null ? null : answerWith(job, plan);
}

function answerWith(job: JobRecord, plan: Plan): Extract<SubmitOutcome, { kind: 'replayed' | 'mismatch' }> {
  return job.fingerprint === plan.fingerprint ? { kind: 'replayed', job } : { kind: 'mismatch' };
}

/**
 * Another submission with this key holds the reservation and has created no job: it is about to, or it died. Finishing
 * its work is safe either way, because both create the same job under the same reservation and one of them wins; neither
 * does once the sweep has forbidden it.
 */
async function takeOver(ports: SubmitPorts, ask: SubmitAsk, plan: Plan): Promise<SubmitOutcome> {
  const line = lineName(plan.pool, ask.class);
  const gate = await ports.gates.read(ask.tenant.tenantId);
  const token = gate?.open[plan.jobId];
  const reserved = token === undefined ? null : readToken(token);
  if (gate === null || token === undefined || reserved === null) return { kind: 'in_flight' };
  const { usdMicros: reservedUsdMicros, admittedAtMs } = reserved;
  // Meanwhile the result came into the cache or left it: what is set aside is another job's price.
  if ((reserved.gpuMs === 0) !== (plan.work.predictedGpuMs === 0)) return { kind: 'in_flight' };
  const admitted = { kind: 'admitted', finishTag: gate.finishTags[line] ?? plan.tagCost, gate } as const;
  const outcome = await accept(ports, ask, { ...plan, reservedUsdMicros }, token, admitted, admittedAtMs);
  return outcome.kind === 'accepted' ? { kind: 'replayed', job: outcome.job } : outcome;
}

async function accept(
  ports: SubmitPorts,
  ask: SubmitAsk,
  plan: Plan,
  reservation: string,
  admitted: Extract<AdmitOutcome, { kind: 'admitted' }>,
  nowMs: number,
): Promise<SubmitOutcome> {
  const { tenantId } = ask.tenant;
  const place = plan.hit === null ? await placeOf(ports, ask, plan, admitted.finishTag) : nowhere;
  const record = recordOf(ask, plan, { reservation, tag: place.tag, nowMs });
  // A job that the cache answers stands in no line.
  const job = plan.hit === null ? { ...record, toldStart: await tellStart(ports, record) } : record;

  if ((await ports.jobs.create(job)) === 'exists') {
    const stored = await ports.jobs.get(tenantId, job.jobId, { consistent: true });
    const isOurs = stored?.reservation === reservation;
    // An idempotent retry, admitted after the first one had settled: its reservation belongs to no job. Whether the
    // bodies agree has no part in this: a job of another body that carries the reservation needs it.
    if (!isOurs) await release(ports, job, reservation, { usdMicros: 0, gpuMs: 0 });
    if (stored === null) return { kind: 'too_late' };
    const answer = answerWith(stored, plan);
    // Nor is there more to do for one that ended meanwhile, or was created by somebody who found a result where we
    // found none.
    const isAlike = isTerminal(stored) === (plan.hit !== null);
    if (!isOurs || answer.kind === 'mismatch' || !isAlike) return answer;
    // Ours: the answer to the first write was lost and it was sent again, or somebody finished it for us.
  }
  if (plan.hit === null) await ring(ports, job, place.lift);
  else await close(ports, job, plan.hit.key);
  return { kind: 'accepted', job, gate: admitted.gate };
}

type Place = ReturnType<typeof startTag>;

/** A job that has its result stands in no line. */
const nowhere: Place = { tag: 0, lift: null };

async function placeOf(
  { pools, outlooks }: SubmitPorts,
  ask: SubmitAsk,
  plan: Plan,
  finishTag: number,
): Promise<Place> {
  const name = plan.pool;
  // The look that the start is told from goes on beside; that it failed is said there.
  const [pool] = await Promise.all([pools.read(name), outlooks.of(name).catch(() => null)]);
  return startTag(finishTag, plan.tagCost, pool.virtualTimes[ask.class]);
}

function recordOf(
  ask: SubmitAsk,
  plan: Plan,
  { reservation, tag, nowMs }: { reservation: string; tag: number; nowMs: number },
): JobRecord {
  const { manifest } = plan.model;
  const startWithinMs =
    ask.deadlineSeconds === null ? jobLimits.startWithinMsDefault : ask.deadlineSeconds * 1000;
  return {
    tenantId: ask.tenant.tenantId,
    jobId: plan.jobId,
    keyId: ask.keyId,
    pool: plan.pool,
    model: manifest.id,
    modelRevision: manifest.revision,
    class: ask.class,
    status: 'queued',
    place: { kind: 'line' },
    attempt: 0,
    interruptions: 0,
    input: withSeed(plan),
    batchKey: batchKeyOf(ask, plan),
    tag,
    tagCost: plan.tagCost,
    predictedGpuMs: plan.work.predictedGpuMs,
    toldStart: null,
    weightedImages: plan.work.weightedImages,
    images: plan.work.images,
    memoryMb: plan.work.memoryMb,
    allotmentMb: plan.limits.gpu_memory_gb === undefined ? null : allotmentMbOf(plan.limits.gpu_memory_gb),
    runningJobsMax: plan.limits.running_jobs_max ?? null,
    isolation: plan.limits.isolation ?? 'shared',
    encrypted: plan.limits.volume === 'encrypted',
    reservation,
    reservedUsdMicros: plan.reservedUsdMicros,
    metadata: { ...ask.metadata },
    flags: [...plan.flags],
    cache: plan.cache,
    fingerprint: plan.fingerprint,
    createdAtMs: nowMs,
    startByMs: nowMs + startWithinMs,
    startedAtMs: null,
    finishedAtMs: null,
    cancelRequestedAtMs: null,
    progress: null,
    outputs: [],
    error: null,
    usage: null,
    costUsdMicros: null,
    timings: null,
    receipt: null,
    ...(plan.hit === null ? {} : hitFields(plan.hit, nowMs)),
  };
}

/** Jobs of a tenant with a process of its own share a call with nobody else's. */
function batchKeyOf({ tenant }: SubmitAsk, { work, limits }: Plan): string {
  return limits.isolation === 'process' ? `${work.batchKey}-${tenant.tenantId}` : work.batchKey;
}

/** A request without a seed gets one from its id: as good as chance, and the same on every attempt. */
function withSeed(plan: Plan): ModelInput {
  if (!('seed' in plan.model.manifest.input_schema.properties) || plan.input.seed !== undefined)
    return plan.input;
  return { ...plan.input, seed: Number.parseInt(digest(plan.jobId).slice(0, 8), 16) };
}
