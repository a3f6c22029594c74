/**
 * Spans of a worker as segments of X-Ray (https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html).
 * Told to a buffer and sent together, some seconds later. X-Ray that is slow, away or full loses spans and nothing else:
 * the buffer is bounded, one request is under way at a time, and what was lost is counted.
 *
 * A segment stands in the trace of its request and names no parent: the ids of API Gateway's own segments are not the job's to
 * know.
 */
import type { XRayClient } from '@aws-sdk/client-xray';
import { PutTraceSegmentsCommand } from '@aws-sdk/client-xray';
import { spanLimits } from '#core/limits.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import type { AttemptSpan, Spans } from '#core/observability/spans.ts';
import type { Clock } from '#core/ports/process.ts';

export interface XRaySpans extends Spans {
  /** Sends what is left, once; resolves when that was sent, or could not be. */
  close(): Promise<void>;
}

export function createXRaySpans(options: {
  readonly client: XRayClient;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Begins the name that X-Ray shows. */
  readonly deployment: string;
  readonly pool: string;
}): XRaySpans {
  const { client, clock, metrics, deployment, pool } = options;
  const waiting: AttemptSpan[] = [];
  const closing = new AbortController();
  let underWay: Promise<void> | null = null;
  let turnedAway = 0;

  function lose(count: number, reason: string): void {
    metrics.tell('spans.lost', { spans_lost: count }, { pool }, { reason });
  }

  /** Whether X-Ray answered. */
  async function send(spans: readonly AttemptSpan[]): Promise<boolean> {
    const TraceSegmentDocuments = spans.map((span) => JSON.stringify(documentOf(span, deployment)));
    try {
      const answer = await client.send(new PutTraceSegmentsCommand({ TraceSegmentDocuments }));
      const [refused, ...others] = answer.UnprocessedTraceSegments ?? [];
      if (refused !== undefined) lose(1 + others.length, `${refused.ErrorCode}: ${refused.Message}`);
      return true;
    } catch (error) {
      lose(spans.length, String(error));
      return false;
    }
  }

  async function sendAll(): Promise<void> {
    await clock.sleep(spanLimits.gatherMs, closing.signal);
    while (waiting.length > 0) {
      const isAnswered = await send(waiting.splice(0, spanLimits.requestMax));
      // A worker that ends has not the time to find out again and again that nobody answers.
      if (!isAnswered && closing.signal.aborted) turnedAway += waiting.splice(0).length;
    }
    if (turnedAway > 0) lose(turnedAway, 'no room');
    turnedAway = 0;
    underWay = null;
  }

  return {
    tell(span) {
      if (waiting.length >= spanLimits.waitingMax) {
        turnedAway += 1;
        return;
      }
      waiting.push(span);
      underWay ??= sendAll();
    },
    async close() {
      closing.abort();
      await underWay;
      client.destroy();
    },
  };
}

const seconds = (ms: number) => ms / 1_000;

/** Annotations are what X-Ray finds traces by; their names take no camel case of ours, so that queries read as fields of the API. */
export function documentOf(span: AttemptSpan, deployment: string) {
  const { traceId, spanId, fromMs, toMs, outcome, ids, parts } = span;
  return {
    name: `${deployment}-worker`,
    id: spanId,
    trace_id: `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
    start_time: seconds(fromMs),
    end_time: seconds(toMs),
    origin: 'AWS::ECS::Container',
    ...(outcome === 'failed' ? { fault: true } : {}),
    annotations: {
      outcome,
      tenant_id: ids.tenantId,
      job_id: ids.jobId,
      attempt: ids.attempt,
      pool: ids.pool,
      model: ids.model,
      worker_id: ids.workerId,
      batch_id: ids.batchId,
      batch_size: ids.batchSize,
    },
    subsegments: parts.map((part) => ({
      name: part.name,
      id: part.spanId,
      start_time: seconds(part.fromMs),
      end_time: seconds(part.toMs),
    })),
  };
}
