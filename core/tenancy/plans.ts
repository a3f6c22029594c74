/** Plans: named sets of limits and a weight. A limit that is absent does not apply. */
import * as z from 'zod';
import type { ErrorDetail } from '../errors.ts';
import type { JobClass } from '../job/job.ts';
import { jobClasses } from '../job/job.ts';
import { adapterLimits, batchLimits, cacheLimits, gateLimits, jobLimits } from '../limits.ts';
import { quantSchema } from '../models/memory.ts';
import type { PromptPolicy } from '../prompt/policy.ts';
import { promptPolicyModes } from '../prompt/policy.ts';
import { isolations } from './isolation.ts';

const countSchema = z.int().positive();

const dayMs = 24 * 60 * 60 * 1000;
/** The most that `retention_days` may be, and what counts without it. */
export const retentionDaysMax = jobLimits.keptMs / dayMs;

export const volumes = ['standard', 'encrypted'] as const;

/** Above any card there is; the next ones have 288. */
const gpuMemoryGbMax = 1_000;

/** A kilobyte; less would be rounded. */
const storageGbMin = 0.000_001;
/** A petabyte: far above what 500 open jobs could fill, and its bytes are whole numbers still. */
const storageGbMax = 1_000_000;

export const planLimitsSchema = z.strictObject({
  /** Share of GPU time when several tenants wait. */
  weight: z.int().min(1).max(1000),
  /** The class of a job whose request names none; interactive when absent. */
  class_default: z.enum(jobClasses).optional(),
  requests_per_second: countSchema.optional(),
  /** How many may come at once without passing `requests_per_second` over time; says nothing without it. */
  requests_burst: countSchema.optional(),
  requests_per_minute: countSchema.optional(),
  requests_per_day: countSchema.optional(),
  /** Images by resolution weight, as price and ledger count them: 512 x 512 is 1, 1024 x 1024 is 4. */
  images_per_minute: countSchema.optional(),
  /** Tokens of prompts, and those that a model may answer with, as they are asked for. */
  tokens_per_minute: countSchema.optional(),
  /** Queued and running together; bounds the size of the gate. */
  open_jobs_max: z.int().min(1).max(gateLimits.openJobsMax),
  /** GPU time a month, taken by prediction and trued up by use. */
  gpu_seconds_per_month: countSchema.optional(),
  /** Micro-USD a month; admission past it is refused. */
  budget_usd_micros_per_month: countSchema.optional(),
  /** Micro-USD a month; admission past it goes on, with a warning. */
  budget_soft_usd_micros_per_month: countSchema.optional(),
  /** Micro-USD a day for workers that it has kept up ahead of its work; 0: none. */
  warmup_usd_micros_per_day: z.int().nonnegative().optional(),
  steps_max: countSchema.optional(),
  pixels_max: countSchema.optional(),
  images_per_request_max: countSchema.optional(),
  /** GPU memory that its running jobs may take of one card, on top of weights that others share. 1 GB is 10^9 bytes. */
  gpu_memory_gb: z.number().min(0.001).max(gpuMemoryGbMax).optional(),
  /** Running at once, over all workers; the others keep their places in the line. */
  running_jobs_max: countSchema.optional(),
  /** The form of weights that its jobs run on, where a model has a variant of it. */
  quant: quantSchema.optional(),
  /** `encrypted`: its files are stored under a key of the key management service. */
  volume: z.enum(volumes).optional(),
  /** What prompts that a rule finds come to; off when absent. The tenant's own terms are in its record. */
  prompt_policy: z.enum(promptPolicyModes).optional(),
  /** Tokens of one prompt; counts where the policy is not off. */
  prompt_tokens_max: countSchema.optional(),
  /** Whether results are kept and answered with again: never (as when absent), where a request asks, or by default. */
  result_cache: z.enum(['off', 'on_request', 'on']).optional(),
  result_cache_seconds: z.int().positive().max(cacheLimits.ttlSecondsMax).optional(),
  result_cache_entries_max: z.int().positive().max(cacheLimits.entriesMax).optional(),
  /** Days that a job, its files and its links outlive its end, as the limit stood at its admission. */
  retention_days: z.int().min(1).max(retentionDaysMax).optional(),
  /** What its result files may take together, in GB of 10^9 bytes: at this or above, no job is admitted that stores any. */
  storage_gb_max: z.number().min(storageGbMin).max(storageGbMax).optional(),
  /** Adapters that it may have, pending and refused ones counted; as many as `adapterLimits.ownMax` when absent. */
  adapters_max: z.int().nonnegative().max(adapterLimits.ownMax).optional(),
  /** Lines that a batch file may have; as many as `batchLimits.linesMax` when absent. */
  batch_lines_max: z.int().min(1).max(batchLimits.linesMax).optional(),
  /** What its jobs share with those of other tenants. Absent: shared. */
  isolation: z.enum(isolations).optional(),
});

