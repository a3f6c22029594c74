/** What a run is made of, all of it drawn from the seed: tenants, models, how the outside behaves. */
import type { Pricing } from '#core/billing/statement.ts';
import { pricings } from '#core/billing/statement.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { AliasRecord } from '#core/tenancy/alias.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { fakeChatManifest, fakeManifest } from '../memory/flow-world.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import type { Service } from './calls.ts';
import type { Quirk } from './quirks.ts';
import { drawQuirks } from './quirks.ts';
import { retryChance } from './retries.ts';
import { fileChance } from './tenant-files.ts';
import type { Whim } from './whimsical-tickets.ts';

/** 2030-03-17T17:46:40Z: no window of a day or a month ends within a run, unless the run is about that. */
export const midMonthMs = 1_900_000_000_000;
/** The end of that month. */
export const monthEndMs = Date.UTC(2030, 3, 1);

export const pools = ['shared', 'alone'] as const;

/** Three models that share a pool and never a call, one of them for chats; and one that has a pool of its own and runs one job at a time. */
export const manifests: readonly Manifest[] = [
  { ...fakeManifest, id: 'image', pool: 'shared' },
  { ...fakeManifest, id: 'image-large', pool: 'shared', batch_max: 2 },
  { ...fakeManifest, id: 'image-alone', pool: 'alone', batch_max: 1 },
  { ...fakeChatManifest, id: 'chat', pool: 'shared' },
];

/** Another name of the first model. */
export const alias: AliasRecord = {
  family: 'image',
  name: 'stable',
  versions: [{ version: 'v1', model: 'image', weight: 1 }],
  createdAtMs: midMonthMs,
  version: 1,
};

/** Not what the models charge for their time: a month is short of its bill in one pool, and ahead of it in the other. */
export const instancePrices: Readonly<Record<string, number>> = { shared: 4_999_999, alone: 1_234_567 };

export const bounds = { workersMin: 0, workersMax: 3, idleTimeoutMs: 90_000 } as const;

export const troubles = ['kills', 'holds', 'drains', 'skew', 'shortage', 'lag'] as const;

/** What goes wrong beside single calls. */
export type Trouble = (typeof troubles)[number];

/** What a run is about, in a share of them; any may be left out. */
export const themes = [
  'outage',
  'storm',
  'favourite',
  'retention',
  'month',
  'adapters',
  'webhooks',
  'retries',
  'files',
] as const;

export type Theme = (typeof themes)[number];

/** A service that answers nobody for a while. */
export interface Outage {
  readonly service: Service;
  readonly fromMs: number;
  readonly toMs: number;
  /** Says nothing until its caller gives up; else it refuses at once. */
  readonly isDeaf: boolean;
}

/**
 * `retention`: once all is at rest, days pass, and what is past its retention is gone. `month`: the run begins shortly
 * before a month ends; once all is at rest, days pass and the month is closed.
 */
export type Sequel = 'retention' | 'month' | null;

export interface Scenario {
  readonly seed: number;
  readonly startMs: number;
  readonly sequel: Sequel;
  /** Tenants bring adapters and name them. */
  readonly hasAdapters: boolean;
  /** Tenants retry jobs and purge lines. */
  readonly hasRetries: boolean;
  /** Tenants bring files of their own. */
  readonly hasFiles: boolean;
  /** Tenants want to be told of ends. */
  readonly hasWebhooks: boolean;
  readonly pricing: Pricing;
  readonly outage: Outage | null;
  /** Three requests of ten are turned away, everywhere. */
  readonly isStorm: boolean;
  /** Operations of all clients together. */
  readonly operations: number;
  /** Between two operations of a client: the longer, the more of them meet what came of earlier ones. */
  readonly thinkMsMean: number;
  readonly tenants: readonly TenantRecord[];
  readonly troubles: ReadonlySet<Trouble>;
  readonly whims: ReadonlySet<Whim>;
  readonly quirks: ReadonlySet<Quirk>;
  readonly lagMsMax: number;
  /** Each process is wrong by up to this, either way. */
  readonly skewMsMax: number;
  /** Nothing goes wrong by design: what a job then costs in attempts is a promise of its own. */
  readonly isCalm: boolean;
}

export interface ScenarioOptions {
  readonly operations: number;
  /** Kinds of faults, troubles and whims that are left out, for shrinking a run that fails. */
  readonly without: ReadonlySet<string>;
}

/** One run in twenty. */
const calmShare = 0.05;
const outageShare = 0.1;
const stormShare = 0.04;
const retentionShare = 0.06;
const monthShare = 0.14;
/** Drawn by chance of their own. Messages are half of all that a world does: each is signed, sent, and sent again. */
const adaptersShare = 0.12;
const webhooksShare = 0.28;

const minute = 60_000;
/** reliability.md row 38. */
const outageMsMax = 30 * minute;
/** Most are short: each decade of length is as likely as the next. */
const outageMsMin = 10_000;

