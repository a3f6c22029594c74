/** What a tenant may still do, limit by limit. */
import * as z from 'zod';
import type { Counter, GateView } from '../admission/gate.ts';
import { inLimitUnit, planAdmission, unbounded } from '../admission/gate.ts';
import { keptBytes, nextGoneAtMs } from '../admission/stored-bytes.ts';
import { warmupDay } from '../admission/warmup-ask.ts';
import { monthWindow, spendCounter } from '../admission/windows.ts';
import { jobClasses } from '../job/job.ts';
import { jobClassOf, limitsOf, retentionDaysMax } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

const softBudgetName = 'budget_soft_usd_micros_per_month';

const limitSchema = z.strictObject({
  name: z.string(),
  max: z
    .number()
    .nonnegative()
    .nullable()
    .meta({ description: 'Whole but for GB (10^9 bytes). null: counted, not limited' }),
  used: z.number().nonnegative(),
  resets_at: z.iso
    .datetime()
    .nullable()
    .meta({ description: 'When it begins anew; of storage_gb_max, when the next of what is stored goes' }),
});

export const limitsSchema = z
  .strictObject({
    object: z.literal('limits'),
    tenant: z.string(),
    plan: z.string(),
    weight: z.int().positive(),
    class_default: z.enum(jobClasses).meta({ description: 'The class of a job whose request names none' }),
    limits: z.array(limitSchema),
    warnings: z
      .array(z.string())
      .meta({ description: 'Names of soft limits that are passed: nothing is refused for them' }),
    retention_days: z.int().positive().meta({
      description: 'A job that is admitted now, its files and its links are kept so long after its end',
    }),
    per_request: z.strictObject({
      steps_max: z.int().positive().nullable(),
      pixels_max: z.int().positive().nullable(),
      images_max: z.int().positive().nullable(),
      gpu_memory_gb: z.number().positive().nullable(),
    }),
  })
  .meta({ id: 'Limits' });

export type LimitsResource = z.infer<typeof limitsSchema>;

export function presentLimits(tenant: TenantRecord, gate: GateView, nowMs: number): LimitsResource {
  const limits = limitsOf(tenant.plan, tenant.overrides);
  const soft = softBudgetOf(tenant, gate, nowMs);
  return {
    object: 'limits',
    tenant: tenant.tenantId,
    plan: tenant.plan,
    weight: limits.weight,
    class_default: jobClassOf(limits, null),
    limits: [...rowsOf(tenant, gate, nowMs), ...(soft === null ? [] : [soft.row])],
    warnings: soft?.isPassed === true ? [softBudgetName] : [],
    retention_days: limits.retention_days ?? retentionDaysMax,
    per_request: {
      steps_max: limits.steps_max ?? null,
      pixels_max: limits.pixels_max ?? null,
      images_max: limits.images_per_request_max ?? null,
      gpu_memory_gb: limits.gpu_memory_gb ?? null,
    },
  };
}

/** The counters that a request of this moment would be counted in. */
export function limitCounters(tenant: TenantRecord, nowMs: number): readonly Counter[] {
  return emptyAsk(tenant, nowMs).counters;
}

/** How the month's spend stands to the soft limit; null without one. Passed means above it, reserved money included. */
export function softBudgetOf(tenant: TenantRecord, gate: GateView, nowMs: number) {
  const max = limitsOf(tenant.plan, tenant.overrides)[softBudgetName];
  if (max === undefined) return null;
  const { name, endsAtMs } = monthWindow(nowMs);
  const used = gate.counters[spendCounter(name)] ?? 0;
  const row = { name: softBudgetName, max, used, resets_at: new Date(endsAtMs).toISOString() };
  return { max, used, isPassed: used > max, row };
}

function rowsOf(tenant: TenantRecord, gate: GateView, nowMs: number): LimitsResource['limits'] {
  const { counters, openJobsMax } = emptyAsk(tenant, nowMs);
  const warmups = warmupDay(limitsOf(tenant.plan, tenant.overrides), 0, nowMs);
  const isTold = warmups.max !== unbounded || (gate.counters[warmups.name] ?? 0) > 0;
  const windows = [...counters, ...(isTold ? [warmups] : [])].map(({ name, limit, max, resetsAtMs }) => ({
    name: limit,
    max: max === unbounded ? null : inLimitUnit(limit, max),
    used: inLimitUnit(limit, gate.counters[name] ?? 0),
    resets_at: new Date(resetsAtMs).toISOString(),
  }));
  const open = {
    name: 'open_jobs_max',
    max: openJobsMax,
    used: Object.keys(gate.open).length,
    resets_at: null,
  };
  return [open, ...windows, storageRow(tenant, gate, nowMs)];
}

function storageRow(tenant: TenantRecord, { stored }: GateView, nowMs: number) {
  const name = 'storage_gb_max';
  const goneAtMs = nextGoneAtMs(stored, nowMs);
  return {
    name,
    max: limitsOf(tenant.plan, tenant.overrides)[name] ?? null,
    used: inLimitUnit(name, keptBytes(stored, nowMs)),
    resets_at: goneAtMs === null ? null : new Date(goneAtMs).toISOString(),
  };
}

function emptyAsk(tenant: TenantRecord, nowMs: number) {
  const nothing = {
    jobId: '',
    nonce: '0',
    line: '',
    tagCost: 0,
    images: 0,
    tokens: 0,
    storesFiles: true,
    gpuMs: 0,
    reservedUsdMicros: 0,
  };
  return planAdmission(limitsOf(tenant.plan, tenant.overrides), nothing, nowMs);
}
