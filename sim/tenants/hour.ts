/**
 * An hour of fifty tenants on eight cards: 30 on `free`, 15 on `pro`, 5 on `vip`, with the plans as they ship and one
 * image model in three sizes (512, 768, 1024: weights 1, 2.25, 4). They ask for more than the cards can do, because
 * some of them ask for far more than their share:
 *
 * - steady: Poisson arrivals, below the share;
 * - bursty: the same amount in clumps of up to eight jobs;
 * - greedy: Poisson arrivals of several times the share, all hour long;
 * - flood: one vip tenant that drops 400 jobs in a minute.
 *
 * A share is the tenant's weight over the weight of all fifty, of eight cards.
 */
import type { Model, Work } from '#core/models/manifest.ts';
import { compileModel } from '#core/models/manifest.ts';
import type { PlanName } from '#core/tenancy/plans.ts';
import { plans } from '#core/tenancy/plans.ts';
import type { SimJob } from '#sim/fairness/simulate.ts';
import { simJob } from '#sim/fairness/workload.ts';
import type { Random } from '#sim/random.ts';
import { createRandom, exponentialMs, predictionFactor } from '#sim/random.ts';

export type ArrivalKind = 'steady' | 'bursty' | 'greedy' | 'flood';

export interface SimTenant {
  readonly tenantId: string;
  readonly plan: PlanName;
  readonly kind: ArrivalKind;
  readonly weight: number;
  /** Of all cards together. */
  readonly shareCards: number;
}

export interface Hour {
  readonly cards: number;
  readonly tenants: readonly SimTenant[];
  /** Everything that is asked for, refused or not, by arrival. */
  readonly jobs: readonly SimJob[];
  readonly works: ReadonlyMap<SimJob, Work>;
}

const minute = 60_000;
/** Cards load the model first; the hour counts from the start of that. */
export const loadMs = 30_000;
export const hourMs = 60 * minute;
const floodAtMs = 20 * minute;
const floodJobs = 400;
const burstJobsMax = 8;
const burstLengthMs = 20_000;

/** Micro-USD an hour: one g5.xlarge on demand, us-east-1. It cancels out of every share and saving. */
export const usdMicrosPerHour = 1_006_000;

export const model: Model = compileModel({
  id: 'image',
  revision: '1',
  title: 'Image',
  description: 'A distilled image model of eight steps: 2.2 s at 512, 8.2 s at 1024.',
  task: 'text-to-image',
  engine: 'fake',
  pool: 'image',
  license: { spdx: 'Apache-2.0', notes: '' },
  input_schema: {
    type: 'object',
    additionalProperties: false,
    properties: { size: { type: 'integer', enum: [512, 768, 1024], default: 512 } },
  },
  batch_by: ['size'],
  batch_max: 1,
  time: { fixed_ms: 200, per_image_step_ms: 0, per_weighted_image_ms: 2_000, load_ms: loadMs },
  // One picture a call on a card of 24 GB: int4 weights, and the seeds of `core/models/sizing.ts`.
  memory: {
    weights_mb: 6_000,
    per_image: [
      { pixels: 512 * 512, mb: 4_000 },
      { pixels: 768 * 768, mb: 6_000 },
      { pixels: 1024 * 1024, mb: 10_000 },
    ],
  },
  usd_micros_per_gpu_hour: usdMicrosPerHour,
});

interface Profile {
  readonly plan: PlanName;
  readonly kind: ArrivalKind;
  readonly count: number;
  /** Asked for, over the share; of a flood, beside it. */
  readonly demand: number;
}

const profiles: readonly Profile[] = [
  { plan: 'free', kind: 'steady', count: 12, demand: 0.5 },
  { plan: 'free', kind: 'bursty', count: 8, demand: 0.5 },
  { plan: 'free', kind: 'greedy', count: 10, demand: 3.5 },
  { plan: 'pro', kind: 'steady', count: 6, demand: 0.6 },
  { plan: 'pro', kind: 'bursty', count: 5, demand: 0.6 },
  { plan: 'pro', kind: 'greedy', count: 4, demand: 3 },
  { plan: 'vip', kind: 'steady', count: 2, demand: 0.6 },
  { plan: 'vip', kind: 'bursty', count: 1, demand: 0.6 },
  { plan: 'vip', kind: 'greedy', count: 1, demand: 3 },
  { plan: 'vip', kind: 'flood', count: 1, demand: 0.3 },
];