export const whims: readonly Whim[] = ['twice', 'late', 'lost', 'undeleted', 'unhidden', 'miscounted'];

export function drawScenario(
  seed: number,
  random: Random,
  { operations, without }: ScenarioOptions,
): Scenario {
  const isCalm = random() < calmShare;
  // Drawn whether or not it is left out, so that leaving one out changes nothing else.
  const some = <T extends string>(all: readonly T[], share: number) =>
    new Set(all.filter((each) => random() < share && !isCalm && !without.has(each)));
  const drawn = some(troubles, 0.6);
  const sequel = drawSequel(random, without);
  const startMs = sequel === 'month' ? monthEndMs - Math.floor(random() ** 4 * 60 * minute) : midMonthMs;
  const outage = drawOutage(random, startMs);
  const isStorm = random() < stormShare;
  return {
    seed,
    startMs,
    sequel,
    hasAdapters: !without.has('adapters') && createRandom(seed + 0xada)() < adaptersShare,
    hasWebhooks: !without.has('webhooks') && createRandom(seed + 0xeb0)() < webhooksShare,
    hasRetries: !without.has('retries') && retryChance(seed) !== null,
    hasFiles: !without.has('files') && fileChance(seed) !== null,
    pricing: oneOf(random, pricings),
    outage: isCalm || without.has('outage') ? null : outage,
    isStorm: isStorm && !isCalm && !without.has('storm'),
    operations,
    isCalm,
    thinkMsMean: oneOf(random, [1_000, 2_000, 2_000, 10_000]),
    tenants: Array.from({ length: 2 + Math.floor(random() * 2) }, (_, index) =>
      drawTenant(random, index, startMs),
    ),
    troubles: drawn,
    whims: some(whims, 0.6),
    quirks: drawQuirks(seed, { isCalm, without }),
    lagMsMax: drawn.has('lag') ? oneOf(random, [50, 500, 5_000]) : 0,
    skewMsMax: drawn.has('skew') ? oneOf(random, [1_000, 60_000, 300_000]) : 0,
  };
}

function drawSequel(random: Random, without: ReadonlySet<string>): Sequel {
  const point = random();
  const sequel = point < monthShare ? 'month' : point < monthShare + retentionShare ? 'retention' : null;
  return sequel === null || without.has(sequel) ? null : sequel;
}

function drawOutage(random: Random, startMs: number): Outage | null {
  const [isOn, isDeaf, from, length] = [random() < outageShare, random() < 0.5, random(), random()];
  const service = oneOf<Service>(random, ['table', 'queue', 'blobs', 'compute', 'internet']);
  if (!isOn) return null;
  const fromMs = startMs + Math.floor(from * minute);
  const forMs = Math.floor(outageMsMin * (outageMsMax / outageMsMin) ** length);
  return { service, fromMs, toMs: fromMs + forMs, isDeaf };
}

function drawTenant(random: Random, index: number, startMs: number): TenantRecord {
  return {
    tenantId: `tenant-${index}`,
    plan: 'pro',
    overrides: drawLimits(random),
    status: 'active',
    models: null,
    createdAtMs: startMs,
    version: 1,
  };
}

export function drawLimits(random: Random): Partial<PlanLimits> {
  const maybe = (share: number) => random() < share;
  return {
    weight: oneOf(random, [1, 4, 16]),
    open_jobs_max: oneOf(random, [2, 5, 30]),
    result_cache: 'on',
    ...(maybe(0.3) ? { requests_per_minute: oneOf(random, [4, 12]) } : {}),
    ...(maybe(0.3) ? { budget_usd_micros_per_month: oneOf(random, [3_000, 20_000]) } : {}),
    // Warm-ups cost 1,500 to 5,000: none, one, or a few.
    ...(maybe(0.5) ? { warmup_usd_micros_per_day: oneOf(random, [0, 2_500, 5_000]) } : {}),
    ...(maybe(0.2) ? { gpu_seconds_per_month: oneOf(random, [4, 30]) } : {}),
    ...(maybe(0.4) ? { running_jobs_max: oneOf(random, [1, 2]) } : {}),
    ...(maybe(0.3) ? { gpu_memory_gb: oneOf(random, [0.4, 0.9]) } : {}),
    ...(maybe(0.3) ? { class_default: 'batch' as const } : {}),
    ...(maybe(0.4) ? { storage_gb_max: oneOf(random, [0.000_001, 0.000_002]) } : {}),
    ...(maybe(0.2) ? { tokens_per_minute: oneOf(random, [2, 6]) } : {}),
    ...(maybe(0.4) ? { retention_days: oneOf(random, [1, 9]) } : {}),
  };
}

export function oneOf<T>(random: Random, choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(random() * choices.length)] ?? choices[0];
}
