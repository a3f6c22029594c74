/** What happened as seen from outside: what clients asked and were told, and what the stores held at each moment. */
import type { SubmitAsk } from '#core/flows/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import type { DeliveryRecord } from '#core/webhook/delivery.ts';
import type { AdapterHistory } from './adapters.ts';
import { createAdapterHistory } from './adapters.ts';
import type { DropHistory } from './drops.ts';
import { createDropHistory } from './drops.ts';
import type { Admission } from './limit-checker.ts';
import type { PictureHistory } from './pictures.ts';
import { createPictureHistory } from './pictures.ts';
import type { RetryHistory } from './retries.ts';
import { createRetryHistory } from './retries.ts';
import type { StopHistory } from './stop-checker.ts';
import { createStopHistory } from './stop-checker.ts';
import type { FileHistory } from './tenant-files.ts';
import { createFileHistory } from './tenant-files.ts';
import type { WarmupHistory } from './warmups.ts';
import type { Hook } from './webhooks.ts';

/** One submission as its client means it, with however many tries. */
export interface Submission {
  readonly op: string;
  readonly tenantId: string;
  readonly idempotencyKey: string | null;
  /** Every answer, in order; `unknown` for a try that ended without one. */
  readonly answers: SubmissionAnswer[];
}

export type SubmissionAnswer =
  | { readonly kind: 'accepted' | 'replayed'; readonly jobId: string }
  | { readonly kind: 'refused' | 'mismatch' | 'in_flight' | 'unknown' };

/** A message as it came to a receiver; `isTaken`: it kept it, whatever it answered. */
export interface ReceivedMessage {
  readonly hook: Hook;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isTaken: boolean;
}

export interface History {
  readonly submissions: Submission[];
  /** Where each operation asked to be told of its job, and in which form; none of those that did not ask. */
  readonly ownWebhooks: Map<string, NonNullable<JobRecord['webhook']>>;
  /** Refunds as the ledger took them, in micro-USD by job. */
  readonly refunded: Map<string, number>;
  readonly warmups: WarmupHistory;
  readonly adapters: AdapterHistory;
  /** Batches that a client was told of. */
  readonly batches: Set<string>;
  readonly drops: DropHistory;
  readonly pictures: PictureHistory;
  readonly retries: RetryHistory;
  readonly files: FileHistory;
  /** Jobs that a client was told had ended, and how. */
  readonly ended: Map<string, JobRecord['status']>;
  /** The largest of each limit that the tenant ever had. */
  readonly limits: Map<string, PlanLimits>;
  /** By token. */
  readonly admissions: Map<string, Admission>;
  /** Each job as it was last stored. */
  readonly stored: Map<string, JobRecord>;
  /** Jobs whose reservation was released. */
  readonly settled: Set<string>;
  /** Bytes of the tenant's settled jobs as a reservation was taken, by its token. Nothing goes within a run. */
  readonly keptAtAdmission: Map<string, number>;
  readonly stops: StopHistory;
  /** Runner calls that began, by job. */
  readonly runs: Map<string, number>;
  /** Everything that came to receivers of webhooks, in order. */
  readonly messages: ReceivedMessage[];
  /** Each delivery of a webhook as it was last stored. */
  readonly deliveries: Map<string, DeliveryRecord>;
  /** Prompts and keys: words that no log may hold. */
  readonly canaries: Set<string>;
  /** Requests with a key, as they were made. */
  readonly keyed: Set<SubmitAsk>;
  readonly violations: string[];
  operations: number;
}

export function createHistory(): History {
  return {
    submissions: [],
    ownWebhooks: new Map(),
    refunded: new Map(),
    warmups: { asked: [], entries: [] },
    adapters: createAdapterHistory(),
    batches: new Set(),
    drops: createDropHistory(),
    pictures: createPictureHistory(),
    retries: createRetryHistory(),
    files: createFileHistory(),
    ended: new Map(),
    limits: new Map(),
    admissions: new Map(),
    stored: new Map(),
    settled: new Set(),
    keptAtAdmission: new Map(),
    stops: createStopHistory(),
    runs: new Map(),
    messages: [],
    deliveries: new Map(),
    canaries: new Set(),
    keyed: new Set(),
    violations: [],
    operations: 0,
  };
}

/** What a job stored itself: the files of a cached result are those of the job that made them. */
export function ownBytesOf({ outputs, receipt }: JobRecord): number {
  return receipt?.cachedFrom === undefined ? outputs.reduce((sum, { bytes }) => sum + bytes, 0) : 0;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Files go at the first midnight at or after their retention: the day that begins then, since 1970. */
export function goneDayOf({ retentionMs }: JobRecord, finishedAtMs: number): number {
  return Math.ceil((finishedAtMs + retentionMs) / dayMs);
}

/** Whether a job's files are there no more. */
export function hasGone(job: JobRecord, nowMs: number): boolean {
  return job.finishedAtMs !== null && goneDayOf(job, job.finishedAtMs) * dayMs <= nowMs;
}

/** A promise that did not hold: `I1` to `I12` of reliability.md 3.1. */
export function violate(history: History, invariant: string, detail: string): void {
  history.violations.push(`${invariant}: ${detail}`);
}
