/** Everything a flow needs, in memory, with one tenant and one model: where the tests of the flows start. */

import { costSettings } from '#core/billing/cost-settings.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import type { SubmitAsk } from '#core/flows/submission.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { Scaler } from '#core/ports/pools.ts';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryAdapterCache } from './memory-adapters.ts';
import { createMemoryFleet } from './memory-fleet.ts';
import { createMemoryOutbound } from './memory-outbound.ts';
import { createMemoryRunner } from './memory-runner.ts';
import { createMemoryWorld } from './memory-world.ts';
import { createRecordingLog } from './recording-log.ts';
import { createRecordingMetrics } from './recording-metrics.ts';
import { createSeededIds } from './seeded-ids.ts';

export const worldPool = 'fake';

/** A model that takes its time and its faults from the input. */
export const fakeManifest: Manifest = {
  id: 'fake-image',
  revision: '1',
  title: 'Fake',
  description: 'Timing only.',
  task: 'text-to-image',
  engine: 'fake',
  pool: worldPool,
  license: { spdx: 'Apache-2.0', notes: '' },
  input_schema: {
    type: 'object',
    additionalProperties: false,
    required: ['prompt'],
    properties: {
      prompt: { type: 'string', minLength: 1, maxLength: 1000 },
      n: { type: 'integer', minimum: 1, maximum: 4, default: 1 },
      size: { type: 'integer', enum: [256, 512], default: 512 },
      steps: { type: 'integer', minimum: 1, maximum: 100, default: 2 },
      step_ms: { type: 'integer', minimum: 0, maximum: 10_000, default: 100 },
      seed: { type: 'integer', minimum: 0, maximum: 4_294_967_295 },
      fault: { type: 'string', enum: ['oom', 'error', 'nan', 'crash'] },
    },
  },
  batch_by: ['steps', 'size'],
  batch_max: 4,
  adapters: { max: 2 },
  time: { fixed_ms: 10, per_image_step_ms: 100, per_weighted_image_ms: 0, load_ms: 1000 },
  memory: {
    weights_mb: 1000,
    per_image: [
      { pixels: 65_536, mb: 100 },
      { pixels: 262_144, mb: 400 },
    ],
  },
  usd_micros_per_gpu_hour: 3_600_000,
};

/** A model that answers, in the same pool: `max_tokens` steps of `step_ms`. */
export const fakeChatManifest: Manifest = {
  ...fakeManifest,
  id: 'fake-chat',
  task: 'chat',
  input_schema: {
    type: 'object',
    additionalProperties: false,
    required: ['messages'],
    properties: {
      messages: { type: 'array', items: {} },
      max_tokens: { type: 'integer', minimum: 1, maximum: 100, default: 4 },
      step_ms: { type: 'integer', minimum: 0, maximum: 10_000, default: 100 },
      seed: { type: 'integer', minimum: 0, maximum: 4_294_967_295 },
      fault: { type: 'string', enum: ['oom', 'error', 'nan', 'crash'] },
    },
  },
  batch_by: [],
  time: {
    fixed_ms: 10,
    per_image_step_ms: 0,
    per_weighted_image_ms: 0,
    per_output_token_ms: 50,
    load_ms: 1000,
    step_ms_input: 'step_ms',
  },
  memory: { weights_mb: 1000, per_image: [], per_answer_mb: 200 },
};

export async function createFlowWorld({ tenant = sampleTenant(), manifests = [fakeManifest] } = {}) {
  const clock = createManualClock(sampleNowMs);
  const world = createMemoryWorld({ clock, ids: createSeededIds(1) });
  const woken: string[] = [];
  const scaler: Scaler = {
    async wake(pool) {
      woken.push(pool);
    },
  };
  await world.tenants.create(tenant);
  const catalog = createCatalog(manifests);
  const costs = costSettings({ pricing: 'at_cost', instancePrices: {} }, catalog);
  if (costs.kind !== 'settings') throw new Error('no prices were given that a pool could lack');
  return {
    ...world,
    clock,
    tenant,
    scaler,
    ownPools: { open: world.pools.enlist },
    /** Pools that asked for a scaling decision. */
    woken,
    catalog,
    outlooks: createOutlooks({ ...world, catalog }),
    costs: costs.settings,
    fleet: createMemoryFleet(),
    log: createRecordingLog(),
    outbound: createMemoryOutbound({ clock }),
    metrics: createRecordingMetrics(),
    adapterCache: createMemoryAdapterCache(world.adapterFiles),
    runner: createMemoryRunner({ clock, loadMs: 1000 }),
  };
}

export type FlowWorld = Awaited<ReturnType<typeof createFlowWorld>>;

export function submission(tenant: TenantRecord, overrides: Partial<SubmitAsk> = {}): SubmitAsk {
  return {
    tenant,
    keyId: 'key00001',
    model: fakeManifest.id,
    quality: null,
    granted: null,
    input: { prompt: 'a lighthouse' },
    class: null,
    metadata: {},
    webhook: null,
    deadlineSeconds: null,
    cache: null,
    idempotencyKey: null,
    ...overrides,
  };
}
