/**
 * `Jobs` in memory. Lines, leases and lists are kept sorted beside the records, as the indexes of a real store are,
 * so that a simulation of many thousand jobs reads the head of a line without looking at the rest.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JobClass, JobRecord } from '#core/job/job.ts';
import { isPastRetention, jobClasses, lineEntryOf } from '#core/job/job.ts';
import type { Guard, JobPatch } from '#core/job/transitions.ts';
import type { JobListAsk, Jobs } from '#core/ports/jobs.ts';
import type { Clock } from '#core/ports/process.ts';
import { copy, taken } from './copy.ts';
import type { Compare } from './sorted.ts';
import { compareText, insertSorted, removeSorted } from './sorted.ts';

/** Stands for every reservation there may be. */
const anyReservation = '*';

/** What of `Jobs` needs no index. */
export type JobStore = Pick<Jobs, 'create' | 'forbid' | 'forbidAll' | 'get' | 'apply'>;

type OnChange = (before: JobRecord | null, after: JobRecord | null) => void;

/** @param onChange sees each record come, change and go */
export function createJobStore(clock: Pick<Clock, 'nowMs'>, onChange: OnChange = () => undefined): JobStore {
  const records = new Map<string, JobRecord>();
  const forbidden = prohibitions();

  function forbid(tenantId: string, jobId: string, reservation: string): 'forbidden' | 'exists' {
    const key = recordKey(tenantId, jobId);
    const before = records.get(key);
    if (before !== undefined && !isPastRetention(before, clock.nowMs())) return 'exists';
    if (before !== undefined) onChange(before, null);
    records.delete(key);
    forbidden.add(key, reservation);
    return 'forbidden';
  }

  return {
    async create(job) {
      const key = recordKey(job.tenantId, job.jobId);
      const before = records.get(key);
      const isTaken = before !== undefined && !isPastRetention(before, clock.nowMs());
      if (isTaken || forbidden.has(key, job.reservation)) return 'exists';
      const stored = copy(job);
      records.set(key, stored);
      onChange(before ?? null, stored);
      return 'created';
    },
    forbid: async (tenantId, jobId, reservation) => forbid(tenantId, jobId, reservation),
    forbidAll: async (tenantId, jobId) => forbid(tenantId, jobId, anyReservation),
    async get(tenantId, jobId) {
      const job = records.get(recordKey(tenantId, jobId));
      return job === undefined || isPastRetention(job, clock.nowMs()) ? null : job;
    },
    async apply(tenantId, jobId, guard, patch) {
      const key = recordKey(tenantId, jobId);
      const job = records.get(key);
      if (job === undefined) return { kind: 'refused' };
      if (!holds(guard, job)) return carries(job, patch) ? { kind: 'applied', job } : { kind: 'refused' };
      const next = taken({ ...job, ...patch });
      records.set(key, next);
      onChange(job, next);
      return { kind: 'applied', job: next };
    },
  };
}

