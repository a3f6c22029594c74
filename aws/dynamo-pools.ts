/** One item per pool: state, virtual times, calibration and the operator's orders, each written under its own condition. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { Calibration } from '#core/eta/calibration.ts';
import { calibrationSchema, uncalibrated } from '#core/eta/calibration.ts';
import type { Pools } from '#core/ports/pools.ts';
import type { BootWatch } from '#core/scaling/boot-watch.ts';
import { bootWatchSchema, nothingBoots } from '#core/scaling/boot-watch.ts';
import type { PoolOrder, Warmup } from '#core/scaling/pool-orders.ts';
import { byTenant } from '#core/scaling/pool-orders.ts';
import { poolStates } from '#core/scaling/pool-state.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import {
  decodeCursor,
  encodeCursor,
  ownPoolsLine,
  poolKey,
  readPoolKey,
  readWarmupAttribute,
  warmupAttribute,
} from './keys.ts';
import { indexes } from './resources.ts';

/** A pool that was never written is cold since ever; `advance` may write the virtual time before any state. */
const poolSchema = z.object({
  state: z.enum(poolStates).default('cold'),
  stateSinceMs: z.int().default(0),
  virtual_interactive: z.number().default(0),
  virtual_batch: z.number().default(0),
  pausedAtMs: z.int().nullable().default(null),
  drainingAtMs: z.int().nullable().default(null),
  prewarm: z.object({ workers: z.int(), untilMs: z.int() }).nullable().default(null),
  scaling: z.object({ desired: z.int(), running: z.int(), workersMax: z.int() }).nullable().default(null),
  /** Tells whose write the state is, when an answer was lost on the way. */
  movedBy: z.string().optional(),
  calibration: calibrationSchema.default(uncalibrated),
  boots: bootWatchSchema.default(nothingBoots),
});

const warmupSchema = z.object({ warmupId: z.string(), model: z.string(), untilMs: z.int() });

interface DynamoPoolsOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
}

export function createDynamoPools(options: DynamoPoolsOptions): Pools {
  const { documents, table } = options;

  async function read(pool: string): Promise<z.infer<typeof poolSchema> & { warmups: Warmup[] }> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: { ...poolKey(pool) }, ConsistentRead: true }),
    );
    const item: Item = Item ?? {};
    return { ...parseItem(poolSchema, item, 'pool'), warmups: warmupsOf(item) };
  }

  return {
    async read(pool) {
      const { state, stateSinceMs, scaling, calibration, boots, ...item } = await read(pool);
      const virtualTimes = { interactive: item.virtual_interactive, batch: item.virtual_batch };
      const { pausedAtMs, drainingAtMs, prewarm, warmups } = item;
      const orders = { pausedAtMs, drainingAtMs, prewarm, warmups };
      return { pool, state, stateSinceMs, virtualTimes, orders, scaling, calibration, boots };
    },

    async move(pool, from, to, nowMs) {
      const { name, value, attributes } = expression();
      const movedBy = randomUUID();
      const state = name('state');
      const allowed = from.map((each) => `${state} = ${value(each)}`);
      if (from.includes('cold')) allowed.push(`attribute_not_exists(${state})`);
      if (allowed.length === 0) return 'elsewhere';
      const sets = [
        `${state} = ${value(to)}`,
        `${name('stateSinceMs')} = ${value(nowMs)}`,
        `${name('movedBy')} = ${value(movedBy)}`,
      ];
      const written = await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...poolKey(pool) },
            UpdateExpression: `SET ${sets.join(', ')}`,
            ConditionExpression: allowed.join(' OR '),
            ...attributes(),
          }),
        ),
      );
      if (written !== null) return 'moved';
      // The SDK may have sent the write twice. Without this look, the one mover would be told that another was.
      return (await read(pool)).movedBy === movedBy ? 'moved' : 'elsewhere';
    },

    async advance(pool, jobClass, tag) {
      const { name, value, attributes } = expression();
      const virtualTime = name(`virtual_${jobClass}`);
      const raised = value(tag);
      await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...poolKey(pool) },
            UpdateExpression: `SET ${virtualTime} = ${raised}`,
            ConditionExpression: `attribute_not_exists(${virtualTime}) OR ${virtualTime} < ${raised}`,
            ...attributes(),
          }),
        ),
      );
    },

    calibrate: (pool, calibration) => putNext(options, pool, 'calibration', calibration),
    noteBoots: (pool, boots) => putNext(options, pool, 'boots', boots),
    ...ordersOf(options),
  };
}

/** One of the records that a pool's item holds and that count their writes. */
async function putNext(
  { documents, table }: DynamoPoolsOptions,
  pool: string,
  attribute: 'boots' | 'calibration',
  next: BootWatch | Calibration,
): Promise<'stored' | 'conflict'> {
  const { name, value, attributes } = expression();
  const stored = name(attribute);
  const before = `${stored}.${name('version')} = ${value(next.version - 1)}`;
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...poolKey(pool) },
        UpdateExpression: `SET ${stored} = ${value(next)}`,
        ConditionExpression: next.version === 1 ? `attribute_not_exists(${stored}) OR ${before}` : before,
        ...attributes(),
      }),
    ),
  );
  // A write that was sent twice and refused the second time is told as lost: it is stored all the same.
  return written === null ? 'conflict' : 'stored';
}

function warmupsOf(item: Item): Warmup[] {
  const warmups = Object.entries(item).flatMap(([attribute, content]) => {
    const tenantId = readWarmupAttribute(attribute);
    return tenantId === null ? [] : [{ tenantId, ...warmupSchema.parse(content) }];
  });
  return byTenant(warmups);
}

