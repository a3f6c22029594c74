/**
 * A tenant's adapter: a LoRA that its jobs may name. It is `pending` until its file was uploaded and checked, then
 * `ready` or `refused`, for good: the record names the file by its SHA-256, so one adapter is one file.
 */
import * as z from 'zod';
import { derivedAdapterId } from '../canonical.ts';
import { adapterLimits } from '../limits.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { CheckedFile } from './check-file.ts';
import type { AdapterRefusal, AdapterRule } from './refusal.ts';
import { adapterRules } from './refusal.ts';

export const adapterStatuses = ['pending', 'ready', 'refused'] as const;

const wholeSchema = z.int().nonnegative();
const ruleSchema = z.enum(Object.keys(adapterRules) as [AdapterRule, ...AdapterRule[]]);

export const adapterRecordSchema = z.object({
  tenantId: z.string(),
  adapterId: z.string(),
  name: z.string(),
  /** The model that it changes; variants of it are changed alike. */
  model: z.string(),
  /** Of its file. */
  bytes: wholeSchema,
  sha256: z.string(),
  status: z.enum(adapterStatuses),
  refusal: z.object({ rule: ruleSchema, detail: z.string() }).nullable(),
  /** The highest of its layers, once it is ready. */
  rank: wholeSchema.nullable(),
  layers: wholeSchema.nullable(),
  createdAtMs: wholeSchema,
  checkedAtMs: wholeSchema.nullable(),
  /** Counts the writes; a write names the one it replaces. */
  version: wholeSchema,
});

export type AdapterRecord = z.infer<typeof adapterRecordSchema>;

const idForm = /^adapter_[0-9a-hjkmnp-tv-z]{26}$/;

/** Whether an adapter can have this id at all; another one is answered as missing. */
export function isAdapterId(id: string): boolean {
  return idForm.test(id);
}

export interface NewAdapter {
  readonly tenantId: string;
  readonly name: string;
  readonly model: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Pending. The same file for the same model is the same adapter, whatever it is called. */
export function newAdapter(asked: NewAdapter, nowMs: number): AdapterRecord {
  return {
    ...asked,
    adapterId: derivedAdapterId(asked.tenantId, asked.model, asked.sha256),
    status: 'pending',
    refusal: null,
    rank: null,
    layers: null,
    createdAtMs: nowMs,
    checkedAtMs: null,
    version: 1,
  };
}

/** How many a tenant may have, pending and refused ones counted. */
export function adaptersMaxOf({ adapters_max }: Pick<PlanLimits, 'adapters_max'>): number {
  return adapters_max ?? adapterLimits.ownMax;
}

/**
 * The adapter once its file was checked; null where that settles nothing: other bytes than were said may be an upload
 * that went wrong, and the right ones may follow.
 */
export function afterCheck(
  adapter: AdapterRecord,
  checked: CheckedFile | AdapterRefusal,
  nowMs: number,
): AdapterRecord | null {
  const next = { ...adapter, checkedAtMs: nowMs, version: adapter.version + 1 };
  if (checked.kind === 'lora') {
    return { ...next, status: 'ready', rank: checked.rankMax, layers: checked.layers };
  }
  const { rule, detail } = checked;
  if (rule === 'bytes_differ' || rule === 'sha256_differs') return null;
  return { ...next, status: 'refused', refusal: { rule, detail } };
}
