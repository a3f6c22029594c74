/**
 * A job as an item of the main table, and as an entry of its index. Its place is in two spots at once, written together:
 * the `place` map, which guards test, and the sparse index attributes `line` and `tag`, by which workers find it. The
 * names of the two lines a job can stand in are stored beside it, so that a patch moves it without a read
 * (`SET line = line_waiting`).
 */
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import type { JobPlace, JobRecord, LineEntry } from '#core/job/job.ts';
import { jobRecordSchema, keptUntilMs, notBeforeMsOf } from '#core/job/job.ts';
import { jobLimits } from '#core/limits.ts';
import type { Item } from './items.ts';
import { parseItem } from './items.ts';
import { jobKey, leasedLine, readJobKey, waitingLine } from './keys.ts';

/** Record fields whose stored name or form differs; every other field is stored under its own name. */
const storedNames: Partial<Record<keyof JobRecord, string>> = { tag: 'fair_tag', createdAtMs: 'created' };

/** The retention in seconds, so that the patch that ends a job can set its `ttl` without a read. */
export const retentionName = 'retention_seconds';

const entrySchema = z.object({
  pk: z.string(),
  sk: z.string(),
  ...jobRecordSchema.pick({
    class: true,
    model: true,
    modelRevision: true,
    batchKey: true,
    predictedGpuMs: true,
    memoryMb: true,
    allotmentMb: true,
    runningJobsMax: true,
    isolation: true,
    attempt: true,
    startByMs: true,
  }).shape,
  // An index that was made before it held these gives entries without.
  ...jobRecordSchema.pick({ tagCost: true, place: true }).partial().shape,
  fair_tag: z.int(),
});

export function toItem(job: JobRecord): Item {
  const { tenantId, jobId } = job;
  return {
    ...jobKey(tenantId, jobId),
    ...Object.fromEntries(Object.entries(job).map(([field, value]) => toStored(field, value))),
    ...lineNames(job.pool, job.class),
    ...standing(job.place, job),
    [retentionName]: job.retentionMs / 1000,
    // Of a job that has not ended: long after its end, which sets it anew.
    ttl: Math.ceil((keptUntilMs(job) ?? job.startByMs + jobLimits.keptMs) / 1000),
  };
}

/** A field of the record as the table stores it. */
export function toStored(field: string, value: unknown): [string, unknown] {
  // JSON text: a parameter may be any JSON number or depth, and DynamoDB's own types hold fewer.
  if (field === 'input') return [field, JSON.stringify(value)];
  // A lookup by any field name; those that are not listed keep their name.
  return [(storedNames as Record<string, string | undefined>)[field] ?? field, value];
}

export function toJob(item: Item): JobRecord {
  const { input, fair_tag: tag, created: createdAtMs, ...rest } = item;
  if (typeof input !== 'string')
    throw new AppError('internal', { privateDetail: 'a stored job has no input' });
  return parseItem(jobRecordSchema, { ...rest, tag, createdAtMs, input: JSON.parse(input) }, 'job');
}

export function toEntry(pool: string, item: Item): LineEntry {
  const { pk, sk, fair_tag: tag, tagCost, place, ...rest } = parseItem(entrySchema, item, 'line entry');
  return {
    ...readJobKey({ pk, sk }),
    pool,
    tag,
    tagCost: tagCost ?? rest.predictedGpuMs * 1000,
    ...rest,
    notBeforeMs: place === undefined ? null : notBeforeMsOf(place),
    workerId: place?.kind === 'lease' ? place.workerId : null,
  };
}

export function lineNames(pool: string, jobClass: JobRecord['class']) {
  return { line_waiting: waitingLine(pool, jobClass), line_leased: leasedLine(pool) };
}

/** The sparse index attributes of a job at this place. */
function standing(place: JobPlace, job: Pick<JobRecord, 'pool' | 'class' | 'tag'>): Item {
  switch (place.kind) {
    case 'line':
      return { line: waitingLine(job.pool, job.class), tag: job.tag };
    case 'lease':
      return { line: leasedLine(job.pool), tag: place.expiresAtMs };
    case 'done':
      return {};
  }
}