const pageSize = 100;
const positionSchema = z.object({ pool: z.string() });
const entrySchema = z.object({ pk: z.string() });

function poolOf(item: Item): string {
  return readPoolKey(parseItem(entrySchema, item, 'pool entry'));
}

/** What the operator, the scaler and the platform say of a pool. */
function ordersOf({
  documents,
  table,
}: DynamoPoolsOptions): Pick<Pools, 'order' | 'enlist' | 'listOwn' | 'noteScaling'> {
  return {
    async order(pool, order) {
      const { attributes, ...parts } = expression();
      const written = await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...poolKey(pool) },
            ...render(order, parts),
            ...attributes(),
          }),
        ),
      );
      return written === null ? 'refused' : 'obeyed';
    },

    async enlist(pool) {
      const { name, value, attributes } = expression();
      await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: { ...poolKey(pool) },
          UpdateExpression: `SET ${name('line')} = ${value(ownPoolsLine)}, ${name('tag')} = ${value(0)}`,
          ...attributes(),
        }),
      );
    },

    async listOwn(cursor) {
      const { name, value, attributes } = expression();
      const from = cursor === undefined ? null : decodeCursor(ownPoolsLine, positionSchema, cursor);
      const page = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: indexes.line.name,
          KeyConditionExpression: `${name('line')} = ${value(ownPoolsLine)}`,
          ...attributes(),
          Limit: pageSize,
          ...(from === null
            ? {}
            : { ExclusiveStartKey: { ...poolKey(from.pool), line: ownPoolsLine, tag: 0 } }),
        }),
      );
      const pools = (page.Items ?? []).map(poolOf);
      const last = page.LastEvaluatedKey;
      return {
        items: pools,
        cursor: last === undefined ? null : encodeCursor(ownPoolsLine, { pool: poolOf(last) }),
      };
    },

    async noteScaling(pool, { desired, running, workersMax }) {
      const { name, value, attributes } = expression();
      await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: { ...poolKey(pool) },
          UpdateExpression: `SET ${name('scaling')} = ${value({ desired, running, workersMax })}`,
          ...attributes(),
        }),
      );
    },
  };
}

/** `obey` as one write. An order that is sent twice by the SDK changes nothing more, but for `end_drain`: `refused`. */
function render(
  order: PoolOrder,
  { name, value }: Pick<Expression, 'name' | 'value'>,
): { UpdateExpression: string; ConditionExpression?: string } {
  const keepFirst = (attribute: string, atMs: number) =>
    `SET ${name(attribute)} = if_not_exists(${name(attribute)}, ${value(atMs)})`;
  switch (order.kind) {
    case 'pause':
      return { UpdateExpression: keepFirst('pausedAtMs', order.atMs) };
    case 'resume':
      return { UpdateExpression: `REMOVE ${name('pausedAtMs')}` };
    case 'drain':
      return { UpdateExpression: `${keepFirst('drainingAtMs', order.atMs)} REMOVE ${name('prewarm')}` };
    case 'end_drain':
      return {
        UpdateExpression: `REMOVE ${name('drainingAtMs')}`,
        ConditionExpression: `${name('drainingAtMs')} = ${value(order.atMs)}`,
      };
    case 'prewarm': {
      const { workers, untilMs } = order;
      const change =
        workers === 0
          ? `REMOVE ${name('prewarm')}`
          : `SET ${name('prewarm')} = ${value({ workers, untilMs })}`;
      return { UpdateExpression: change, ConditionExpression: `attribute_not_exists(${name('pausedAtMs')})` };
    }
    case 'warm_up':
    case 'undo_warm_up':
    case 'forget_warm_ups':
      return renderWarmup(order, { name, value });
  }
}

type WarmupOrder = Extract<PoolOrder, { kind: 'warm_up' | 'undo_warm_up' | 'forget_warm_ups' }>;

/** An attribute a tenant, so that tenants at once do not meet in one map. */
function renderWarmup(order: WarmupOrder, { name, value }: Pick<Expression, 'name' | 'value'>) {
  const attributeOf = (tenantId: string) => name(warmupAttribute(tenantId));
  const put = (attribute: string, { tenantId: _named, ...warmup }: Warmup) =>
    `SET ${attribute} = ${value(warmup)}`;
  switch (order.kind) {
    case 'warm_up': {
      const { warmup, previousId } = order;
      const attribute = attributeOf(warmup.tenantId);
      const id = `${attribute}.${name('warmupId')}`;
      const allowed = [`attribute_not_exists(${attribute})`, `${id} = ${value(warmup.warmupId)}`];
      if (previousId !== null) allowed.push(`${id} = ${value(previousId)}`);
      return {
        UpdateExpression: put(attribute, warmup),
        ConditionExpression: `attribute_not_exists(${name('pausedAtMs')}) AND (${allowed.join(' OR ')})`,
      };
    }
    case 'undo_warm_up': {
      const { warmup, previous } = order;
      const attribute = attributeOf(warmup.tenantId);
      return {
        UpdateExpression: previous === null ? `REMOVE ${attribute}` : put(attribute, previous),
        ConditionExpression: `${attribute}.${name('warmupId')} = ${value(warmup.warmupId)}`,
      };
    }
    case 'forget_warm_ups': {
      const attributes = order.tenantIds.map(attributeOf);
      const before = value(order.beforeMs);
      return {
        UpdateExpression: `REMOVE ${attributes.join(', ')}`,
        ConditionExpression: attributes.map((each) => `${each}.${name('untilMs')} < ${before}`).join(' AND '),
      };
    }
  }
}
