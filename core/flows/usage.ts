/** Reads ledgers, month by month and page by page, into a usage report. Reads only; nothing to repair. */
import type { UsageAsk, UsageMeter, UsageReport } from '../billing/usage.ts';
import { createUsageMeter, monthsBetween, monthsTelling } from '../billing/usage.ts';
import { costLimits, usageLimits } from '../limits.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Clock } from '../ports/process.ts';
import type { Tenants } from '../ports/tenancy.ts';

export type UsageOutcome =
  | { readonly kind: 'usage'; readonly report: UsageReport }
  | { readonly kind: 'span_too_long'; readonly monthsMax: number }
  | { readonly kind: 'too_many_rows'; readonly rowsMax: number };

export interface UsagePorts {
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'list'>;
}

/** Of one tenant. */
export function readUsage(ports: UsagePorts, tenantId: string, ask: UsageAsk): Promise<UsageOutcome> {
  return meterUsage(ports, ask, (read) => read([tenantId]));
}

/** Of every tenant, deleted ones too. */
export function readUsageOfAll(
  ports: UsagePorts & { readonly tenants: Pick<Tenants, 'list'> },
  ask: UsageAsk,
): Promise<UsageOutcome> {
  return meterUsage(ports, ask, async (read) => {
    let cursor: string | undefined;
    do {
      const page = await ports.tenants.list(cursor);
      const tenantIds = page.items.map(({ tenantId }) => tenantId);
      if ((await read(tenantIds)) === 'too_many_rows') return 'too_many_rows';
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    return 'read';
  });
}

type ReadOutcome = 'read' | 'too_many_rows';

async function meterUsage(
  ports: UsagePorts,
  ask: UsageAsk,
  readAll: (read: (tenantIds: readonly string[]) => Promise<ReadOutcome>) => Promise<ReadOutcome>,
): Promise<UsageOutcome> {
  const { monthsMax, rowsMax } = usageLimits;
  if (monthsBetween(ask.fromMs, ask.toMs).length > monthsMax) return { kind: 'span_too_long', monthsMax };
  const months = monthsTelling(ask.fromMs, ask.toMs);
  const meter = createUsageMeter(ask, ports.clock.nowMs());
  const outcome = await readAll(async (tenantIds) => {
    const ledgers = tenantIds.flatMap((tenantId) => months.map((month) => ({ tenantId, month })));
    for (let at = 0; at < ledgers.length; at += costLimits.ledgersAtOnce) {
      const some = ledgers.slice(at, at + costLimits.ledgersAtOnce);
      await Promise.all(some.map((ledger) => addLedger(ports, meter, ledger)));
      if (meter.rows() > rowsMax) return 'too_many_rows';
    }
    return 'read';
  });
  return outcome === 'read' ? { kind: 'usage', report: meter.report() } : { kind: 'too_many_rows', rowsMax };
}

/** Stops where the rows are too many already: a ledger has as many as its tenant has tags. */
async function addLedger(
  ports: UsagePorts,
  meter: UsageMeter,
  { tenantId, month }: { tenantId: string; month: string },
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await ports.ledger.list(tenantId, month, cursor);
    for (const entry of page.items) meter.add(entry);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined && meter.rows() <= usageLimits.rowsMax);
}
