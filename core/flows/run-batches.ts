/** Works at every batch that there is anything left to do for. Any number of processes may do so at once. */
import type { BatchRecord } from '../batch/batch.ts';
import { failed, isAtWork, isEnded, isWorkedOff } from '../batch/batch.ts';
import { isFresh } from '../jumping-clock.ts';
import { batchRunLimits } from '../limits.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { BatchDesk } from './batch-desk.ts';
import { createBatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';
import { createBatchTurns } from './batch-turns.ts';
import { finishBatch } from './finish-batch.ts';
import { findTenantWithPlan } from './tenant-with-plan.ts';
import { validateBatch } from './validate-batch.ts';
import type { Stepped, Turn } from './work-at-batch.ts';
import { stepBatch } from './work-at-batch.ts';

/**
 * Goes on, a look every `batchRunLimits.lookMs`, until `stopping` aborts; then ends what is under way. `endsIdle`: or
 * until no batch is at work.
 */
export async function runBatchesUntil(
  ports: BatchPorts,
  stopping: AbortSignal,
  { endsIdle = false }: { readonly endsIdle?: boolean } = {},
): Promise<void> {
  const runner = createBatchRunner(ports, createBatchDesk(), stopping);
  while (!stopping.aborted) {
    try {
      if ((await runner.look()) === 0 && endsIdle) break;
    } catch (error) {
      ports.log.warn('batch.round_failed', { reason: String(error) });
    }
    await ports.clock.sleep(batchRunLimits.lookMs, stopping);
  }
  await runner.idle();
}

/** One round: a turn for every batch. Throws when the batches cannot be listed. */
export async function runBatches(
  ports: BatchPorts,
  desk: BatchDesk,
  stopping?: AbortSignal,
): Promise<{ readonly atWork: number }> {
  const runner = createBatchRunner(ports, desk, stopping);
  const atWork = await runner.look();
  await runner.idle();
  return { atWork };
}

interface BatchRunner {
  /** Begins the turns that there are places for, and others as these end; waits for none. How many batches are at work. */
  look(): Promise<number>;
  /** Resolves once no batch has its turn and none waits for one. */
  idle(): Promise<void>;
}

function createBatchRunner(ports: BatchPorts, desk: BatchDesk, stopping?: AbortSignal): BatchRunner {
  const turns = createBatchTurns();
  const underWay = new Set<Promise<void>>();
  const round = createRound();

  function fill(): void {
    for (let batch = next(); batch !== null; batch = next()) begin(batch);
  }

  function next(): BatchRecord | null {
    return stopping?.aborted === true ? null : turns.begin();
  }

  function begin(batch: BatchRecord): void {
    const ended = attempt(ports, desk, round, batch, stopping).then(() => {
      underWay.delete(ended);
      turns.end(batch);
      fill();
    });
    underWay.add(ended);
  }

  return {
    async look() {
      const batches = await everyBatch(ports);
      desk.clear(new Set(batches.map(({ batchId }) => batchId)));
      round.begin(batches);
      turns.look(batches);
      fill();
      return batches.length;
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

interface Round {
  /** Lines that each batch in progress has open, by tenant and batch. */
  readonly open: Map<string, Map<string, number>>;
  begin(batches: readonly BatchRecord[]): void;
  note(batch: BatchRecord): void;
}

function createRound(): Round {
  const open = new Map<string, Map<string, number>>();
  const round: Round = {
    open,
    begin(batches) {
      open.clear();
      for (const batch of batches) round.note(batch);
    },
    note({ tenantId, batchId, status, open: lines }) {
      const own = open.get(tenantId) ?? new Map<string, number>();
      open.set(tenantId, own);
      if (status === 'in_progress' || status === 'cancelling') own.set(batchId, lines.length);
      else own.delete(batchId);
    },
  };
  return round;
}

function turnOf({ clock }: BatchPorts, stopping: AbortSignal | undefined): Turn {
  const beganAtMs = clock.nowMs();
  return {
    isOver: () => stopping?.aborted === true || !isFresh(beganAtMs, batchRunLimits.turnMs, clock.nowMs()),
  };
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
    const turn = turnOf(ports, stopping);
    while (current !== null && isAtWork(current) && !turn.isOver()) {
      round.note(current);
      const came = await advance(ports, desk, { round, turn }, current);
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
  { round, turn }: { readonly round: Round; readonly turn: Turn },
  batch: BatchRecord,
): Promise<Stepped> {
  if (isEnded(batch) || isWorkedOff(batch) || batch.status === 'finalizing') return finishBatch(ports, batch);
  const tenant = await livingTenant(ports, batch);
  if (batch.status === 'validating') return validate(ports, batch, tenant);
  const own = [...(round.open.get(batch.tenantId) ?? [])];
  return stepBatch(ports, desk, batch, {
    tenant,
    turn,
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
