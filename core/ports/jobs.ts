import type { JobClass, JobRecord, JobStatus, LineEntry } from '../job/job.ts';
import type { Guard, JobPatch } from '../job/transitions.ts';
import type { Page } from './page.ts';

/** A job past its retention (`keptUntilMs`) answers everywhere as a missing one, and another of its id may be created. */
export interface Jobs {
  /** `exists`: a job of this id is there, or may not come to be under this reservation any more: see {@link forbid}. */
  create(job: JobRecord): Promise<'created' | 'exists'>;
  /**
   * Sees to it that no job of this id comes to be under this reservation; under another one it still may. `exists`: a
   * job of this id is there already, under whatever reservation.
   */
  forbid(tenantId: string, jobId: string, reservation: string): Promise<'forbidden' | 'exists'>;
  /** As {@link forbid}, for a day, under whatever reservation. */
  forbidAll(tenantId: string, jobId: string): Promise<'forbidden' | 'exists'>;
  /** `consistent` sees every earlier write; the default may lag a moment and costs half. */
  get(tenantId: string, jobId: string, how?: { consistent: boolean }): Promise<JobRecord | null>;
  /**
   * Stores the patch if the guard holds. Also `applied` when the stored record carries this very patch already:
   * a retry after an answer that got lost sees its own write.
   */
  apply(tenantId: string, jobId: string, guard: Guard, patch: JobPatch): Promise<ApplyOutcome>;
  /** Newest first. A page may hold fewer than `limit` and still have a cursor. */
  list(tenantId: string, ask: JobListAsk): Promise<Page<JobRecord>>;
  /** The head of a line by tag; may lag behind writes. */
  line(pool: string, jobClass: JobClass, limit: number): Promise<LineEntry[]>;
  /** Jobs whose lease ran out before `nowMs`, oldest first; may lag behind writes. */
  lapsed(pool: string, nowMs: number, limit: number): Promise<LineEntry[]>;
  /** How many jobs of the pool wait and are leased; may lag behind writes. */
  count(pool: string): Promise<{ readonly waiting: number; readonly leased: number }>;
}

export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly job: JobRecord }
  /** The guard no longer holds, or there is no such job. */
  | { readonly kind: 'refused' };

export interface JobListAsk {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: JobStatus;
  readonly model?: string;
  readonly class?: JobClass;
  /** Only jobs created later than this instant. */
  readonly createdAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Only jobs that carry this flag. */
  readonly flag?: string;
}