export function createMemoryJobs({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): Jobs {
  const lines = sortedGroups(byTag);
  const leases = sortedGroups(byExpiry);
  const lists = sortedGroups(newestFirst);

  function index(job: JobRecord, change: 'add' | 'remove'): void {
    lists[change](job.tenantId, job);
    if (job.place.kind === 'line') lines[change](lineKey(job.pool, job.class), job);
    if (job.place.kind === 'lease') leases[change](job.pool, job);
  }

  const store = createJobStore(clock, (before, after) => {
    if (before !== null) index(before, 'remove');
    if (after !== null) index(after, 'add');
  });

  return {
    ...store,
    async list(tenantId, ask) {
      const found = firstListed(lists.of(tenantId), ask, clock.nowMs());
      const items = found.slice(0, ask.limit);
      const last = items.at(-1);
      return { items, cursor: last !== undefined && found.length > ask.limit ? listKey(last) : null };
    },
    async line(pool, jobClass, limit) {
      return lines.of(lineKey(pool, jobClass)).slice(0, limit).map(lineEntryOf);
    },
    lapsed: async (pool, nowMs, limit) => firstLapsed(leases.of(pool), nowMs, limit).map(lineEntryOf),
    count: async (pool) => ({
      waiting: jobClasses.reduce((sum, each) => sum + lines.of(lineKey(pool, each)).length, 0),
      leased: leases.of(pool).length,
    }),
  };
}

/** Reservations under which a job may not be created any more, by record key. */
function prohibitions() {
  const byKey = new Map<string, Set<string>>();
  return {
    add: (key: string, reservation: string) =>
      void byKey.set(key, (byKey.get(key) ?? new Set()).add(reservation)),
    has: (key: string, reservation: string) =>
      [reservation, anyReservation].some((each) => byKey.get(key)?.has(each) === true),
  };
}

function firstLapsed(byEnd: readonly JobRecord[], nowMs: number, limit: number): JobRecord[] {
  const ranOut: JobRecord[] = [];
  for (const job of byEnd) {
    if (ranOut.length >= limit || expiryOf(job) >= nowMs) break;
    ranOut.push(job);
  }
  return ranOut;
}

/** One more than asked for, where there is one: it tells that there is another page. */
function firstListed(jobs: readonly JobRecord[], ask: JobListAsk, nowMs: number): JobRecord[] {
  const found: JobRecord[] = [];
  for (const job of jobs) {
    const isAhead = ask.cursor === undefined || listKey(job) < ask.cursor;
    if (isAhead && !isPastRetention(job, nowMs) && matches(job, ask)) found.push(job);
    if (found.length > ask.limit) break;
  }
  return found;
}

function holds(guard: Guard, job: JobRecord): boolean {
  if (job.attempt !== guard.attempt || job.place.kind !== guard.place) return false;
  return guard.leaseExpiredBeforeMs === undefined || expiryOf(job) < guard.leaseExpiredBeforeMs;
}

function carries(job: JobRecord, patch: JobPatch): boolean {
  return isDeepStrictEqual(job, { ...job, ...patch });
}

function matches(job: JobRecord, ask: JobListAsk): boolean {
  return (
    (ask.status === undefined || job.status === ask.status) &&
    (ask.model === undefined || job.model === ask.model) &&
    (ask.class === undefined || job.class === ask.class) &&
    (ask.flag === undefined || job.flags.includes(ask.flag)) &&
    (ask.createdAfterMs === undefined || job.createdAtMs > ask.createdAfterMs) &&
    Object.entries(ask.metadata ?? {}).every(([name, value]) => job.metadata[name] === value)
  );
}

interface SortedGroups {
  of(group: string): readonly JobRecord[];
  add(group: string, job: JobRecord): void;
  remove(group: string, job: JobRecord): void;
}

function sortedGroups(compare: Compare<JobRecord>): SortedGroups {
  const groups = new Map<string, JobRecord[]>();
  return {
    of: (group) => groups.get(group) ?? [],
    add(group, job) {
      const jobs = groups.get(group) ?? [];
      groups.set(group, jobs);
      insertSorted(jobs, job, compare);
    },
    remove(group, job) {
      removeSorted(groups.get(group) ?? [], job, compare);
    },
  };
}

function byTag(left: JobRecord, right: JobRecord): number {
  return left.tag - right.tag || byIds(left, right);
}

function byExpiry(left: JobRecord, right: JobRecord): number {
  return expiryOf(left) - expiryOf(right) || byIds(left, right);
}

/** As {@link listKey} sorts, from its end. */
function newestFirst(left: JobRecord, right: JobRecord): number {
  return right.createdAtMs - left.createdAtMs || compareText(right.jobId, left.jobId);
}

function byIds(left: JobRecord, right: JobRecord): number {
  return compareText(left.jobId, right.jobId) || compareText(left.tenantId, right.tenantId);
}

function expiryOf(job: JobRecord): number {
  return job.place.kind === 'lease' ? job.place.expiresAtMs : Number.POSITIVE_INFINITY;
}

/** Sorts as text by creation, then by id. */
function listKey(job: JobRecord): string {
  return `${String(job.createdAtMs).padStart(16, '0')}#${job.jobId}`;
}

function recordKey(tenantId: string, jobId: string): string {
  return `${tenantId}#${jobId}`;
}

function lineKey(pool: string, jobClass: JobClass): string {
  return `${pool}#${jobClass}`;
}
