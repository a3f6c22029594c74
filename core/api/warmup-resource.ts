/** A warm-up as it travels: how long a tenant wants a worker kept up, and what came of it. */
import * as z from 'zod';
import type { WarmupEntry } from '../billing/ledger.ts';
import type { ToldReady } from '../eta/outlook.ts';
import { warmupLimits } from '../limits.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import { stateWords } from './model-resource.ts';

const timeSchema = z.iso.datetime();

export const warmupRequestSchema = z
  .strictObject({
    for_s: z
      .int()
      .min(warmupLimits.secondsMin)
      .max(warmupLimits.secondsMax)
      .default(warmupLimits.secondsDefault)
      .meta({ description: 'Seconds from now that a worker stays up, work or not' }),
  })
  .meta({ id: 'WarmupRequest' });

export const warmupSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('warmup'),
    model: z.string().meta({ description: 'The version that an alias gave the tenant' }),
    pool: z.string(),
    state: z.enum(['cold', 'warming', 'warm']).meta({ description: 'Of the pool, now' }),
    from: timeSchema.meta({
      description:
        "Where the time that was paid for begins: now, or where the tenant's warm-up before it ends",
    }),
    until: timeSchema,
    ready_at: timeSchema
      .nullable()
      .meta({ description: 'When a worker is expected to serve; null when nothing is known' }),
    ready_at_p90: timeSchema.nullable().meta({ description: 'Nine of ten do by then' }),
    cost_usd_micros: z.int().nonnegative(),
  })
  .meta({ id: 'Warmup' });

export type WarmupResource = z.infer<typeof warmupSchema>;

export function presentWarmup(
  { warmupId, model, pool, fromMs, untilMs, usdMicros }: WarmupEntry,
  now: { readonly state: PoolState; readonly ready: ToldReady | null },
): WarmupResource {
  return {
    id: warmupId,
    object: 'warmup',
    model,
    pool,
    state: stateWords[now.state],
    from: timeOf(fromMs),
    until: timeOf(untilMs),
    ready_at: now.ready && timeOf(now.ready.atMs),
    ready_at_p90: now.ready && timeOf(now.ready.atP90Ms),
    cost_usd_micros: usdMicros,
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
