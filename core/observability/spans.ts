/**
 * What an attempt of a job went through in a worker, for the trace of the request that asked for it. Only of traces that
 * are recorded, by the flag of their `traceparent`: who began the trace decided that, and nobody decides it again.
 */
import { digest } from '../canonical.ts';
import type { JobRecord } from '../job/job.ts';
import { tookMs } from '../jumping-clock.ts';
import type { LogFields } from '../ports/process.ts';
import { sampledTraceIdOf } from './trace.ts';

/**
 * - `wait`: from being accepted to the worker that took it having a ticket. Of the first attempt alone.
 * - `claim`: from that ticket to the lease.
 * - `lane`: adapters and pictures are fetched, and another batch has the runner.
 * - `load`: the model on its way into memory; next to nothing where it is there.
 * - `run`: the call of the model, with its batch.
 * - `store`: results are stored, and the end of the attempt is written.
 */
export const spanParts = ['wait', 'claim', 'lane', 'load', 'run', 'store'] as const;

export interface SpanPart {
  readonly name: (typeof spanParts)[number];
  /** 16 hex digits. */
  readonly spanId: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** One attempt of one job. Ids and times, and nothing of what was asked or made. */
export interface AttemptSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits; made of the attempt, so that a span told twice is one. */
  readonly spanId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** `returned`: the job goes on in another attempt. */
  readonly outcome: 'succeeded' | 'failed' | 'canceled' | 'returned';
  readonly ids: LogFields;
  /** In order, none before the one before it ended; those that never began are left out. */
  readonly parts: readonly SpanPart[];
}

export interface Spans {
  /** Never throws, and nothing waits for it. */
  tell(span: AttemptSpan): void;
}

/** When what began, in the order of {@link spanParts}; undefined where it did not. */
export type SpanMarks = Readonly<Partial<Record<(typeof spanParts)[number], number>>>;

/** What a worker knows of an attempt beside its record. */
export interface SpanFacts {
  readonly workerId: string;
  readonly marks: SpanMarks;
  /** The call that it was in, where it came to one. */
  readonly batchId?: string | undefined;
  readonly batchSize?: number | undefined;
}

/**
 * Each part lasts until the next one begins, the last until `toMs`; a clock that jumped makes parts short, never negative.
 * Null where nobody records the trace.
 */
export function attemptSpan(job: JobRecord, facts: SpanFacts, toMs: number): AttemptSpan | null {
  const traceId = sampledTraceIdOf(job.traceparent);
  if (traceId === null) return null;
  const { tenantId, jobId, attempt, pool, model } = job;
  const idOf = (part: string) => digest([jobId, String(attempt), part].join(' ')).slice(0, 16);
  const begun = spanParts.flatMap((name) => {
    const atMs = facts.marks[name];
    return atMs === undefined ? [] : [{ name, atMs }];
  });
  const fromMs = begun[0]?.atMs ?? toMs;
  const endMs = Math.max(fromMs, toMs);
  let lastMs = fromMs;
  const starts = begun.map(({ atMs }) => {
    lastMs = Math.min(endMs, Math.max(lastMs, atMs));
    return lastMs;
  });
  const parts = begun.map(({ name }, index) => {
    const [partFromMs = endMs, partToMs = endMs] = starts.slice(index);
    return { name, spanId: idOf(name), fromMs: partFromMs, toMs: partToMs };
  });
  const { workerId, batchId, batchSize } = facts;
  const ids = { tenantId, jobId, attempt, pool, model, workerId, batchId, batchSize };
  return { traceId, spanId: idOf('attempt'), fromMs, toMs: endMs, outcome: outcomeOf(job), ids, parts };
}

function outcomeOf({ status }: JobRecord): AttemptSpan['outcome'] {
  switch (status) {
    case 'succeeded':
    case 'canceled':
      return status;
    case 'failed':
    case 'expired':
      return 'failed';
    case 'queued':
    case 'running':
      return 'returned';
  }
}

/** Writes each span as a line, for where nothing collects them. */
export function logSpans(log: { info(event: string, fields: LogFields): void }): Spans {
  return {
    tell({ traceId, spanId, fromMs, toMs, outcome, ids, parts }) {
      const lasted = parts.map((part) => [`${part.name}Ms`, tookMs(part.fromMs, part.toMs)] as const);
      const whole = { traceId, spanId, ms: tookMs(fromMs, toMs), outcome };
      log.info('attempt.span', { ...whole, ...ids, ...Object.fromEntries(lasted) });
    },
  };
}
