/** A flow world in which batches run: files, a stand-in for workers, and what the batches left. Where their tests start. */
import type { BatchRecord } from '#core/batch/batch.ts';
import { isAtWork } from '#core/batch/batch.ts';
import { pathOfFile } from '#core/batch/file.ts';
import { applyTransition } from '#core/flows/apply.ts';
import { createBatchDesk } from '#core/flows/batch-desk.ts';
import type { BatchPorts } from '#core/flows/batch-ports.ts';
import type { BatchAsk } from '#core/flows/batches.ts';
import { createBatch } from '#core/flows/batches.ts';
import { runBatches } from '#core/flows/run-batches.ts';
import { storeFile } from '#core/flows/store-file.ts';
import type { JobRecord } from '#core/job/job.ts';
import { claim, fail, jobError, succeed } from '#core/job/transitions.ts';
import { batchRunLimits } from '#core/limits.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { FlowWorld } from './flow-world.ts';
import { createFlowWorld, fakeManifest, worldPool } from './flow-world.ts';

/** A line that is fit to run; `fault` in the input fails its job. */
export function lineOf(id: string, input: object = {}, more: object = {}): string {
  const body = { model: fakeManifest.id, input: { prompt: `picture of ${id}`, ...input } };
  return JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/jobs', body, ...more });
}

/** A line of a batch's file, as whoever reads it sees it. */
export interface ReadResult {
  readonly id: string;
  readonly custom_id: string | null;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: { readonly id: string; readonly input: { readonly prompt: string } };
  } | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly line: number;
    readonly param: string | null;
  } | null;
}

export async function createBatchWorld(given: Parameters<typeof createFlowWorld>[0] = {}) {
  const world = await createFlowWorld(given);
  const { tenantId } = world.tenant;
  const desk = createBatchDesk();

  const scene = {
    ...world,
    desk,
    /** A file of these lines; a text is one as it is. */
    async addFile(lines: readonly string[] | string | Uint8Array, tenant: TenantRecord = world.tenant) {
      const bytes = bytesOf(lines);
      const stored = await storeFile(
        world,
        { tenant, purpose: 'batch', filename: 'lines.jsonl', keptMs: null },
        bytes,
      );
      if (stored.kind !== 'stored') throw new Error('the file was refused');
      return stored.file;
    },
    async addBatch(
      lines: readonly string[] | string | Uint8Array,
      how: Partial<Pick<BatchAsk, 'tenant' | 'metadata' | 'traceparent'>> = {},
    ): Promise<BatchRecord> {
      const { tenant = world.tenant, metadata = {} } = how;
      const { fileId } = await scene.addFile(lines, tenant);
      const key = { keyId: 'key00001', models: null };
      const ask = { tenant, key, inputFileId: fileId, endpoint: '/v1/jobs', metadata, idempotencyKey: null };
      const created = await createBatch(world, { ...how, ...ask });
      if (created.kind !== 'created') throw new Error(`the batch was refused: ${created.kind}`);
      return created.batch;
    },
    read: (batch: BatchRecord) => readBatch(world, batch),
    /** One round over all batches, by one process or another. */
    round: (ports: BatchPorts = world, by = desk) => runBatches(ports, by),
    /** Ends every job that waits, as its input says; how many. */
    work: () => endWaiting(world),
    /** Rounds and work in turn until there is nothing left to do for the batch. */
    async finish(batch: BatchRecord, ports: BatchPorts = world): Promise<BatchRecord> {
      for (let rounds = 0; rounds < 1_000; rounds += 1) {
        await runBatches(ports, desk);
        const now = await readBatch(world, batch);
        if (!isAtWork(now)) return now;
        await endWaiting(world);
        await world.clock.advance(batchRunLimits.lookMs);
      }
      throw new Error('the batch does not end');
    },
    outputs: async (batch: BatchRecord) => resultsIn(world, tenantId, batch.outputFileId),
    errors: async (batch: BatchRecord) => resultsIn(world, tenantId, batch.errorFileId),
  };
  return scene;
}

export type BatchWorld = Awaited<ReturnType<typeof createBatchWorld>>;

function bytesOf(lines: readonly string[] | string | Uint8Array): Uint8Array {
  if (lines instanceof Uint8Array) return lines;
  return Buffer.from(typeof lines === 'string' ? lines : `${lines.join('\n')}\n`);
}

async function readBatch({ batches }: FlowWorld, { tenantId, batchId }: BatchRecord): Promise<BatchRecord> {
  const batch = await batches.get(tenantId, batchId);
  if (batch === null) throw new Error(`there is no batch ${batchId}`);
  return batch;
}

export async function resultsIn(
  { blobs }: Pick<FlowWorld, 'blobs'>,
  tenantId: string,
  fileId: string | null,
): Promise<ReadResult[]> {
  const bytes = fileId === null ? null : await blobs.get(tenantId, pathOfFile(fileId));
  const lines = bytes === null ? [] : Buffer.from(bytes).toString().split('\n');
  // What the product wrote, read back by a test that looks at every field.
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ReadResult);
}

/** What workers do, without their time: takes each job of the pool that waits and ends it. */
async function endWaiting(world: FlowWorld): Promise<number> {
  const waiting = [
    ...(await world.jobs.line(worldPool, 'interactive', 1_000)),
    ...(await world.jobs.line(worldPool, 'batch', 1_000)),
  ];
  for (const entry of waiting) {
    const taken = await applyTransition(world, entry, claim(entry, 'worker-1', world.clock.nowMs()));
    if (taken !== null) await endJob(world, taken);
  }
  return waiting.length;
}

async function endJob(world: FlowWorld, job: JobRecord): Promise<void> {
  const nowMs = world.clock.nowMs();
  if ('fault' in job.input) {
    await applyTransition(world, job, fail(job, nowMs, jobError('model_error')));
    return;
  }
  const path = `jobs/${job.jobId}/${job.attempt}/0.png`;
  const body = Buffer.from(String(job.input.prompt));
  await world.blobs.put(job.tenantId, path, body, 'image/png');
  const output = {
    type: 'image' as const,
    path,
    contentType: 'image/png',
    bytes: body.byteLength,
    sha256: '0'.repeat(64),
    width: 512,
    height: 512,
  };
  const spent = { gpuMs: 100, images: 1, weightedImages: 1, inputTokens: 0, outputTokens: 0 };
  const done = {
    usage: spent,
    costUsdMicros: 100,
    timings: { queuedMs: 0, loadMs: 0, runMs: 100, uploadMs: 0 },
    receipt: {
      workerId: 'worker-1',
      engine: 'fake',
      modelRevision: job.modelRevision,
      batchSize: 1,
      seeds: [1],
      unknownWords: [],
      versions: {},
    },
  };
  await applyTransition(world, job, succeed(job, nowMs, [output], done));
}
