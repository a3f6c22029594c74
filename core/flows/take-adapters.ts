/**
 * The adapters of a batch, brought to where its runner finds them. The owner's record is asked each time: a file that is
 * still at hand serves nobody whose adapter was deleted.
 */
import type { JobAdapter } from '../adapter/job-adapters.ts';
import type { JobRecord } from '../job/job.ts';
import type { AdapterCache, Adapters } from '../ports/adapters.ts';
import type { Log } from '../ports/process.ts';
import type { RunAdapter } from '../ports/runner.ts';

export interface TakeAdaptersPorts {
  readonly adapters: Pick<Adapters, 'get'>;
  readonly adapterCache: AdapterCache;
  readonly log: Log;
}

export type AdaptersTaken =
  /** Kept until `release` is called. */
  | { readonly kind: 'taken'; readonly adapters: readonly RunAdapter[]; release(): void }
  /** `retryable`: the store is out of reach; else the adapter is gone. */
  | { readonly kind: 'failed'; readonly retryable: boolean };

type Of = Pick<JobRecord, 'tenantId' | 'jobId' | 'adapters'>;

/** Those of one job; jobs that share a call have the same. */
export async function takeAdapters(ports: TakeAdaptersPorts, job: Of): Promise<AdaptersTaken> {
  const { tenantId, jobId } = job;
  const adapters: RunAdapter[] = [];
  const releases: (() => void)[] = [];
  const release = () => {
    for (const each of releases) each();
  };
  try {
    for (const adapter of job.adapters) {
      const taken = await take(ports, tenantId, adapter);
      if (taken.kind === 'missing') {
        release();
        return { kind: 'failed', retryable: false };
      }
      releases.push(taken.release);
      const { id, sha256, weight } = adapter;
      adapters.push({ id, sha256, weight, path: taken.path });
    }
    return { kind: 'taken', adapters, release };
  } catch (error) {
    release();
    ports.log.warn('adapter.not_taken', { tenantId, jobId, reason: String(error) });
    return { kind: 'failed', retryable: true };
  }
}

async function take(ports: TakeAdaptersPorts, tenantId: string, adapter: JobAdapter) {
  const record = await ports.adapters.get(tenantId, adapter.id);
  if (record?.status !== 'ready' || record.sha256 !== adapter.sha256) return { kind: 'missing' } as const;
  return ports.adapterCache.take(tenantId, adapter);
}
