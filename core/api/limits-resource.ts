/** What a tenant may still do, limit by limit. */
import * as z from 'zod';
import type { GateView } from '../admission/gate.ts';
import { planAdmission } from '../admission/gate.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

const limitSchema = z.strictObject({
  name: z.string(),
  max: z.int().positive().nullable().meta({ description: 'null: counted, not limited' }),
  used: z.int().nonnegative(),
  resets_at: z.iso.datetime().nullable(),
});

export const limitsSchema = z
  .strictObject({
    object: z.literal('limits'),
    tenant: z.string(),
    plan: z.string(),
    weight: z.int().positive(),
    limits: z.array(limitSchema),
    per_request: z.strictObject({
      steps_max: z.int().positive().nullable(),
      pixels_max: z.int().positive().nullable(),
      images_max: z.int().positive().nullable(),
    }),
  })
  .meta({ id: 'Limits' });

export type LimitsResource = z.infer<typeof limitsSchema>;

export function presentLimits(tenant: TenantRecord, gate: GateView, nowMs: number): LimitsResource {
  const limits = limitsOf(tenant.plan, tenant.overrides);
  const nothing = { jobId: '', nonce: '0', line: '', tagCost: 0, images: 0, reservedUsdMicros: 0 };
  const { counters, openJobsMax } = planAdmission(limits, nothing, nowMs);
  const windows = counters.map(({ name, limit, max, resetsAtMs }) => ({
    name: limit,
    max: max === Number.MAX_SAFE_INTEGER ? null : max,
    used: gate.counters[name] ?? 0,
    resets_at: new Date(resetsAtMs).toISOString(),
  }));
  const open = {
    name: 'open_jobs_max',
    max: openJobsMax,
    used: Object.keys(gate.open).length,
    resets_at: null,
  };
  return {
    object: 'limits',
    tenant: tenant.tenantId,
    plan: tenant.plan,
    weight: limits.weight,
    limits: [open, ...windows],
    per_request: {
      steps_max: limits.steps_max ?? null,
      pixels_max: limits.pixels_max ?? null,
      images_max: limits.images_per_request_max ?? null,
    },
  };
}
