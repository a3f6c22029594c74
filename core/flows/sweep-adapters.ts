/**
 * The sweep's part in adapters: counts what a crash left uncounted, and removes what deleted tenants left. One tenant that
 * fails keeps no other from it, and any number of sweeps may run at once.
 */
import { adapterLimits, sweepLimits } from '../limits.ts';
import type { AdapterFiles, Adapters } from '../ports/adapters.ts';
import type { Gates } from '../ports/gates.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { Tenants } from '../ports/tenancy.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { copyTotal, countAdapters } from './count-adapters.ts';

export interface SweepAdaptersPorts {
  readonly adapters: Pick<Adapters, 'list' | 'listChanged' | 'remove' | 'settle' | 'total'>;
  readonly adapterFiles: Pick<AdapterFiles, 'clear'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly gates: Pick<Gates, 'keep' | 'read'>;
  readonly log: Pick<Log, 'error'>;
  readonly tenants: Pick<Tenants, 'get'>;
}

/** A link that was given out brings a file until so long after; the clock that judged it may be behind by the grace. */
const filesMayComeForMs = adapterLimits.uploadSeconds * 1000 + sweepLimits.graceMs;

export async function sweepAdapters(ports: SweepAdaptersPorts): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await ports.adapters.listChanged(cursor);
    for (const tenantId of page.items) {
      try {
        await sweepTenant(ports, tenantId);
      } catch (error) {
        ports.log.error('sweep.adapters_failed', { tenantId, reason: String(error) });
      }
    }
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
}

async function sweepTenant(ports: SweepAdaptersPorts, tenantId: string): Promise<void> {
  const tenant = await ports.tenants.get(tenantId);
  if (tenant?.status !== 'deleted') return countAdapters(ports, tenantId);
  const isOver = await clearAdapters(ports, tenant);
  const { version } = await copyTotal(ports, tenantId);
  if (isOver) await ports.adapters.settle(tenantId, version);
}

/**
 * Files first, then their records: a crash leaves records, which say that there is something to do. Waits for the jobs that
 * are open still, which may name them.
 * @returns whether all is gone, and nothing can come any more
 */
async function clearAdapters(
  { adapterFiles, adapters, clock, gates }: SweepAdaptersPorts,
  { tenantId, deletedAtMs = 0 }: TenantRecord,
): Promise<boolean> {
  const gate = await gates.read(tenantId);
  if (Object.keys(gate?.open ?? {}).length > 0) return false;
  if ((await adapterFiles.clear(tenantId)) === 'more') return false;
  for (const { adapterId } of await adapters.list(tenantId)) await adapters.remove(tenantId, adapterId);
  return clock.nowMs() - deletedAtMs >= filesMayComeForMs;
}
