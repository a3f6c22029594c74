/** Reads a tenant's ledger, month by month and page by page, into a usage report. Reads only; nothing to repair. */
import type { UsageAsk, UsageReport } from '../billing/usage.ts';
import { createUsageMeter, monthsBetween } from '../billing/usage.ts';
import { usageLimits } from '../limits.ts';
import type { Clock, Ledger } from '../ports.ts';

export type UsageOutcome =
  | { readonly kind: 'usage'; readonly report: UsageReport }
  | { readonly kind: 'span_too_long'; readonly monthsMax: number }
  | { readonly kind: 'too_many_rows'; readonly rowsMax: number };

export async function readUsage(
  ports: { readonly clock: Clock; readonly ledger: Pick<Ledger, 'list'> },
  tenantId: string,
  ask: UsageAsk,
): Promise<UsageOutcome> {
  const months = monthsBetween(ask.fromMs, ask.toMs);
  const { monthsMax, rowsMax } = usageLimits;
  if (months.length > monthsMax) return { kind: 'span_too_long', monthsMax };
  const meter = createUsageMeter(ask, ports.clock.nowMs());
  for (const month of months) {
    let cursor: string | undefined;
    do {
      const page = await ports.ledger.list(tenantId, month, cursor);
      for (const entry of page.items) meter.add(entry);
      if (meter.rows() > rowsMax) return { kind: 'too_many_rows', rowsMax };
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }
  return { kind: 'usage', report: meter.report() };
}
