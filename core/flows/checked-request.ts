/**
 * What a request comes to before any write: checked against its model, priced, judged by the prompt policy and looked up
 * in the result cache. Reads at most the cache and the adapters that it names; a refusal here has cost nothing.
 */
import { isAdapterId } from '../adapter/adapter.ts';
import type { JobAdapter } from '../adapter/job-adapters.ts';
import { adaptedBatchKey, chooseAdapters, faultsOfAdapters } from '../adapter/job-adapters.ts';
import type { Demand } from '../admission/gate.ts';
import { withHalfRates } from '../admission/half-rates.ts';
import { gpuCostUsdMicros } from '../billing/price.ts';
import type { CachedResult } from '../cache/cached-result.ts';
import { canonicalJson, derivedJobId, digest } from '../canonical.ts';
import { lineName, tagCost } from '../dispatch/fair-tags.ts';
import type { JobClass, JobRecord } from '../job/job.ts';
import { withPictures } from '../models/input-pictures.ts';
import type { Model, ModelInput, Work } from '../models/manifest.ts';
import type { ReadPrompt } from '../prompt/read-prompt.ts';
import { readPrompt } from '../prompt/read-prompt.ts';
import { poolOfTenant } from '../tenancy/own-pool.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { jobClassOf, limitsOf } from '../tenancy/plans.ts';
import { judgeAndLog } from './judge-prompt.ts';
import { lookUpResult } from './result-cache.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';

/** What validation found out about a request, before any write. */
export interface CheckedRequest {
  readonly model: Model;
  readonly pool: string;
  readonly class: JobClass;
  readonly input: ModelInput;
  /** None until {@link attachAdapters} has looked them up. */
  readonly adapters: readonly JobAdapter[];
  /** None until `attachPictures` has looked for those that the input names. */
  readonly pictures: JobRecord['pictures'];
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

/** Validates and prices; the early outcomes cost no write. */
export function checkRequest(
  ports: SubmitPorts,
  ask: SubmitAsk,
  model: Model,
): CheckedRequest | SubmitOutcome {
  const parsed = model.parseInput(ask.input);
  if (parsed.kind === 'invalid') return parsed;
  const prompt = readPrompt(model.manifest, parsed.input);
  if (prompt.kind !== 'read') return prompt;
  // The canonical form of a prompt can be longer than what came: what is stored must fit the schema as well.
  const fits = prompt.input.prompt === parsed.input.prompt ? parsed : model.parseInput(prompt.input);
  if (fits.kind === 'invalid') return fits;

  const details = faultsOfAdapters(ask.adapters ?? [], model.manifest);
  if (details.length > 0) return { kind: 'invalid', details };

  const work = model.workOf(prompt.input);
  const limits = limitsFor(ask, work);
  const { idempotencyKey } = ask;
  return {
    model,
    pool: poolOfTenant(model.manifest.pool, ask.tenant),
    class: jobClassOf(limits, ask.class),
    input: prompt.input,
    adapters: [],
    pictures: [],
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

function limitsFor({ tenant, leavesHalf = false }: SubmitAsk, work: Work): PlanLimits {
  const limits = limitsOf(tenant.plan, tenant.overrides);
  if (!leavesHalf) return limits;
  return withHalfRates(limits, { images: work.weightedImages, tokens: work.tokens.tokens });
}

/** After the replay, as the limits of the plan are: what a policy of today says has no bearing on an accepted job. */
export function judge(
  ports: SubmitPorts,
  { tenant }: SubmitAsk,
  checked: CheckedRequest,
): CheckedRequest | SubmitOutcome {
  const judged = judgeAndLog(ports, tenant, checked);
  return judged.kind === 'pass' ? { ...checked, flags: [...checked.flags, ...judged.flags] } : judged;
}

/** The request with its adapters, after the replay: one that was deleted since changes nothing for an accepted job. */
export async function attachAdapters(
  { adapters }: SubmitPorts,
  ask: SubmitAsk,
  checked: CheckedRequest,
): Promise<CheckedRequest | SubmitOutcome> {
  const asked = ask.adapters ?? [];
  if (asked.length === 0) return checked;
  const { tenantId } = ask.tenant;
  const found = await Promise.all(
    asked.map(({ id }) => (isAdapterId(id) ? adapters.get(tenantId, id) : null)),
  );
  const chosen = chooseAdapters(asked, found, checked.model.manifest);
  if (chosen.kind !== 'adapters') return chosen;
  const batchKey = adaptedBatchKey(checked.work.batchKey, chosen.adapters);
  return { ...checked, adapters: chosen.adapters, work: { ...checked.work, batchKey } };
}

/** The request with what the result cache has to say. */
export async function lookUp(
  ports: SubmitPorts,
  { tenant: { tenantId }, cache: asked }: SubmitAsk,
  checked: CheckedRequest,
  nowMs: number,
): Promise<CheckedRequest | SubmitOutcome> {
  const { limits, model, adapters } = checked;
  // By what they hold: an address may lead to another picture tomorrow.
  const held = new Map(checked.pictures.map(({ url, sha256 }) => [url, `sha256:${sha256}`]));
  const found = await lookUpResult(ports, {
    tenantId,
    limits,
    asked,
    manifest: model.manifest,
    input: withPictures(checked.input, held),
    adapters,
    nowMs,
  });
  if (found.kind === 'invalid') return found;
  if (found.kind === 'miss') return { ...checked, cache: found.cache };
  return { ...asHit(checked), hit: found.hit };
}

/** What a request takes that is answered from the cache: it counts, and takes no GPU time, images, tokens or money. */
export function asHit(checked: CheckedRequest): CheckedRequest {
  const tokens = { ...checked.work.tokens, tokens: 0 };
  const work = { ...checked.work, predictedGpuMs: 0, weightedImages: 0, tokens };
  return { ...checked, work, reservedUsdMicros: 0, tagCost: 0 };
}

export function demandOf(checked: CheckedRequest, nonce: string): Demand {
  return {
    jobId: checked.jobId,
    nonce,
    line: lineName(checked.pool, checked.class),
    tagCost: checked.tagCost,
    images: Math.ceil(checked.work.weightedImages),
    tokens: checked.work.tokens.tokens,
    storesFiles: checked.hit === null,
    gpuMs: checked.work.predictedGpuMs,
    reservedUsdMicros: checked.reservedUsdMicros,
  };
}

/**
 * Of model and class as they were asked for: an alias or a `class_default` that moved on must not turn a retry into
 * another request. A request that names no class has the fingerprint that it always had: that of an interactive one.
 */
function fingerprintOf(ask: SubmitAsk): string {
  const { model, input, metadata, deadlineSeconds } = ask;
  const always = { model, input, class: ask.class ?? 'interactive', metadata, deadlineSeconds };
  // Left out where the request does not name them: the fingerprints of earlier requests have no such members.
  const named = {
    cache: ask.cache ?? undefined,
    quality: ask.quality ?? undefined,
    adapters: ask.adapters?.length === 0 ? undefined : ask.adapters,
    webhook: ask.webhook ?? undefined,
    stream: ask.stream === true ? true : undefined,
    runMsMax: ask.runMsMax ?? undefined,
  };
  return digest(canonicalJson({ ...always, ...named }));
}
