/**
 * Whether a tenant's file is taken, decided once for each version of it. What its tenant may have changes while several look at
 * one file, also by the very batch that one of them makes: without a decision that stands, the last of them told the tenant
 * that its file was refused, over what its batch had come to.
 */
import * as z from 'zod';
import type { DropFault } from '../batch/drop.ts';
import { dropFault } from '../batch/drop.ts';
import type { RequestErrorCode } from '../errors.ts';
import { requestErrors } from '../errors.ts';
import { batchRunLimits } from '../limits.ts';
import type { Batches } from '../ports/batches.ts';
import type { Drop } from '../ports/drops.ts';
import type { Mark, Marks } from '../ports/marks.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { hasRoomForBatch } from './batch-room.ts';
import type { CountPorts } from './stored-file.ts';
import { storageRefusal } from './stored-file.ts';

export interface DecidePorts extends CountPorts {
  readonly batches: Pick<Batches, 'list'>;
  readonly marks: Pick<Marks, 'get' | 'put'>;
}

export interface DropAsk {
  readonly tenant: TenantRecord;
  /** Of the batch that this version becomes. */
  readonly batchId: string;
  readonly found: Drop;
  /** How long this version may be taken. */
  readonly retentionMs: number;
}

const decidedSchema = z.object({
  fault: z
    .object({
      code: z.custom<RequestErrorCode>(
        (code) => typeof code === 'string' && Object.hasOwn(requestErrors, code),
      ),
      message: z.string(),
    })
    .nullable(),
});

/** Null: it is taken. The same for everybody who asks about this version, whatever changes meanwhile. */
export async function decideDrop(ports: DecidePorts, ask: DropAsk): Promise<DropFault | null> {
  const { tenantId } = ask.tenant;
  const name = `drop-${ask.batchId}`;
  const standing = await ports.marks.get(tenantId, name);
  if (standing !== null) return faultIn(standing);
  const fault = await faultOf(ports, ask.tenant);
  const untilMs = Math.ceil((ask.found.atMs + ask.retentionMs) / 1000) * 1000;
  const mark = { tenantId, name, text: textOf(fault), untilMs, version: 1 };
  if ((await ports.marks.put(mark)) === 'stored') return fault;
  return faultIn((await ports.marks.get(tenantId, name)) ?? mark);
}

/** Whether it is worth another try, its code says. */
function textOf(fault: DropFault | null): string {
  return JSON.stringify({ fault: fault && { code: fault.code, message: fault.message } });
}

function faultIn({ text }: Mark): DropFault | null {
  const { fault } = decidedSchema.parse(JSON.parse(text));
  return fault === null ? null : dropFault(fault.code, fault.message);
}

/** What keeps the tenant from having another batch now. */
async function faultOf(ports: DecidePorts, tenant: TenantRecord): Promise<DropFault | null> {
  if (tenant.status === 'suspended') return dropFault('tenant_suspended');
  const refusal = await storageRefusal(ports, tenant);
  if (refusal !== null) return dropFault('quota_exceeded', `The limit ${refusal.limit} leaves no room.`);
  if (await hasRoomForBatch(ports, tenant.tenantId)) return null;
  return dropFault(
    'concurrency_limit',
    `${batchRunLimits.openBatchesMax} batches have not ended: put it again once one has.`,
  );
}
