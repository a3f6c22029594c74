/**
 * An operator gives back what a job was charged, or a part of it, once. The charge never changes after it was written,
 * so checking against it and then appending is safe; the ledger takes one refund a job, whoever asks and how often.
 * One write, so a crash leaves either all of it or nothing. The budget of the month stays as it was used: it bounds
 * what a tenant sets in motion, not what is to be paid.
 */
import type { JobEntry } from '../billing/ledger.ts';
import { refundEntryOf } from '../billing/ledger.ts';
import type { Clock, Ledger } from '../ports.ts';

export interface RefundAsk {
  readonly tenantId: string;
  /** Month of the job's admission, `YYYYMM`. */
  readonly month: string;
  readonly jobId: string;
  /** null: the whole charge. */
  readonly usdMicros: number | null;
}

export type RefundOutcome =
  | { readonly kind: 'refunded'; readonly entry: JobEntry }
  /** Given back before: by an earlier call or by a try of this one whose answer was lost. */
  | { readonly kind: 'refunded_before' }
  | { readonly kind: 'no_charge' }
  | { readonly kind: 'above_charge'; readonly chargedUsdMicros: number };

export async function refund(
  ports: { readonly clock: Clock; readonly ledger: Ledger },
  { tenantId, month, jobId, usdMicros }: RefundAsk,
): Promise<RefundOutcome> {
  const charge = await ports.ledger.charge(tenantId, month, jobId);
  if (charge === null || charge.usdMicros === 0) return { kind: 'no_charge' };
  const given = usdMicros ?? charge.usdMicros;
  if (given > charge.usdMicros) return { kind: 'above_charge', chargedUsdMicros: charge.usdMicros };
  const entry = refundEntryOf(charge, given, ports.clock.nowMs());
  return (await ports.ledger.append(entry)) === 'appended'
    ? { kind: 'refunded', entry }
    : { kind: 'refunded_before' };
}
