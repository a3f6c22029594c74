/**
 * What is left in the stores after a run, read through the same adapters but apart from the flows: the judge of
 * "nothing lost, nothing charged twice".
 */
import { createHash } from 'node:crypto';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { monthOf, spendCounter } from '#core/admission/windows.ts';
import type { JobEntry } from '#core/billing/ledger.ts';
import { isOfJob } from '#core/billing/ledger.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Ledger } from '#core/ports/ledger.ts';
import { startEmulators } from '#local/emulators.ts';

export interface Aftermath {
  readonly jobsFound: number;
  readonly succeeded: number;
  /** Ended without a result and uncharged, by the reason that their tenant reads. */
  readonly unsuccessful: ReadonlyMap<string, number>;
  readonly retried: number;
  readonly faults: readonly string[];
}

/** Call it when no stack runs on the folder. `jobIds`: every job that a client of the tenant was told is accepted. */
export async function inspect(
  dataDir: string,
  jobIds: readonly string[],
  tenantId = 'demo',
): Promise<Aftermath> {
  const emulators = await startEmulators({ dataDir, pools: ['demo', 'fake'] });
  const ports = createAwsPorts(emulators.config);
  try {
    const charged = await chargesOf(ports.ledger, tenantId);
    const faults: string[] = [];
    const jobs: JobRecord[] = [];
    for (const jobId of jobIds) {
      const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
      if (job === null) faults.push(`${jobId} was accepted and is gone`);
      else jobs.push(job);
    }
    for (const job of jobs) {
      faults.push(...faultsOf(job, charged.get(job.jobId) ?? []));
      faults.push(...(await resultFaults(job, (path) => ports.blobs.get(tenantId, path))));
    }
    const gate = await ports.gates.read(tenantId);
    const open = Object.keys(gate?.open ?? {});
    if (open.length > 0) faults.push(`${open.length} reservations are still open`);
    faults.push(...balanceFaults(charged, gate?.counters ?? {}));
    const unsuccessful = new Map<string, number>();
    for (const { status, error } of jobs) {
      if (status === 'succeeded') continue;
      const reason = error?.code ?? status;
      unsuccessful.set(reason, (unsuccessful.get(reason) ?? 0) + 1);
    }
    return {
      jobsFound: jobs.length,
      succeeded: jobs.filter(({ status }) => status === 'succeeded').length,
      unsuccessful,
      retried: jobs.filter(({ attempt }) => attempt > 1).length,
      faults,
    };
  } finally {
    ports.close();
    await emulators.close();
  }
}

const dayMs = 24 * 60 * 60 * 1000;

/** The months that a run may have charged in, when a clock was a day off too. */
function monthsAround(nowMs: number): string[] {
  return [...new Set([nowMs - dayMs, nowMs, nowMs + dayMs].map(monthOf))];
}

async function chargesOf(ledger: Ledger, tenantId: string): Promise<Map<string, JobEntry[]>> {
  const charges = new Map<string, JobEntry[]>();
  for (const month of monthsAround(Date.now())) {
    let cursor: string | undefined;
    do {
      const page = await ledger.list(tenantId, month, cursor);
      for (const entry of page.items) {
        if (!isOfJob(entry)) continue;
        charges.set(entry.jobId, [...(charges.get(entry.jobId) ?? []), entry]);
      }
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }
  return charges;
}

function faultsOf(job: JobRecord, entries: readonly JobEntry[]): string[] {
  const faults: string[] = [];
  if (job.place.kind !== 'done') faults.push(`${job.jobId} never ended: ${job.status}, ${job.place.kind}`);
  if (job.status !== 'succeeded' && job.costUsdMicros !== 0) {
    faults.push(`${job.jobId} has no result and cost ${job.costUsdMicros}`);
  }
  if (entries.length !== 1) faults.push(`${job.jobId} has ${entries.length} ledger entries`);
  const [entry] = entries;
  if (entry !== undefined && entry.usdMicros !== job.costUsdMicros) {
    faults.push(`${job.jobId} cost ${job.costUsdMicros} and was charged ${entry.usdMicros}`);
  }
  return faults;
}

async function resultFaults(
  job: JobRecord,
  read: (path: string) => Promise<Uint8Array | null>,
): Promise<string[]> {
  if (job.status !== 'succeeded') return [];
  const faults = job.outputs.length === job.images ? [] : [`${job.jobId} has ${job.outputs.length} outputs`];
  for (const { path, sha256 } of job.outputs) {
    const body = await read(path);
    if (body === null) faults.push(`${path} is not there`);
    else if (createHash('sha256').update(body).digest('hex') !== sha256) faults.push(`${path} differs`);
    if (!path.startsWith(`jobs/${job.jobId}/${job.attempt}/`)) faults.push(`${path} is of another attempt`);
  }
  return faults;
}

/** The spend in the gate is the sum of the ledger: nothing counted twice, nothing forgotten. */
function balanceFaults(
  charged: ReadonlyMap<string, readonly JobEntry[]>,
  counters: Readonly<Record<string, number>>,
): string[] {
  const spent = [...charged.values()].flat().reduce((sum, { usdMicros }) => sum + usdMicros, 0);
  const counted = monthsAround(Date.now()).reduce(
    (sum, month) => sum + (counters[spendCounter(month)] ?? 0),
    0,
  );
  return spent === counted ? [] : [`the ledger says ${spent} micro-USD, the gate ${counted}`];
}