/** How often each size is asked for. Free is held to 512 by its plan, and asks for more now and then all the same. */
const sizes: Readonly<Record<PlanName, readonly (readonly [size: number, share: number])[]>> = {
  free: [
    [512, 0.97],
    [1024, 0.03],
  ],
  pro: [
    [512, 0.4],
    [768, 0.35],
    [1024, 0.25],
  ],
  vip: [
    [512, 0.25],
    [768, 0.35],
    [1024, 0.4],
  ],
};

export interface HourOptions {
  readonly seed: number;
  /** @default 8 */
  readonly cards?: number;
  /** Only these kinds; shares stay those of all fifty. @default all */
  readonly kinds?: readonly ArrivalKind[];
}

/** The same jobs of a tenant for the same seed, whoever else is there. */
export function makeHour({ seed, cards = 8, kinds }: HourOptions): Hour {
  const all = profiles.flatMap((profile) =>
    Array.from({ length: profile.count }, (_, index) => ({ profile, index })),
  );
  const weights = all.reduce((sum, { profile }) => sum + plans[profile.plan].weight, 0);
  const works = new Map<SimJob, Work>();
  const tenants: SimTenant[] = [];
  for (const [number, { profile, index }] of all.entries()) {
    const { plan, kind, demand } = profile;
    const { weight } = plans[plan];
    const tenantId = `${plan}-${kind}-${String(index).padStart(2, '0')}`;
    const tenant = { tenantId, plan, kind, weight, shareCards: (cards * weight) / weights };
    if (kinds !== undefined && !kinds.includes(kind)) continue;
    tenants.push(tenant);
    const random = createRandom(seed * 1_000 + number);
    const arrivals = arrivalsOf(random, tenant, demand * tenant.shareCards);
    for (const [at, arrivedAtMs] of arrivals.entries()) {
      const { job, work } = jobOf(random, tenant, at, arrivedAtMs);
      works.set(job, work);
    }
  }
  const jobs = [...works.keys()].toSorted((left, right) => left.arrivedAtMs - right.arrivedAtMs);
  return { cards, tenants, jobs, works };
}

/** Times that ask for this many cards on average. */
function arrivalsOf(random: Random, { plan, kind }: SimTenant, cards: number): number[] {
  const meanJobMs = sizes[plan].reduce((sum, [size, share]) => sum + share * workOf(size).predictedGpuMs, 0);
  const perMs = cards / meanJobMs;
  const times: number[] = [];
  const burstJobsMean = (1 + burstJobsMax) / 2;
  const gapMs = (kind === 'bursty' ? burstJobsMean : 1) / perMs;
  for (
    let atMs = loadMs + exponentialMs(random, gapMs);
    atMs < hourMs;
    atMs += exponentialMs(random, gapMs)
  ) {
    const count = kind === 'bursty' ? 1 + Math.floor(random() * burstJobsMax) : 1;
    for (let job = 0; job < count; job += 1) {
      times.push(Math.min(hourMs - 1, atMs + (job === 0 ? 0 : Math.floor(random() * burstLengthMs))));
    }
  }
  if (kind === 'flood') {
    for (let job = 0; job < floodJobs; job += 1)
      times.push(floodAtMs + Math.floor((job * minute) / floodJobs));
  }
  return times.toSorted((left, right) => left - right);
}

/** The manifest predicts; what is used is off by up to {@link predictionFactor} either way, log-uniform. */
function jobOf(random: Random, tenant: SimTenant, index: number, arrivedAtMs: number) {
  const { tenantId, weight } = tenant;
  const work = workOf(sizeOf(random, tenant.plan));
  const usedGpuMs = Math.max(1, Math.round(work.predictedGpuMs * predictionFactor ** (2 * random() - 1)));
  const jobId = `${tenantId}-${String(index).padStart(5, '0')}`;
  const { predictedGpuMs } = work;
  return { work, job: simJob({ jobId, tenantId, weight, arrivedAtMs, predictedGpuMs, usedGpuMs }) };
}

function sizeOf(random: Random, plan: PlanName): number {
  let left = random();
  for (const [size, share] of sizes[plan]) {
    left -= share;
    if (left < 0) return size;
  }
  return 512;
}

function workOf(size: number): Work {
  return model.workOf({ size });
}
