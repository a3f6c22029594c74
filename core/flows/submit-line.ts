/**
 * Asks for the job of one line. A limit that clears before the batch expires is waited for; one that does not ends the
 * batch's asking, once nothing of it runs that could give anything back.
 */
import type { Refusal } from '../admission/gate.ts';
import type { BatchRecord, BatchStop } from '../batch/batch.ts';
import type { LineFault } from '../batch/batch-line.ts';
import { requestFault } from '../batch/batch-line.ts';
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { batchRunLimits, sweepLimits } from '../limits.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { BatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';
import { askOf, faultOfOutcome, faultOfRefusal } from './line-submission.ts';
import type { LineText } from './read-lines.ts';
import { submit } from './submit.ts';

export type SubmittedLine =
  | { readonly kind: 'open' }
  | { readonly kind: 'ended'; readonly job: JobRecord }
  /** What is wrong with it alone. */
  | { readonly kind: 'fault'; readonly fault: LineFault }
  /** Nothing has room now: the next look goes on here. */
  | { readonly kind: 'later' }
  /** Nothing will have room before the batch expires. */
  | { readonly kind: 'stop'; readonly stop: BatchStop };

/** What came of a job whose release was left to the sweep is known after this: its tick, its grace and a tick. */
const releasedWithinMs = 2 * sweepLimits.everyMs + sweepLimits.graceMs;

/** @param ask `running`: lines of the batch with a job that has not ended */
export async function submitLine(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  tenant: TenantRecord,
  { line, text, running }: LineText & { readonly running: number },
): Promise<SubmittedLine> {
  const { batchId } = batch;
  if (text.kind === 'fault') return { kind: 'fault', fault: text.fault };
  const asked = { number: line.number, submission: text.submission };
  const outcome = await submit(ports, { ...askOf(batch, tenant, asked), leavesHalf: true });
  if (outcome.kind !== 'refused') desk.noteFull(batchId, null);
  switch (outcome.kind) {
    case 'accepted':
    case 'replayed':
      desk.forget(batchId, [line.number]);
      return isTerminal(outcome.job) ? { kind: 'ended', job: outcome.job } : { kind: 'open' };
    case 'in_flight':
      return { kind: 'later' };
    case 'too_late': {
      const isGivenUp = desk.noteLate(batchId, line.number) >= batchRunLimits.lateSubmissionsMax;
      const fault = requestFault('unavailable', 'The line could not be submitted.');
      return isGivenUp ? { kind: 'fault', fault } : { kind: 'later' };
    }
    case 'refused':
      return refused(ports, desk, batch, { refusal: outcome.refusal, running });
    default:
      return { kind: 'fault', fault: faultOfOutcome(outcome, text.submission) };
  }
}

/** Not what adapters take of `storage_gb_max`: it has no end, but it is nothing of the line's. */
function isForGood({ retryAfterSeconds, limit }: Refusal): boolean {
  return retryAfterSeconds === null && limit !== 'storage_gb_max';
}

function refused(
  { clock }: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  { refusal, running }: { readonly refusal: Refusal; readonly running: number },
): SubmittedLine {
  const { retryAfterSeconds: seconds, limit } = refusal;
  const nowMs = clock.nowMs();
  const fault = faultOfRefusal(refusal);
  if (isForGood(refusal)) return { kind: 'fault', fault };
  const clearsAtMs = seconds === null ? Number.POSITIVE_INFINITY : nowMs + seconds * 1000;
  // Somebody may let a suspended tenant go on at any time.
  if (limit === 'suspended' || clearsAtMs < batch.expiresAtMs) {
    desk.noteFull(batch.batchId, null);
    desk.wait(batch.batchId, clearsAtMs);
    return { kind: 'later' };
  }
  const sinceMs = desk.noteFull(batch.batchId, running > 0 ? null : nowMs);
  const isFull = sinceMs !== null && Math.abs(nowMs - sinceMs) >= releasedWithinMs;
  return isFull ? { kind: 'stop', stop: { code: fault.code, message: fault.message } } : { kind: 'later' };
}
