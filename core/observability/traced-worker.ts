/**
 * Ports and a runner that tell of each attempt as it ends, as others tell numbers (`measured.ts`): flows know nothing of spans.
 * A worker that dies leaves no span of what it had in hand; the next attempt has one of its own.
 */
import type { JobRecord } from '../job/job.ts';
import type { Clock } from '../ports/process.ts';
import type { Runner } from '../ports/runner.ts';
import type { StoragePorts } from '../ports/storage.ts';
import { after } from './after-call.ts';
import type { SpanFacts, SpanMarks, Spans } from './spans.ts';
import { attemptSpan } from './spans.ts';
import { sampledTraceIdOf } from './trace.ts';

type TracedPorts = Pick<StoragePorts, 'jobs' | 'tickets'>;

interface InHand extends SpanFacts {
  readonly attempt: number;
}

/** More than any worker has in hand; what is older belongs to attempts that others took over. */
const inHandMax = 1_000;

/** The same ports and a watch for the runner: together they tell of each attempt as it ends. */
export function tracedWorker<Ports extends TracedPorts>(
  ports: Ports,
  how: { readonly clock: Pick<Clock, 'nowMs'>; readonly spans: Spans; readonly workerId: string },
): { readonly ports: Ports; readonly watch: (runner: Runner) => Runner } {
  const { clock, workerId } = how;
  const inHand = new Map<string, InHand>();
  let receivedAtMs: number | null = null;

  function begin(job: JobRecord): void {
    if (sampledTraceIdOf(job.traceparent) === null) return;
    const { createdAtMs, attempt } = job;
    const lane = clock.nowMs();
    const claim = receivedAtMs ?? lane;
    const marks = { ...(attempt === 1 ? { wait: createdAtMs } : {}), claim, lane };
    inHand.set(job.jobId, { workerId, attempt, marks });
    const [oldest] = inHand.keys();
    if (inHand.size > inHandMax && oldest !== undefined) inHand.delete(oldest);
  }

  /** What came next for these jobs. */
  function mark(jobIds: readonly string[], marks: SpanMarks, facts: Partial<SpanFacts> = {}): void {
    for (const jobId of jobIds) {
      const known = inHand.get(jobId);
      if (known !== undefined) inHand.set(jobId, { ...known, ...facts, marks: { ...known.marks, ...marks } });
    }
  }

  function end(job: JobRecord, attempt: number): void {
    const known = inHand.get(job.jobId);
    if (known?.attempt !== attempt) return;
    inHand.delete(job.jobId);
    const span = attemptSpan({ ...job, attempt }, known, clock.nowMs());
    if (span !== null) how.spans.tell(span);
  }

  const jobs = after(ports.jobs, 'apply', (outcome, _tenantId, jobId, guard, patch) => {
    if (outcome.kind === 'refused') {
      if (inHand.get(jobId)?.attempt === guard.attempt) inHand.delete(jobId);
    } else if (patch.place?.kind === 'lease') {
      if (patch.attempt !== undefined) begin(outcome.job);
    } else if (patch.place !== undefined) end(outcome.job, guard.attempt);
  });
  const tickets = after(ports.tickets, 'receive', (held) => {
    if (held.length > 0) receivedAtMs = clock.nowMs();
  });
  return { ports: { ...ports, jobs, tickets }, watch: (runner) => watched(runner, clock, mark) };
}

/** One call at a time has the runner: the load before it is the latest of its model. */
function watched(
  runner: Runner,
  clock: Pick<Clock, 'nowMs'>,
  mark: (jobIds: readonly string[], marks: SpanMarks, facts?: Partial<SpanFacts>) => void,
): Runner {
  const loads = new Map<string, number>();
  return {
    load(model, revision, needs) {
      loads.set(model, clock.nowMs());
      return runner.load(model, revision, needs);
    },
    async run(batch, events) {
      const jobIds = batch.items.map(({ id }) => id);
      const run = clock.nowMs();
      const load = loads.get(batch.model) ?? run;
      mark(jobIds, { load, run }, { batchId: batch.batchId, batchSize: jobIds.length });
      try {
        return await runner.run(batch, events);
      } finally {
        mark(jobIds, { store: clock.nowMs() });
      }
    },
    cancel: (itemId) => runner.cancel(itemId),
    resident: () => runner.resident(),
  };
}
