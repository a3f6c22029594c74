/**
 * Reads a batch's file from end to end before anything of it runs: counts its lines, finds the bad ones, sums up what the
 * others will cost and looks whether the month has room for that. Memory is one line and one hash a line. A crash leaves
 * nothing but a list that nobody names; the next process reads the file again.
 *
 * Bad lines stop nothing: each ends with its error as its turn comes. A file that none of the lines of which can run, that
 * breaks a bound of the whole, or that the budget has no room for, fails the batch.
 */
import { inLimitUnit, judge, planAdmission } from '../admission/gate.ts';
import { faultsOfRequest } from '../admission/request-faults.ts';
import type { BatchFault, BatchRecord } from '../batch/batch.ts';
import { changed, failed } from '../batch/batch.ts';
import type { LineFault } from '../batch/batch-line.ts';
import { readBatchLine } from '../batch/batch-line.ts';
import { pathOfFile } from '../batch/file.ts';
import type { JsonlEntry } from '../batch/jsonl.ts';
import { createJsonlReader } from '../batch/jsonl.ts';
import type { LineSubmission } from '../batch/line-route.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import type { BlobCare } from '../ports/blobs.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { BatchPorts } from './batch-ports.ts';
import { checkRequest, demandOf } from './checked-request.ts';
import { askOf, faultOfOutcome, faultOfRefusal } from './line-submission.ts';
import { resolveModel } from './resolve-model.ts';

/** The batch as it goes on: `in_progress`, or `failed` with why. Nothing is stored but the list of repeated ids. */
export async function validateBatch(
  ports: BatchPorts,
  batch: BatchRecord,
  tenant: TenantRecord,
): Promise<BatchRecord> {
  const pieces = await ports.blobs.read(batch.tenantId, pathOfFile(batch.inputFileId), 0);
  if (pieces === null) {
    const fault = { code: 'file_missing', message: 'The input file is not there.', line: null, param: null };
    return failed(batch, [{ ...fault, param: 'input_file_id' }], ports.clock.nowMs());
  }
  const found = await readThrough(ports, batch, tenant, pieces);
  const nowMs = ports.clock.nowMs();
  if (found.refused !== null) return failed(batch, [found.refused], nowMs);
  if (found.fit === 0) return failed({ ...batch, total: found.total }, found.errors, nowMs);
  const estimated = { ...batch, total: found.total, estimate: found.estimate };
  const unaffordable = await budgetFault(ports, estimated, tenant);
  if (unaffordable !== null) return failed(estimated, [unaffordable], nowMs);
  return changed(estimated, {
    status: 'in_progress',
    startedAtMs: nowMs,
    collectedAtMs: nowMs,
    errors: found.errors,
    repeatedPath: await keepRepeated(ports, batch, found.repeated),
  });
}

interface Found {
  total: number;
  /** Lines that can run. */
  fit: number;
  readonly estimate: { usdMicros: number; gpuMs: number };
  /** The first ones. */
  readonly errors: BatchFault[];
  /** Numbers of lines whose id is on an earlier line. */
  readonly repeated: number[];
  refused: BatchFault | null;
}

