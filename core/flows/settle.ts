/**
 * Settles a terminal job: writes its ledger entry, records its events for those who want to be told, then removes its
 * reservation. The ledger takes one entry per job, an event is recorded once for each endpoint, and the gate lets a
 * reservation be removed once, so settling again changes nothing. The reservation goes last: while it stands, the sweep
 * still knows that there is something to settle.
 */
import type { Spent } from '../admission/reservation.ts';
import { readToken, trueUp } from '../admission/reservation.ts';
import type { Stored } from '../admission/stored-bytes.ts';
import { storedOf } from '../admission/stored-bytes.ts';
import { ledgerEntryOf } from '../billing/ledger.ts';
import { lineName, trueUpDelta } from '../dispatch/fair-tags.ts';
import type { JobRecord } from '../job/job.ts';
import type { Gates } from '../ports/gates.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { AnnouncePorts } from './announce.ts';
import { announce } from './announce.ts';

export interface SettlePorts extends AnnouncePorts {
  readonly gates: Gates;
  readonly ledger: Ledger;
}

export async function settle(ports: SettlePorts, job: JobRecord): Promise<'settled' | 'before'> {
  const entry = ledgerEntryOf(job);
  const appended = await ports.ledger.append(entry);
  await announce(ports, job);
  const released = await release(ports, job, job.reservation, entry, storedOf(entry));
  return appended === 'appended' && released === 'released' ? 'settled' : 'before';
}

/** Removes one reservation, gives back what it set aside beyond what was spent, and counts what the job stored. */
export async function release(
  ports: Pick<SettlePorts, 'gates'>,
  job: Pick<
    JobRecord,
    'tenantId' | 'jobId' | 'pool' | 'class' | 'predictedGpuMs' | 'tagCost' | 'runningJobsMax'
  >,
  token: string,
  spent: Spent,
  stored: Stored | null = null,
): Promise<'released' | 'gone'> {
  const reserved = readToken(token);
  if (reserved === null) throw new Error(`job ${job.jobId} carries a reservation that is none`);
  return ports.gates.release(job.tenantId, job.jobId, {
    token,
    corrections: trueUp(reserved, spent),
    stored,
    endsRunning: job.runningJobsMax !== null,
    finishTag: { line: lineName(job.pool, job.class), delta: trueUpDelta(job, spent.gpuMs) },
  });
}