export type PlanLimits = z.infer<typeof planLimitsSchema>;

/** The plans that ship (tenancy.md 1). A tenant may override single limits. */
export const plans = {
  free: {
    weight: 1,
    requests_per_minute: 5,
    requests_per_day: 200,
    open_jobs_max: 5,
    steps_max: 8,
    pixels_max: 512 * 512,
    images_per_request_max: 1,
    adapters_max: 2,
    batch_lines_max: 100,
    warmup_usd_micros_per_day: 0,
  },
  pro: {
    weight: 4,
    requests_per_minute: 600,
    open_jobs_max: 100,
    images_per_request_max: 8,
    adapters_max: 20,
    batch_lines_max: 10_000,
  },
  vip: { weight: 16, open_jobs_max: 500, images_per_request_max: 8 },
} as const satisfies Record<string, PlanLimits>;

export type PlanName = keyof typeof plans;

export const planNames = Object.keys(plans) as [PlanName, ...PlanName[]];

export const planNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit',
  );

/** A plan of the operator's own. */
export const planRecordSchema = z.object({
  name: planNameSchema,
  limits: planLimitsSchema,
  /** Models that its tenants may use, of those that their own grants leave. Absent: every one. */
  models: z.array(z.string()).optional(),
  createdAtMs: z.int().nonnegative(),
  /**
   * A removed plan keeps its limits: a tenant that was put on it in that very moment must not end up without any.
   * Lists leave it out, no tenant can be put on it, and storing the name anew revives it.
   */
  removedAtMs: z.int().nonnegative().nullable(),
  /** Counts the writes; a write names the one it replaces. */
  version: z.int().nonnegative(),
});

export type PlanRecord = z.infer<typeof planRecordSchema>;

/**
 * The limits that count for a tenant: its plan's, with its overrides on top. A plan of the operator's own is no part
 * of this file; `withPlan` has put its limits among the overrides.
 */
export function limitsOf(plan: string, overrides: Partial<PlanLimits>): PlanLimits {
  // Not parsed again: both were as they came in, and this is asked several times for each submission.
  const limits = { ...shippedPlan(plan), ...overrides };
  const { weight, open_jobs_max } = limits;
  if (weight === undefined || open_jobs_max === undefined) throw new Error(`no plan is named ${plan}`);
  return { ...limits, weight, open_jobs_max };
}

/** The class of a job: the one that its request names, else the tenant's. */
export function jobClassOf({ class_default }: PlanLimits, asked: JobClass | null): JobClass {
  return asked ?? class_default ?? 'interactive';
}

/** The policy that these limits and the tenant's terms make. */
export function promptPolicyOf(limits: PlanLimits, terms: readonly string[] = []): PromptPolicy {
  return { mode: limits.prompt_policy ?? 'off', terms, tokensMax: limits.prompt_tokens_max ?? null };
}

/** How long a job that is admitted under these limits is kept after its end. */
export function retentionMsOf({ retention_days: days }: Pick<PlanLimits, 'retention_days'>): number {
  return (days ?? retentionDaysMax) * dayMs;
}

/** Null for a name that does not ship. */
export function shippedPlan(name: string): PlanLimits | null {
  const shipped: Readonly<Record<string, PlanLimits>> = plans;
  return Object.hasOwn(plans, name) ? (shipped[name] ?? null) : null;
}

/** The smaller of each pair must not be above the larger: it could never be reached. */
const ordered: readonly (readonly [smaller: string, larger: string])[] = [
  ['requests_per_second', 'requests_per_minute'],
  ['requests_per_second', 'requests_per_day'],
  ['requests_per_minute', 'requests_per_day'],
  ['running_jobs_max', 'open_jobs_max'],
  ['prompt_tokens_max', 'tokens_per_minute'],
  ['budget_soft_usd_micros_per_month', 'budget_usd_micros_per_month'],
  ['warmup_usd_micros_per_day', 'budget_usd_micros_per_month'],
];

/** Limits that contradict each other, by the name of the smaller one; empty when the set makes sense. */
export function contradictions(limits: PlanLimits): ErrorDetail[] {
  const byName: Readonly<Record<string, unknown>> = limits;
  const reversed = ordered.flatMap(([smaller, larger]) => {
    const [low, high] = [byName[smaller], byName[larger]];
    return typeof low === 'number' && typeof high === 'number' && low > high
      ? [{ path: smaller, message: `must not be above ${larger}, which is ${high}` }]
      : [];
  });
  const uncapped = limits.isolation === 'process' && limits.gpu_memory_gb === undefined;
  return [
    ...reversed,
    ...(uncapped
      ? [{ path: 'isolation', message: "process needs gpu_memory_gb, the cap of the tenant's own runner" }]
      : []),
  ];
}
