/**
 * The statement of a pool and month: its instance bill, and where every micro-USD of it went. Written when the month is
 * closed, once, and never changed: what was charged to tenants, what was shared out to them, and the operator's line,
 * which is all that is left, below zero when charges ran ahead of the bill.
 */
import * as z from 'zod';
import type { ShareEntry } from './ledger.ts';

export const pricings = ['list', 'at_cost'] as const;

/** `list`: tenants pay the price of their jobs. `at_cost`: they also share what the pool cost beyond that. */
export type Pricing = (typeof pricings)[number];

const wholeSchema = z.int().nonnegative();

export const statementSchema = z
  .object({
    /** `YYYYMM`. */
    month: z.string(),
    pool: z.string(),
    pricing: z.enum(pricings),
    /** Of one instance. */
    usdMicrosPerHour: wholeSchema,
    workers: wholeSchema,
    /** Of all workers. */
    livedMs: wholeSchema,
    /** Of that, loading models. */
    loadedMs: wholeSchema,
    /** GPU time in the ledger. */
    gpuMs: wholeSchema,
    /** Tenants that were served. */
    tenants: wholeSchema,
    /** Instance time if each of those had kept one to itself, from its creation or the start of the month. */
    dedicatedMs: wholeSchema,
    billUsdMicros: wholeSchema,
    /** Of jobs, before refunds, which are the operator's own, and of warm-ups. */
    chargedUsdMicros: wholeSchema,
    coldStartUsdMicros: wholeSchema,
    idleUsdMicros: wholeSchema,
    operatorUsdMicros: z.int(),
    closedAtMs: wholeSchema,
  })
  .refine(
    (each) =>
      each.chargedUsdMicros + each.coldStartUsdMicros + each.idleUsdMicros + each.operatorUsdMicros ===
      each.billUsdMicros,
    { message: 'charges, shares and the operator’s line add up to the bill' },
  );

export type Statement = z.infer<typeof statementSchema>;

/** Everything of a statement but the shares, which are known once they are in the ledger. */
export type Unshared = Omit<
  Statement,
  'coldStartUsdMicros' | 'idleUsdMicros' | 'operatorUsdMicros' | 'closedAtMs'
>;

/** A statement that is yet to be made: what it would say now. */
export type Draft = Omit<Statement, 'closedAtMs'>;

/** A statement or, with null for its time of closing, what it would say if the month were closed now. */
export type PoolCosts = Statement | (Draft & { readonly closedAtMs: null });

/** Completes a statement by the shares that were written; whatever they leave of the bill is the operator's. */
export function withShares(unshared: Unshared, shares: Iterable<ShareEntry['parts']>): Draft {
  let [coldStartUsdMicros, idleUsdMicros] = [0, 0];
  for (const { coldStart, idle } of shares) {
    coldStartUsdMicros += coldStart;
    idleUsdMicros += idle;
  }
  const operatorUsdMicros =
    unshared.billUsdMicros - unshared.chargedUsdMicros - coldStartUsdMicros - idleUsdMicros;
  return { ...unshared, coldStartUsdMicros, idleUsdMicros, operatorUsdMicros };
}
