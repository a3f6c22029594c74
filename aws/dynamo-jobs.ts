/**
 * Jobs in the main table. A job's place is in two spots at once, written together: the `place` map, which guards
 * test, and the sparse index attributes `line` and `tag`, by which workers find it. The names of the two lines a job
 * can stand in are stored beside it, so that a patch moves it without a read (`SET line = line_waiting`).
 */
import { isDeepStrictEqual } from 'node:util';
import type { DynamoDBDocumentClient, QueryCommandInput } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import type { JobPlace, JobRecord, LineEntry } from '#core/job/job.ts';
import { isPastRetention, jobClasses, jobRecordSchema, keptUntilMs } from '#core/job/job.ts';
import type { Guard, JobPatch } from '#core/job/transitions.ts';
import { apiLimits, jobLimits } from '#core/limits.ts';
import type { Clock, JobListAsk, Jobs, Page } from '#core/ports.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { batchGet, conditional, parseItem } from './items.ts';
import type { ItemKey } from './keys.ts';
import {
  decodeCursor,
  encodeCursor,
  isIdForm,
  jobKey,
  leasedLine,
  readJobKey,
  tenantPartition,
  waitingLine,
} from './keys.ts';
import { indexes } from './resources.ts';

export interface DynamoJobsOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Clock;
}

/** A filter that matches little ends its page after this many reads; the caller has a cursor to go on. */
const listRoundsMax = 5;

/** Record fields whose stored name or form differs; every other field is stored under its own name. */
const storedNames: Partial<Record<keyof JobRecord, string>> = { tag: 'fair_tag', createdAtMs: 'created' };

/** Holds the reservations under which no job may be created here any more; an item with this alone is no job. */
const forbiddenName = 'forbidden';

/** The retention in seconds, so that the patch that ends a job can set its `ttl` without a read. */
const retentionName = 'retention_seconds';

const keySchema = z.object({ pk: z.string(), sk: z.string() });
const createdKeySchema = keySchema.extend({ created: z.int() });
const positionSchema = z.object({ jobId: z.string(), created: z.int() });
const entrySchema = z.object({
  ...keySchema.shape,
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

export function createDynamoJobs(options: DynamoJobsOptions): Jobs {
  const { documents, table } = options;
  return {
    async create(job) {
      const { name, value, attributes } = expression();
      const mayBe = `attribute_not_exists(${name('created')}) AND NOT contains(${name(forbiddenName)}, ${value(job.reservation)})`;
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: toItem(job),
            ConditionExpression: `attribute_not_exists(pk) OR (${mayBe}) OR (${isPast(name, value, options.clock)})`,
            ...attributes(),
          }),
        ),
      );
      return written === null ? 'exists' : 'created';
    },

    async forbid(tenantId, jobId, reservation) {
      const written =
        (await forbidNew(options, tenantId, jobId, reservation)) ||
        (await forbidInPlaceOfPast(options, tenantId, jobId, reservation));
      return written ? 'forbidden' : 'exists';
    },

    get: (tenantId, jobId, how) => read(options, jobKey(tenantId, jobId), how?.consistent ?? false),

    async apply(tenantId, jobId, guard, patch) {
      const key = jobKey(tenantId, jobId);
      const written = await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...key },
            ...patchUnder(guard, patch),
            ReturnValues: 'ALL_NEW',
          }),
        ),
      );
      if (written?.Attributes !== undefined) return { kind: 'applied', job: toJob(written.Attributes) };
      // The first answer may have been lost on the way and this was the SDK's own retry: look for our write.
      const job = await read(options, key, true);
      return job !== null && carries(job, patch) ? { kind: 'applied', job } : { kind: 'refused' };
    },

    list: (tenantId, ask) => list(options, tenantId, ask),

    line: (pool, jobClass, limit) => entries(options, pool, { line: waitingLine(pool, jobClass) }, limit),

    lapsed: (pool, nowMs, limit) => entries(options, pool, { line: leasedLine(pool), below: nowMs }, limit),

    async count(pool) {
      const [leased, ...waiting] = await Promise.all([
        size(options, leasedLine(pool)),
        ...jobClasses.map((jobClass) => size(options, waitingLine(pool, jobClass))),
      ]);
      return { leased, waiting: waiting.reduce((sum, count) => sum + count, 0) };
    },
  };
}

