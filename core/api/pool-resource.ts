/** Pools and their workers as an operator sees and orders them. */
import * as z from 'zod';
import { poolLimits } from '../limits.ts';
import type { Model } from '../models/manifest.ts';
import type { PoolRecord } from '../ports/pools.ts';
import { standingWarmups } from '../scaling/pool-orders.ts';
import { poolStates } from '../scaling/pool-state.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';
import { busyShare, isAlive, workerPhases } from '../scaling/worker-record.ts';

const timeSchema = z.iso.datetime();
const countSchema = z.int().nonnegative();

export const prewarmRequestSchema = z
  .strictObject({
    workers: z
      .int()
      .min(0)
      .max(poolLimits.prewarmWorkersMax)
      .meta({ description: "Workers to keep up, within the scaler's upper bound; 0 ends a prewarm" }),
    for_s: z
      .int()
      .min(1)
      .max(poolLimits.prewarmSecondsMax)
      .default(poolLimits.prewarmSecondsDefault)
      .meta({ description: 'Seconds that they stay up, work or not' }),
  })
  .meta({ id: 'PrewarmRequest' });

export const poolSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('pool'),
    state: z.enum(poolStates),
    since: timeSchema.nullable().meta({ description: 'null: in this state since ever' }),
    paused_since: timeSchema.nullable().meta({ description: 'null: not paused' }),
    draining_since: timeSchema.nullable().meta({ description: 'null: not draining' }),
    prewarm: z.strictObject({ workers: countSchema, until: timeSchema }).nullable(),
    warmups: z
      .array(z.strictObject({ tenant: z.string(), model: z.string(), until: timeSchema }))
      .meta({ description: 'Tenants who pay for a worker to be kept up, the one that ends last at the end' }),
    jobs: z.strictObject({ waiting: countSchema, running: countSchema }),
    tickets: z
      .strictObject({ visible: countSchema, hidden: countSchema })
      .meta({ description: 'Messages in the queue, as SQS counts: about' }),
    workers: z
      .strictObject({ desired: countSchema, running: countSchema, max: countSchema })
      .nullable()
      .meta({ description: 'As of the latest decision about scale; null before the first' }),
    models: z.array(z.string()).meta({ description: 'Models that its workers may hold' }),
  })
  .meta({ id: 'Pool' });

export type PoolResource = z.infer<typeof poolSchema>;

export const poolListSchema = z.strictObject({ object: z.literal('list'), data: z.array(poolSchema) });

export const workerSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('worker'),
    pool: z.string(),
    phase: z.enum(workerPhases),
    phase_since: timeSchema,
    started_at: timeSchema,
    last_heard_at: timeSchema,
    silent: z.boolean().meta({ description: 'Not heard of for so long that it is thought lost' }),
    models: z.array(z.string()).meta({ description: 'In memory, as model@revision' }),
    running_jobs: countSchema,
    busy_share: z.number().min(0).max(1).meta({ description: 'Of its life, in batches that have ended' }),
  })
  .meta({ id: 'Worker' });

export type WorkerResource = z.infer<typeof workerSchema>;

export const fleetSchema = z.strictObject({ object: z.literal('list'), data: z.array(workerSchema) });

export const fleetQuerySchema = z.strictObject({
  pool: z.string().max(128).optional().meta({ description: 'Workers of this pool alone' }),
});

export interface PoolView {
  readonly record: PoolRecord;
  readonly jobs: { readonly waiting: number; readonly leased: number };
  readonly tickets: { readonly visible: number; readonly hidden: number };
  readonly models: readonly Model[];
}

export function presentPool({ record, jobs, tickets, models }: PoolView, nowMs: number): PoolResource {
  const { pool, state, stateSinceMs, orders, scaling } = record;
  const prewarm = orders.prewarm !== null && nowMs < orders.prewarm.untilMs ? orders.prewarm : null;
  return {
    id: pool,
    object: 'pool',
    state,
    since: stateSinceMs === 0 ? null : timeOf(stateSinceMs),
    paused_since: orders.pausedAtMs === null ? null : timeOf(orders.pausedAtMs),
    draining_since: orders.drainingAtMs === null ? null : timeOf(orders.drainingAtMs),
    prewarm: prewarm && { workers: prewarm.workers, until: timeOf(prewarm.untilMs) },
    warmups: standingWarmups(orders, nowMs).map(({ tenantId, model, untilMs }) => {
      return { tenant: tenantId, model, until: timeOf(untilMs) };
    }),
    jobs: { waiting: jobs.waiting, running: jobs.leased },
    tickets: { visible: tickets.visible, hidden: tickets.hidden },
    workers: scaling && { desired: scaling.desired, running: scaling.running, max: scaling.workersMax },
    models: models.map(({ manifest }) => manifest.id),
  };
}

/** Of a worker that has not ended. */
export function presentWorker(worker: WorkerRecord, nowMs: number): WorkerResource {
  return {
    id: worker.workerId,
    object: 'worker',
    pool: worker.pool,
    phase: worker.phase,
    phase_since: timeOf(worker.phaseSinceMs),
    started_at: timeOf(worker.startedAtMs),
    last_heard_at: timeOf(worker.reportedAtMs),
    silent: !isAlive(worker, nowMs),
    models: worker.resident,
    running_jobs: worker.runningJobs,
    busy_share: busyShare(worker),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
