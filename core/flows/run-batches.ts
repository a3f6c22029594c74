/** Works at every batch that there is anything left to do for. Any number of processes may do so at once. */
import type { BatchRecord } from '../batch/batch.ts';
import { failed, isAtWork, isEnded, isWorkedOff } from '../batch/batch.ts';
import { batchRunLimits } from '../limits.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { BatchDesk } from './batch-desk.ts';
import { createBatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';
import { finishBatch } from './finish-batch.ts';
import { findTenantWithPlan } from './tenant-with-plan.ts';
import { validateBatch } from './validate-batch.ts';
import type { Stepped } from './work-at-batch.ts';
import { stepBatch } from './work-at-batch.ts';

/** A batch that goes on and on is left for the others after so many steps; the next round takes it up again. */
const stepsMax = 64;

/**
 * Goes on, a round every `batchRunLimits.lookMs`, until `stopping` aborts; then ends what is under way. `endsIdle`: or
 * until no batch is at work.
 */
export async function runBatchesUntil(
  ports: BatchPorts,
  stopping: AbortSignal,
  { endsIdle = false }: { readonly endsIdle?: boolean } = {},
): Promise<void> {
  const desk = createBatchDesk();
  while (!stopping.aborted) {
    try {
      const { atWork } = await runBatches(ports, desk, stopping);
      if (endsIdle && atWork === 0) return;
    } catch (error) {
      ports.log.warn('batch.round_failed', { reason: String(error) });
    }
    await ports.clock.sleep(batchRunLimits.lookMs, stopping);
  }
}

/** One round: takes every batch as far as it goes without waiting. Throws when the batches cannot be listed. */
export async function runBatches(
  ports: BatchPorts,
  desk: BatchDesk,
  stopping?: AbortSignal,
): Promise<{ readonly atWork: number }> {
  const batches = await everyBatch(ports);
  desk.clear(new Set(batches.map(({ batchId }) => batchId)));
  const round = roundOf(batches);
  const waiting = [...batches];
  const workers = Array.from({ length: batchRunLimits.parallelMax }, async () => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      if (stopping?.aborted === true) return;
      await attempt(ports, desk, round, batch, stopping);
    }
  });
  await Promise.all(workers);
  return { atWork: batches.length };
}

interface Round {
  /** Lines that each batch in progress has open, by tenant and batch. */
  readonly open: Map<string, Map<string, number>>;
  note(batch: BatchRecord): void;
}

function roundOf(batches: readonly BatchRecord[]): Round {
  const open = new Map<string, Map<string, number>>();
  const round: Round = {
    open,
    note({ tenantId, batchId, status, open: lines }) {
      const own = open.get(tenantId) ?? new Map<string, number>();
      open.set(tenantId, own);
      if (status === 'in_progress' || status === 'cancelling') own.set(batchId, lines.length);
      else own.delete(batchId);
    },
  };
  for (const batch of batches) round.note(batch);
  return round;
}

/** One that cannot be worked at, such as for a file that cannot be read, must not keep the others from it. */
async function attempt(
  ports: BatchPorts,
  desk: BatchDesk,
  round: Round,
  batch: BatchRecord,
  stopping: AbortSignal | undefined,
): Promise<void> {
  const { tenantId, batchId } = batch;
  try {
    // The list may lag.
    let current = await ports.batches.get(tenantId, batchId);
    for (let steps = 0; steps < stepsMax && current !== null && isAtWork(current); steps += 1) {
      if (stopping?.aborted === true) return;
      round.note(current);
      const came = await advance(ports, desk, round, current);
      if (came.kind === 'waiting') return;
      current = came.kind === 'stepped' ? came.batch : await ports.batches.get(tenantId, batchId);
    }
    if (current !== null) round.note(current);
  } catch (error) {
    ports.log.warn('batch.step_failed', { tenantId, batchId, reason: String(error) });
  }
}

async function advance(
  ports: BatchPorts,
  desk: BatchDesk,
  round: Round,
  batch: BatchRecord,
): Promise<Stepped> {
  if (isEnded(batch) || isWorkedOff(batch) || batch.status === 'finalizing') return finishBatch(ports, batch);
  const tenant = await livingTenant(ports, batch);
  if (batch.status === 'validating') return validate(ports, batch, tenant);
  const own = [...(round.open.get(batch.tenantId) ?? [])];
  return stepBatch(ports, desk, batch, {
    tenant,
    batches: own.length,
    othersOpen: own.reduce((sum, [id, lines]) => (id === batch.batchId ? sum : sum + lines), 0),
  });
}

async function validate(
  ports: BatchPorts,
  batch: BatchRecord,
  tenant: TenantRecord | null,
): Promise<Stepped> {
  const nowMs = ports.clock.nowMs();
  const gone = { code: 'tenant_deleted', message: 'The tenant is deleted.', line: null, param: null };
  const next = tenant === null ? failed(batch, [gone], nowMs) : await validateBatch(ports, batch, tenant);
  return (await ports.batches.put(next)) === 'stored'
    ? { kind: 'stepped', batch: next }
    : { kind: 'conflict' };
}

async function livingTenant(ports: BatchPorts, { tenantId }: BatchRecord): Promise<TenantRecord | null> {
  const tenant = await findTenantWithPlan(ports, tenantId);
  return tenant === null || tenant.status === 'deleted' ? null : tenant;
}

async function everyBatch({ batches }: BatchPorts): Promise<BatchRecord[]> {
  const found: BatchRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await batches.atWork(cursor);
    found.push(...page.items);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}