async function readThrough(
  ports: BatchPorts,
  batch: BatchRecord,
  tenant: TenantRecord,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Found> {
  const found: Found = {
    total: 0,
    fit: 0,
    estimate: { usdMicros: 0, gpuMs: 0 },
    errors: [],
    repeated: [],
    refused: null,
  };
  const weigh = weigher(ports, batch, tenant);
  const take = async (entry: JsonlEntry) => {
    if (entry.kind === 'refused') found.refused = refusalOf(batch, entry);
    else await takeLine(found, batch, entry, weigh);
  };
  const reader = createJsonlReader({ ...batchLimits, linesMax: batch.linesMax });
  for await (const piece of pieces) {
    for (const entry of reader.push(piece)) await take(entry);
    if (found.refused !== null) return found;
  }
  for (const entry of reader.end()) await take(entry);
  return found;
}

function refusalOf(
  { linesMax }: BatchRecord,
  { code, detail, number }: Extract<JsonlEntry, { kind: 'refused' }>,
): BatchFault {
  const isPlans = code === 'too_many_lines' && linesMax < batchLimits.linesMax;
  const message = isPlans ? `The limit batch_lines_max is ${linesMax}: the file has ${detail}.` : detail;
  return { code, message, line: number, param: null };
}

type Weigh = (
  number: number,
  submission: LineSubmission,
) => Promise<LineFault | { readonly usdMicros: number; readonly gpuMs: number }>;

async function takeLine(
  found: Found,
  { endpoint }: BatchRecord,
  entry: Extract<JsonlEntry, { kind: 'line' | 'fault' }>,
  weigh: Weigh,
): Promise<void> {
  const { number } = entry;
  found.total += 1;
  if (entry.kind === 'fault' && entry.code === 'custom_id_duplicate') found.repeated.push(number);
  const line = readBatchLine(entry, endpoint);
  const came = line.kind === 'fault' ? line.fault : await weigh(number, line.submission);
  if ('code' in came) {
    const { code, message, param } = came;
    if (found.errors.length < batchRunLimits.errorsShownMax)
      found.errors.push({ code, message, line: number, param });
    return;
  }
  found.fit += 1;
  found.estimate.usdMicros += came.usdMicros;
  found.estimate.gpuMs += came.gpuMs;
}

/** What each line will cost, or what is wrong with it that no moment could mend. Aliases are read once. */
function weigher(ports: BatchPorts, batch: BatchRecord, tenant: TenantRecord): Weigh {
  const { quant } = limitsOf(tenant.plan, tenant.overrides);
  const known = new Map<string, ReturnType<BatchPorts['aliases']['get']>>();
  const aliases: BatchPorts['aliases'] = {
    get(family, name) {
      const id = JSON.stringify([family, name]);
      const read = known.get(id) ?? ports.aliases.get(family, name);
      known.set(id, read);
      return read;
    },
  };
  return async (number, submission) => {
    const ask = askOf(batch, tenant, { number, submission });
    const { model: name, quality, input, granted } = ask;
    const { tenantId } = tenant;
    const resolved = await resolveModel(
      { ...ports, aliases },
      { tenantId, name, quality, input, granted, quant },
    );
    if (resolved.kind !== 'model') return faultOfOutcome(resolved, submission);
    const checked = checkRequest(ports, ask, resolved.model);
    // What checks a request says only what is wrong with it.
    if ('kind' in checked) return faultOfOutcome(checked as Parameters<typeof faultOfOutcome>[0], submission);
    const admission = planAdmission(checked.limits, demandOf(checked, ''), ports.clock.nowMs());
    const details = faultsOfRequest(checked.limits, checked.work, admission);
    if (details.length > 0) return faultOfOutcome({ kind: 'invalid', details }, submission);
    return { usdMicros: checked.reservedUsdMicros, gpuMs: checked.work.predictedGpuMs };
  };
}

/** Whether the month has room for all of it now. Nothing is set aside: each line takes its own as it starts. */
async function budgetFault(
  { gates, clock }: BatchPorts,
  { batchId, estimate }: BatchRecord,
  tenant: TenantRecord,
): Promise<BatchFault | null> {
  const gate = await gates.read(tenant.tenantId);
  if (gate === null || estimate === null) return null;
  const nowMs = clock.nowMs();
  const whole = planAdmission(
    limitsOf(tenant.plan, tenant.overrides),
    {
      jobId: batchId,
      nonce: '',
      line: '',
      tagCost: 0,
      images: 0,
      tokens: 0,
      storesFiles: false,
      gpuMs: estimate.gpuMs,
      reservedUsdMicros: estimate.usdMicros,
    },
    nowMs,
  );
  const ofMonth = whole.counters.filter(
    ({ limit }) => limit === 'budget_usd_micros_per_month' || limit === 'gpu_seconds_per_month',
  );
  const judged = judge(gate, { ...whole, counters: ofMonth, openJobsMax: Number.MAX_SAFE_INTEGER }, nowMs);
  // A suspended tenant may be let go on before the batch expires.
  if (judged.kind !== 'refuse' || judged.refusal.limit === 'suspended') return null;
  const { limit, used, max } = judged.refusal;
  const asks = limit === 'gpu_seconds_per_month' ? estimate.gpuMs : estimate.usdMicros;
  const [asksText, usedText, maxText] = [asks, used, max].map((amount) => inLimitUnit(limit, amount));
  const { code } = faultOfRefusal(judged.refusal);
  const message = `The limit ${limit} leaves no room for the batch: it is expected to take ${asksText}, and ${usedText} of ${maxText} are used.`;
  return { code, message, line: null, param: null };
}

async function keepRepeated(
  { blobs, ids }: BatchPorts,
  batch: BatchRecord,
  repeated: readonly number[],
): Promise<string | null> {
  if (repeated.length === 0) return null;
  const path = `batches/${batch.batchId}/repeated-${ids.nonce()}.json`;
  await blobs.put(
    batch.tenantId,
    path,
    Buffer.from(JSON.stringify(repeated)),
    'application/json',
    careOf(batch),
  );
  return path;
}

/** How the files of a batch are kept. */
export function careOf({ isEncrypted, retentionMs }: BatchRecord): BlobCare {
  return { isEncrypted, retentionMs };
}