async function read(
  { documents, table, clock }: DynamoJobsOptions,
  key: ItemKey,
  consistent: boolean,
): Promise<JobRecord | null> {
  const { Item } = await documents.send(
    new GetCommand({ TableName: table, Key: { ...key }, ConsistentRead: consistent }),
  );
  if (Item === undefined || isProhibition(Item)) return null;
  const job = toJob(Item);
  return isPastRetention(job, clock.nowMs()) ? null : job;
}

/** Where no job is, or only prohibitions of earlier reservations. */
async function forbidNew(
  { documents, table, clock }: DynamoJobsOptions,
  tenantId: string,
  jobId: string,
  reservation: string,
): Promise<boolean> {
  const { name, value, attributes } = expression();
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...jobKey(tenantId, jobId) },
        UpdateExpression: `ADD ${name(forbiddenName)} ${value(new Set([reservation]))} SET ${name('ttl')} = ${value(forbiddenUntil(clock))}`,
        ConditionExpression: `attribute_not_exists(${name('created')})`,
        ...attributes(),
      }),
    ),
  );
  return written !== null;
}

/** Where a job past its retention waits for its removal. */
async function forbidInPlaceOfPast(
  { documents, table, clock }: DynamoJobsOptions,
  tenantId: string,
  jobId: string,
  reservation: string,
): Promise<boolean> {
  const { name, value, attributes } = expression();
  const prohibition = {
    ...jobKey(tenantId, jobId),
    [forbiddenName]: new Set([reservation]),
    ttl: forbiddenUntil(clock),
  };
  const written = await conditional(
    documents.send(
      new PutCommand({
        TableName: table,
        Item: prohibition,
        ConditionExpression: isPast(name, value, clock),
        ...attributes(),
      }),
    ),
  );
  return written !== null;
}

function forbiddenUntil(clock: Pick<Clock, 'nowMs'>): number {
  return Math.ceil((clock.nowMs() + apiLimits.idempotencyKeptMs) / 1000);
}

/** A job past its retention: DynamoDB removes an item up to days after its `ttl`. */
function isPast(name: Expression['name'], value: Expression['value'], clock: Pick<Clock, 'nowMs'>): string {
  const nowSeconds = value(Math.floor(clock.nowMs() / 1000));
  return `${name('place')}.${name('kind')} = ${value('done')} AND ${name('ttl')} <= ${nowSeconds}`;
}

/** What {@link Jobs.forbid} leaves where no job is. */
function isProhibition(item: Item): boolean {
  return forbiddenName in item && !('created' in item);
}

async function list(
  { documents, table, clock }: DynamoJobsOptions,
  tenantId: string,
  ask: JobListAsk,
): Promise<Page<JobRecord>> {
  const scope = `jobs:${tenantId}`;
  const items: JobRecord[] = [];
  const after = ask.createdAfterMs ?? Number.NEGATIVE_INFINITY;
  // A cursor of a list that began earlier is outside of this one, and the store takes no such start.
  const inRange = positionSchema.refine(({ jobId, created }) => isIdForm(jobId) && created > after);
  let from = ask.cursor === undefined ? null : decodeCursor(scope, inRange, ask.cursor);
  for (let round = 0; round < listRoundsMax; round += 1) {
    const page = await documents.send(
      new QueryCommand(createdQuery(table, tenantId, ask, from, ask.limit - items.length)),
    );
    const keys = (page.Items ?? []).map((item) => parseItem(keySchema, item, 'index entry'));
    for (const item of await batchGet(documents, table, keys, clock)) {
      const job = toJob(item);
      if (!isPastRetention(job, clock.nowMs()) && matches(job, ask)) items.push(job);
    }
    from = page.LastEvaluatedKey === undefined ? null : toPosition(page.LastEvaluatedKey);
    if (from === null || items.length >= ask.limit) break;
  }
  return { items, cursor: from === null ? null : encodeCursor(scope, from) };
}

