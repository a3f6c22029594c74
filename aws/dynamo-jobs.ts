/** Jobs in the main table; what an item holds is in `job-items.ts`. */
import type { DynamoDBDocumentClient, QueryCommandInput } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { JobRecord, LineEntry } from '#core/job/job.ts';
import { isPastRetention, jobClasses } from '#core/job/job.ts';
import type { JobListAsk, Jobs } from '#core/ports/jobs.ts';
import type { Page } from '#core/ports/page.ts';
import type { Clock } from '#core/ports/process.ts';
import { expression } from './expression.ts';
import { anyReservation, forbid, forbiddenName, isPast, isProhibition } from './forbidden-jobs.ts';
import type { Item } from './items.ts';
import { batchGet, conditional, parseItem } from './items.ts';
import { toEntry, toItem, toJob } from './job-items.ts';
import { carries, patchUnder } from './job-patch.ts';
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

const keySchema = z.object({ pk: z.string(), sk: z.string() });
const createdKeySchema = keySchema.extend({ created: z.int() });
const positionSchema = z.object({ jobId: z.string(), created: z.int() });

export function createDynamoJobs(options: DynamoJobsOptions): Jobs {
  const { documents, table } = options;
  return {
    async create(job) {
      const { name, value, attributes } = expression();
      const among = name(forbiddenName);
      const isForbidden = [job.reservation, anyReservation].map(
        (each) => `contains(${among}, ${value(each)})`,
      );
      const mayBe = `attribute_not_exists(${name('created')}) AND NOT (${isForbidden.join(' OR ')})`;
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: toItem(job),
            ConditionExpression: `attribute_not_exists(pk) OR (${mayBe}) OR (${isPast({ name, value }, options.clock)})`,
            ...attributes(),
          }),
        ),
      );
      return written === null ? 'exists' : 'created';
    },

    forbid: (tenantId, jobId, reservation) => forbid(options, tenantId, jobId, reservation),

    forbidAll: (tenantId, jobId) => forbid(options, tenantId, jobId, anyReservation),

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
