/**
 * One step of a batch in progress: looks at the jobs of its open lines, puts down what ended, opens the next lines. Any
 * number of processes may do this to the same batch, and each may die between any two calls:
 *
 * 1. every open line without a job is submitted, under an id that follows from batch and line: whoever does it again meets
 *    the same job;
 * 2. a line that is to end without a job has its id forbidden first, so that a submission that somebody else has under way
 *    can create none any more;
 * 3. the results are written to files that nobody names yet;
 * 4. one conditional write of the record names those files, takes their lines from the open ones and opens the next ones.
 *    Who loses it, or dies before it, has left nothing that counts.
 *
 * So a line has one job at most, and one result.
 */
import type { BatchRecord, BatchStop, OpenLine } from '../batch/batch.ts';
import { canceledStop, changed, expiredStop, openLinesMaxOf } from '../batch/batch.ts';
import type { LineFault } from '../batch/batch-line.ts';
import { requestFault } from '../batch/batch-line.ts';
import type { LineResult } from '../batch/line-result.ts';
import { errorLine, lineJobId, linkOf, outputLine } from '../batch/line-result.ts';
import { lineRouteOf } from '../batch/line-route.ts';
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { batchRunLimits } from '../limits.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { BatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';
import { cancel } from './cancel.ts';
import { linesAt, takeLines } from './read-lines.ts';
import type { SubmittedLine } from './submit-line.ts';
import { submitLine } from './submit-line.ts';
import { careOf } from './validate-batch.ts';

export interface StepAsk {
  /** With the limits of its plan; null: deleted. */
  readonly tenant: TenantRecord | null;
  /** Batches of the tenant in progress, this one included. */
  readonly batches: number;
  /** Lines that the other ones have open. */
  readonly othersOpen: number;
  readonly turn: Turn;
}

/** The time that a batch has its place for. */
export interface Turn {
  /** From then on no further line is submitted, and what has ended is put down: the process may be about to end. */
  isOver(): boolean;
}

export type Stepped =
  | { readonly kind: 'stepped'; readonly batch: BatchRecord }
  /** Nothing has ended that is worth a write, and nothing can be opened. */
  | { readonly kind: 'waiting' }
  /** Somebody else wrote the record. */
  | { readonly kind: 'conflict' };

export async function stepBatch(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  ask: StepAsk,
): Promise<Stepped> {
  const nowMs = ports.clock.nowMs();
  const stop = stopOf(batch, ask.tenant, nowMs);
  const seen = await lookAtOpen(ports, desk, batch, stop);
  const asked = stop === null ? await submitUnasked(ports, desk, batch, { ...ask, seen }) : nothingAsked;
  const ended = [...seen.results, ...asked.results];
  const isLast = ask.turn.isOver() || (stop ?? asked.stop) !== null;
  // Submitting may have taken seconds.
  const endedAtMs = ports.clock.nowMs();
  const ripe = isRipe(batch, ended.length, { isLast, nowMs: endedAtMs }) ? ended : [];
  const stillOpen = batch.open.length - ripe.length;
  const room =
    asked.isHeldUp || ask.tenant === null
      ? 0
      : openLinesMaxOf(limitsOf(ask.tenant.plan, ask.tenant.overrides).open_jobs_max, {
          batches: ask.batches,
          others: ask.othersOpen,
        }) - stillOpen;
  const taken = await takeLines(ports, desk, batch, { room, stop });
  const results = [...ripe, ...taken.results];
  const isSame = results.length === 0 && taken.cursor === batch.cursor;
  if (isSame && (asked.stop ?? stop) === batch.stop) return { kind: 'waiting' };
  const over = new Set(ripe.map(({ number }) => number));
  const next = changed(batch, {
    open: [...batch.open.filter(({ number }) => !over.has(number)), ...taken.opened],
    cursor: taken.cursor,
    stop: stop ?? asked.stop,
    outputs: await putDown(ports, batch, 'output', results),
    faults: await putDown(ports, batch, 'error', results),
    collectedAtMs: results.length > 0 ? endedAtMs : batch.collectedAtMs,
  });
  if ((await ports.batches.put(next)) === 'conflict') return { kind: 'conflict' };
  desk.forget(batch.batchId, over);
  for (const line of taken.lines) desk.keep(batch.batchId, line);
  return { kind: 'stepped', batch: next };
}

function stopOf(batch: BatchRecord, tenant: TenantRecord | null, nowMs: number): BatchStop | null {
  if (batch.stop !== null) return batch.stop;
  if (tenant === null) return canceledStop;
  return nowMs >= batch.expiresAtMs ? expiredStop : null;
}

/** Whether what ended is put down now: a good part of what is open, the last of it, or what a person has waited for. */
function isRipe(
  batch: BatchRecord,
  ended: number,
  { isLast, nowMs }: { readonly isLast: boolean; readonly nowMs: number },
): boolean {
  const { open, collectedAtMs } = batch;
  if (ended === 0) return false;
  const isMuch = ended >= Math.ceil(open.length * batchRunLimits.collectShare);
  // On both sides: a clock may be set back.
  return isMuch || isLast || Math.abs(nowMs - collectedAtMs) >= batchRunLimits.collectMs;
}

interface Seen {
  readonly results: readonly LineResult[];
  /** Nobody has asked for these, or their jobs never came to be. */
  readonly unasked: readonly OpenLine[];
  /** Lines with a job that has not ended. */
  readonly running: number;
}