/** The head of a line, over as many pages as it takes. */
async function entries(
  { documents, table }: DynamoJobsOptions,
  pool: string,
  query: LineQuery,
  limit: number,
): Promise<LineEntry[]> {
  const found: LineEntry[] = [];
  let from: Item | undefined;
  do {
    const page = await documents.send(
      new QueryCommand({ ...lineQuery(table, query, from), Limit: limit - found.length }),
    );
    for (const item of page.Items ?? []) found.push(toEntry(pool, item));
    from = page.LastEvaluatedKey;
  } while (from !== undefined && found.length < limit);
  return found;
}

async function size({ documents, table }: DynamoJobsOptions, line: string): Promise<number> {
  let count = 0;
  let from: Item | undefined;
  do {
    const page = await documents.send(
      new QueryCommand({ ...lineQuery(table, { line }, from), Select: 'COUNT' }),
    );
    count += page.Count ?? 0;
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return count;
}

interface LineQuery {
  readonly line: string;
  readonly below?: number;
}

function lineQuery(table: string, { line, below }: LineQuery, from: Item | undefined): QueryCommandInput {
  const { name, value, attributes } = expression();
  const inLine = `${name('line')} = ${value(line)}`;
  return {
    TableName: table,
    IndexName: indexes.line.name,
    KeyConditionExpression: below === undefined ? inLine : `${inLine} AND ${name('tag')} < ${value(below)}`,
    ...attributes(),
    ...(from === undefined ? {} : { ExclusiveStartKey: from }),
  };
}

function createdQuery(
  table: string,
  tenantId: string,
  ask: JobListAsk,
  from: z.infer<typeof positionSchema> | null,
  limit: number,
): QueryCommandInput {
  const { name, value, attributes } = expression();
  const own = `${name('pk')} = ${value(tenantPartition(tenantId))}`;
  const after = ask.createdAfterMs;
  return {
    TableName: table,
    IndexName: indexes.created.name,
    KeyConditionExpression: after === undefined ? own : `${own} AND ${name('created')} > ${value(after)}`,
    ...attributes(),
    ScanIndexForward: false,
    Limit: limit,
    ...(from === null
      ? {}
      : { ExclusiveStartKey: { ...jobKey(tenantId, from.jobId), created: from.created } }),
  };
}

function toPosition(key: Item): z.infer<typeof positionSchema> {
  const { pk, sk, created } = parseItem(createdKeySchema, key, 'index position');
  return { jobId: readJobKey({ pk, sk }).jobId, created };
}

function matches(job: JobRecord, ask: JobListAsk): boolean {
  return (
    (ask.status === undefined || job.status === ask.status) &&
    (ask.model === undefined || job.model === ask.model) &&
    (ask.class === undefined || job.class === ask.class) &&
    (ask.flag === undefined || job.flags.includes(ask.flag)) &&
    Object.entries(ask.metadata ?? {}).every(([name, value]) => job.metadata[name] === value)
  );
}

function toItem(job: JobRecord): Item {
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
function toStored(field: string, value: unknown): [string, unknown] {
  // JSON text: a parameter may be any JSON number or depth, and DynamoDB's own types hold fewer.
  if (field === 'input') return [field, JSON.stringify(value)];
  // A lookup by any field name; those that are not listed keep their name.
  return [(storedNames as Record<string, string | undefined>)[field] ?? field, value];
}

function toJob(item: Item): JobRecord {
  const { input, fair_tag: tag, created: createdAtMs, ...rest } = item;
  if (typeof input !== 'string')
    throw new AppError('internal', { privateDetail: 'a stored job has no input' });
  return parseItem(jobRecordSchema, { ...rest, tag, createdAtMs, input: JSON.parse(input) }, 'job');
}

function toEntry(pool: string, item: Item): LineEntry {
  const { pk, sk, fair_tag: tag, tagCost, place, ...rest } = parseItem(entrySchema, item, 'line entry');
  return {
    ...readJobKey({ pk, sk }),
    pool,
    tag,
    tagCost: tagCost ?? rest.predictedGpuMs * 1000,
    ...rest,
    workerId: place?.kind === 'lease' ? place.workerId : null,
  };
}

function lineNames(pool: string, jobClass: JobRecord['class']) {
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

function patchUnder(guard: Guard, patch: JobPatch) {
  const parts = expression();
  const { name, value } = parts;
  const sets = Object.entries(patch).map(([field, content]) => {
    const [stored, written] = toStored(field, content);
    return `${name(stored)} = ${value(written)}`;
  });
  if (typeof patch.finishedAtMs === 'number') {
    const finishedSeconds = value(Math.ceil(patch.finishedAtMs / 1000));
    // An item from before it was stored has the default.
    const retention = `if_not_exists(${name(retentionName)}, ${value(jobLimits.keptMs / 1000)})`;
    sets.push(`${name('ttl')} = ${retention} + ${finishedSeconds}`);
  }
  const removes: string[] = [];
  moveLines(parts, guard, patch, sets, removes);
  const conditions = [
    'attribute_exists(pk)',
    `${name('attempt')} = ${value(guard.attempt)}`,
    `${name('place')}.${name('kind')} = ${value(guard.place)}`,
  ];
  if (guard.leaseExpiredBeforeMs !== undefined) {
    conditions.push(`${name('place')}.${name('expiresAtMs')} < ${value(guard.leaseExpiredBeforeMs)}`);
  }
  const clauses = [
    ...(sets.length === 0 ? [] : [`SET ${sets.join(', ')}`]),
    ...(removes.length === 0 ? [] : [`REMOVE ${removes.join(', ')}`]),
  ];
  return {
    ...(clauses.length === 0 ? {} : { UpdateExpression: clauses.join(' ') }),
    ConditionExpression: conditions.join(' AND '),
    ...parts.attributes(),
  };
}

/** Keeps the sparse index attributes in step with the place, the tag and the line that the patch leaves behind. */
function moveLines(
  { name, value }: Expression,
  guard: Guard,
  patch: JobPatch,
  sets: string[],
  removes: string[],
): void {
  const { pool, class: jobClass, place, tag } = patch;
  if ((pool === undefined) !== (jobClass === undefined)) {
    throw new AppError('internal', { privateDetail: 'a patch moves pool and class together or neither' });
  }
  const moved = pool === undefined || jobClass === undefined ? null : lineNames(pool, jobClass);
  for (const [stored, line] of Object.entries(moved ?? {})) sets.push(`${name(stored)} = ${value(line)}`);
  const kind = place?.kind ?? guard.place;
  if (kind === 'done') {
    removes.push(name('line'), name('tag'));
  } else if (kind === 'line') {
    // An operand of SET reads the item as it was before the update, so what the patch changes is given as a value.
    sets.push(`${name('line')} = ${moved === null ? name('line_waiting') : value(moved.line_waiting)}`);
    sets.push(`${name('tag')} = ${tag === undefined ? name('fair_tag') : value(tag)}`);
  } else {
    sets.push(`${name('line')} = ${moved === null ? name('line_leased') : value(moved.line_leased)}`);
    if (place?.kind === 'lease') sets.push(`${name('tag')} = ${value(place.expiresAtMs)}`);
  }
}

function carries(job: JobRecord, patch: JobPatch): boolean {
  // Every field of a patch is a field of the record by its type.
  return Object.entries(patch).every(([field, content]) =>
    isDeepStrictEqual((job as Record<string, unknown>)[field], content),
  );
}
