/** Costs as they travel: where a month's instance bill went, for the operator. */
import * as z from 'zod';
import { instanceUsdMicros } from '../billing/instance-bill.ts';
import type { PoolCosts } from '../billing/statement.ts';
import { pricings } from '../billing/statement.ts';

const countSchema = z.int().nonnegative();

const sumFields = {
  workers: countSchema,
  worker_ms: countSchema.meta({ description: 'From the first word of each worker to its end' }),
  load_ms: countSchema.meta({ description: 'Of that, loading models' }),
  gpu_ms: countSchema.meta({ description: 'GPU time of jobs in the ledger' }),
  bill_usd_micros: countSchema.meta({ description: 'Time of workers at the price of the instance' }),
  charged_usd_micros: countSchema.meta({ description: 'Charges of jobs, before refunds, and of warm-ups' }),
  cold_start_usd_micros: countSchema.meta({ description: 'Shared out to tenants: loading models' }),
  idle_usd_micros: countSchema.meta({ description: 'Shared out to tenants: all else' }),
  operator_usd_micros: z
    .int()
    .meta({ description: 'Left to the operator; below zero where charges ran ahead of the bill' }),
  dedicated_usd_micros: countSchema.meta({
    description: 'What it would have cost had each tenant served kept an instance of its own all the time',
  }),
  saved_share: z
    .number()
    .nullable()
    .meta({ description: '1 - bill / dedicated; null where nobody was served' }),
};

export const costsSchema = z
  .strictObject({
    object: z.literal('list'),
    month: z.string().meta({ description: 'Such as 2030-03, in UTC' }),
    data: z.array(
      z.strictObject({
        pool: z.string(),
        pricing: z.enum(pricings),
        usd_micros_per_hour: countSchema.meta({ description: 'Of one instance' }),
        tenants: countSchema.meta({ description: 'That were served' }),
        ...sumFields,
        closed_at: z.iso
          .datetime()
          .nullable()
          .meta({ description: 'null: the month is open, and this is what a close would say now' }),
      }),
    ),
    total: z.strictObject(sumFields),
  })
  .meta({ id: 'Costs' });

export type CostsResource = z.infer<typeof costsSchema>;

type Sums = CostsResource['total'];

const monthSchema = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as 2030-03');

export const costsQuerySchema = z.strictObject({
  month: monthSchema.optional().meta({ description: 'Such as 2030-03, in UTC; else this month' }),
});

export const closeQuerySchema = z.strictObject({
  month: monthSchema.meta({ description: 'Such as 2030-03, in UTC' }),
});

/** @param month such as `2030-03` */
export function presentCosts(month: string, pools: readonly PoolCosts[]): CostsResource {
  const rows = pools.map((each) => ({ each, sums: sumsOf(each) }));
  return {
    object: 'list',
    month,
    data: rows.map(({ each, sums }) => ({
      pool: each.pool,
      pricing: each.pricing,
      usd_micros_per_hour: each.usdMicrosPerHour,
      tenants: each.tenants,
      ...sums,
      closed_at: each.closedAtMs === null ? null : new Date(each.closedAtMs).toISOString(),
    })),
    total: rows.reduce((total, { sums }) => plus(total, sums), nothing),
  };
}

const nothing: Sums = {
  workers: 0,
  worker_ms: 0,
  load_ms: 0,
  gpu_ms: 0,
  bill_usd_micros: 0,
  charged_usd_micros: 0,
  cold_start_usd_micros: 0,
  idle_usd_micros: 0,
  operator_usd_micros: 0,
  dedicated_usd_micros: 0,
  saved_share: null,
};

function sumsOf(each: PoolCosts): Sums {
  const bill = each.billUsdMicros;
  const dedicated = instanceUsdMicros(each.dedicatedMs, each.usdMicrosPerHour);
  return {
    workers: each.workers,
    worker_ms: each.livedMs,
    load_ms: each.loadedMs,
    gpu_ms: each.gpuMs,
    bill_usd_micros: bill,
    charged_usd_micros: each.chargedUsdMicros,
    cold_start_usd_micros: each.coldStartUsdMicros,
    idle_usd_micros: each.idleUsdMicros,
    operator_usd_micros: each.operatorUsdMicros,
    dedicated_usd_micros: dedicated,
    saved_share: savedShare(bill, dedicated),
  };
}

function plus(left: Sums, right: Sums): Sums {
  const bill = left.bill_usd_micros + right.bill_usd_micros;
  const dedicated = left.dedicated_usd_micros + right.dedicated_usd_micros;
  return {
    workers: left.workers + right.workers,
    worker_ms: left.worker_ms + right.worker_ms,
    load_ms: left.load_ms + right.load_ms,
    gpu_ms: left.gpu_ms + right.gpu_ms,
    bill_usd_micros: bill,
    charged_usd_micros: left.charged_usd_micros + right.charged_usd_micros,
    cold_start_usd_micros: left.cold_start_usd_micros + right.cold_start_usd_micros,
    idle_usd_micros: left.idle_usd_micros + right.idle_usd_micros,
    operator_usd_micros: left.operator_usd_micros + right.operator_usd_micros,
    dedicated_usd_micros: dedicated,
    saved_share: savedShare(bill, dedicated),
  };
}

function savedShare(bill: number, dedicated: number): number | null {
  return dedicated === 0 ? null : 1 - bill / dedicated;
}
