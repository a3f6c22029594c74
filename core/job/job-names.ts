import { traceIdOf } from '../observability/trace.ts';
import type { LogFields } from '../ports/process.ts';
import type { JobRecord } from './job.ts';

/** What every line about a job is found by. */
export function jobNames({
  tenantId,
  jobId,
  traceparent,
}: Pick<JobRecord, 'tenantId' | 'jobId' | 'traceparent'>): LogFields {
  return { tenantId, jobId, traceId: traceIdOf(traceparent) ?? undefined };
}