async function lookAtOpen(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  stop: BatchStop | null,
): Promise<Seen> {
  const looks = await Promise.all(
    batch.open.map(async (line): Promise<LineResult | OpenLine | null> => {
      // What this process opened itself and has not asked for yet has no job, unless somebody was quicker.
      if (stop === null && desk.has(batch.batchId, line.number)) return line;
      const job = await findJob(ports, batch, line);
      if (job !== null) return resultOf(ports, batch, line, await withStop(ports, job, stop));
      if (stop === null) return line;
      return endWithoutJob(ports, batch, line, requestFault(stop.code, stop.message));
    }),
  );
  return {
    results: looks.filter((each) => each !== null && 'text' in each),
    unasked: looks.filter((each) => each !== null && 'byteOffset' in each),
    running: looks.filter((each) => each === null).length,
  };
}

/** A read that lags is half the price, and what it does not find is looked for again. */
async function findJob({ jobs }: BatchPorts, batch: BatchRecord, line: OpenLine): Promise<JobRecord | null> {
  const jobId = lineJobId({ ...batch, number: line.number });
  return (await jobs.get(batch.tenantId, jobId)) ?? jobs.get(batch.tenantId, jobId, { consistent: true });
}

/** The job of a batch that was cancelled is canceled; what is over, or can no longer be stopped, stays as it is. */
async function withStop(ports: BatchPorts, job: JobRecord, stop: BatchStop | null): Promise<JobRecord> {
  if (stop?.code !== canceledStop.code || isTerminal(job)) return job;
  const outcome = await cancel(ports, job.tenantId, job.jobId);
  return outcome.kind === 'found' ? outcome.job : job;
}

/** Null while the job has not ended. */
async function resultOf(
  { blobs }: BatchPorts,
  batch: BatchRecord,
  line: OpenLine,
  job: JobRecord,
): Promise<LineResult | null> {
  if (!isTerminal(job)) return null;
  const of = { ...batch, ...line };
  if (job.status === 'succeeded') {
    const body = await lineRouteOf(batch.endpoint)?.toBody(job, (path) => blobs.get(batch.tenantId, path));
    if (body !== null) return outputLine(of, body);
    return errorLine(of, requestFault('result_expired', 'The result of this line is past its retention.'));
  }
  const { code, message } = job.error ?? { code: 'internal', message: 'The job ended without a result.' };
  return errorLine(of, requestFault(code, message));
}

/** Null where a job came to be after all: it decides. */
export async function endWithoutJob(
  { jobs }: BatchPorts,
  batch: BatchRecord,
  line: OpenLine,
  fault: LineFault,
): Promise<LineResult | null> {
  const of = { ...batch, ...line };
  return (await jobs.forbidAll(batch.tenantId, lineJobId(of))) === 'exists' ? null : errorLine(of, fault);
}

interface Asked {
  readonly results: readonly LineResult[];
  /** A limit has no room for now: no use in opening further lines. */
  readonly isHeldUp: boolean;
  readonly stop: BatchStop | null;
}

const nothingAsked: Asked = { results: [], isHeldUp: true, stop: null };

/** In the order of the file, one line at least, until the turn is over: each may wait for its pictures. */
async function submitUnasked(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  { tenant, seen, turn }: StepAsk & { readonly seen: Seen },
): Promise<Asked> {
  if (tenant === null) return nothingAsked;
  const isWaiting = desk.waitsUntilMs(batch.batchId) > ports.clock.nowMs();
  if (isWaiting || seen.unasked.length === 0) return { results: [], isHeldUp: isWaiting, stop: null };
  const results: LineResult[] = [];
  for (const { line, text } of await linesAt(ports, desk, batch, seen.unasked)) {
    const came = await submitLine(ports, desk, batch, tenant, { line, text, running: seen.running });
    if (came.kind === 'later') return { results, isHeldUp: true, stop: null };
    if (came.kind === 'stop') return { results, isHeldUp: true, stop: came.stop };
    const result = await endOf(ports, desk, batch, { line, came });
    if (result !== null) results.push(result);
    if (turn.isOver()) return { results, isHeldUp: true, stop: null };
  }
  return { results, isHeldUp: false, stop: null };
}

/** Null while the line has a job that has not ended. */
async function endOf(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  {
    line,
    came,
  }: { readonly line: OpenLine; readonly came: Exclude<SubmittedLine, { kind: 'later' | 'stop' }> },
): Promise<LineResult | null> {
  if (came.kind === 'open') return null;
  if (came.kind === 'ended') return resultOf(ports, batch, line, came.job);
  const result = await endWithoutJob(ports, batch, line, came.fault);
  // Until it is put down: what was found out about a picture is not waited for again.
  const text = { kind: 'fault', customId: line.customId, fault: came.fault } as const;
  if (result !== null) desk.keep(batch.batchId, { line, text });
  return result;
}

/** The chain with these results at its end. */
async function putDown(
  ports: BatchPorts,
  batch: BatchRecord,
  kind: LineResult['kind'],
  results: readonly LineResult[],
): Promise<BatchRecord['outputs']> {
  const chain = kind === 'output' ? batch.outputs : batch.faults;
  const own = results.filter((result) => result.kind === kind);
  if (own.length === 0) return chain;
  const last = `batches/${batch.batchId}/${kind}-${batch.version}-${ports.ids.nonce()}.jsonl`;
  await ports.blobs.put(batch.tenantId, last, linkOf(chain.last, own), 'application/jsonl', careOf(batch));
  return { last, lines: chain.lines + own.length };
}
