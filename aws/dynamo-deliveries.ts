/**
 * Deliveries under their tenant and endpoint, sorted by the time in their ids; a pending one is in the tenant's partition
 * of the sparse index. The tenant's turn is an item of its own, in one partition with everybody's. Each `put` raises the
 * turn's count, under which `rest` moves it, so that a turn is never moved past what was put meanwhile.
 */
import { DeleteCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import { webhookLimits } from '#core/limits.ts';
import type { Page } from '#core/ports/page.ts';
import type { Deliveries } from '#core/ports/webhooks.ts';
import type { DeliveryRecord } from '#core/webhook/delivery.ts';
import { deliveryRecordSchema, isKept } from '#core/webhook/delivery.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne, putNext } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { batchGet, conditional, parseItem } from './items.ts';
import {
  decodeCursor,
  deliveryKey,
  deliveryPrefix,
  dueLine,
  encodeCursor,
  readTenantPartition,
  tenantPartition,
  turnKey,
  turnsLine,
} from './keys.ts';
import { indexes } from './resources.ts';

const pageSize = 50;
/** Each loses to a rest that came between two writes of a millisecond. */
const raiseTriesMax = 5;
const entrySchema = z.object({ pk: z.string(), sk: z.string(), tag: z.int() });
const positionSchema = z.object({ deliveryId: z.string() });
const turnPositionSchema = z.object({ tenantId: z.string(), tag: z.int() });
const turnSchema = z.object({ tag: z.int(), puts: z.int(), putAtMs: z.int() });

export function createDynamoDeliveries(options: DirectoryOptions): Deliveries {
  const { clock } = options;
  return {
    async put(delivery) {
      const stored = await putNext(options, toItem(delivery), { create: true });
      if (delivery.nextAtMs !== null) await raiseTurn(options, delivery.tenantId, delivery.nextAtMs);
      return stored ? 'stored' : 'conflict';
    },

    async get(tenantId, endpointId, deliveryId) {
      const item = await getOne(options, deliveryKey(tenantId, endpointId, deliveryId));
      const delivery = item === null ? null : toDelivery(item);
      return delivery !== null && isKept(delivery, clock.nowMs()) ? delivery : null;
    },

    list: (tenantId, endpointId, cursor) => list(options, tenantId, endpointId, cursor),

    async due(tenantId, nowMs, limit) {
      const entries = await entriesOf(options, dueLine(tenantId), nowMs, { limit });
      const keys = entries.map(({ pk, sk }) => ({ pk, sk }));
      const items = await batchGet(options.documents, options.table, keys, clock);
      // The index may show what is over.
      return items.map(toDelivery).filter(({ nextAtMs }) => nextAtMs !== null && nextAtMs <= nowMs);
    },

    async turns(nowMs, cursor) {
      const from = cursor === undefined ? null : decodeCursor(turnsLine, turnPositionSchema, cursor);
      const entries = await entriesOf(options, turnsLine, nowMs, {
        limit: pageSize,
        ...(from === null ? {} : { after: { ...turnKey(from.tenantId), line: turnsLine, tag: from.tag } }),
      });
      const tenantIds = entries.map(({ pk }) => readTenantPartition(pk));
      const [last, tenantId] = [entries.at(-1), tenantIds.at(-1)];
      return {
        items: tenantIds,
        cursor:
          last === undefined || tenantId === undefined || entries.length < pageSize
            ? null
            : encodeCursor(turnsLine, { tenantId, tag: last.tag }),
      };
    },

    rest: (tenantId, nowMs) => rest(options, tenantId, nowMs),
  };
}

function toItem(delivery: DeliveryRecord): Item & { readonly version: number } {
  const { tenantId, endpointId, deliveryId, nextAtMs, keptUntilMs } = delivery;
  return {
    ...deliveryKey(tenantId, endpointId, deliveryId),
    ...delivery,
    ...(nextAtMs === null ? {} : { line: dueLine(tenantId), tag: nextAtMs }),
    ...(keptUntilMs === null ? {} : { ttl: keptUntilMs / 1000 }),
  };
}

function toDelivery(item: Item): DeliveryRecord {
  return parseItem(deliveryRecordSchema, item, 'delivery');
}

async function list(
  { documents, table, clock }: DirectoryOptions,
  tenantId: string,
  endpointId: string,
  cursor: string | undefined,
): Promise<Page<DeliveryRecord>> {
  const scope = `deliveries/${tenantId}/${endpointId}`;
  const { name, value, attributes } = expression();
  const from = cursor === undefined ? null : decodeCursor(scope, positionSchema, cursor).deliveryId;
  const own = `${name('pk')} = ${value(tenantPartition(tenantId))}`;
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: `${own} AND begins_with(${name('sk')}, ${value(deliveryPrefix(endpointId))})`,
      ...attributes(),
      ConsistentRead: true,
      ScanIndexForward: false,
      Limit: pageSize,
      ...(from === null ? {} : { ExclusiveStartKey: { ...deliveryKey(tenantId, endpointId, from) } }),
    }),
  );
  const read = (page.Items ?? []).map(toDelivery);
  const last = read.at(-1);
  return {
    items: read.filter((delivery) => isKept(delivery, clock.nowMs())),
    cursor:
      page.LastEvaluatedKey === undefined || last === undefined
        ? null
        : encodeCursor(scope, { deliveryId: last.deliveryId }),
  };
}

/** The head of an index partition, up to and including `untilMs`. */
async function entriesOf(
  { documents, table }: DirectoryOptions,
  line: string,
  untilMs: number,
  { limit, after }: { readonly limit: number; readonly after?: Item },
): Promise<z.infer<typeof entrySchema>[]> {
  const { name, value, attributes } = expression();
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: indexes.line.name,
      KeyConditionExpression: `${name('line')} = ${value(line)} AND ${name('tag')} <= ${value(untilMs)}`,
      ...attributes(),
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: after }),
    }),
  );
  return (page.Items ?? []).map((item) => parseItem(entrySchema, item, 'delivery entry'));
}

/**
 * Sees to it that the turn comes by `atMs`, and counts the put: either it comes later and is moved, or it comes as soon
 * and is only counted. A rest that changes the one into the other in between is met by trying again.
 */
async function raiseTurn(options: DirectoryOptions, tenantId: string, atMs: number): Promise<void> {
  for (let tries = 0; tries < raiseTriesMax; tries += 1) {
    if (await countPut(options, tenantId, atMs, 'comes later')) return;
    if (await countPut(options, tenantId, atMs, 'comes as soon')) return;
  }
  throw new AppError('unavailable', { privateDetail: 'the turn moved under every try to raise it' });
}

/** Whether it was so, and was written. */
async function countPut(
  { documents, table, clock }: DirectoryOptions,
  tenantId: string,
  atMs: number,
  where: 'comes later' | 'comes as soon',
): Promise<boolean> {
  const { name, value, attributes } = expression();
  const [tag, at] = [name('tag'), value(atMs)];
  const sets = [`${name('putAtMs')} = ${value(clock.nowMs())}`];
  if (where === 'comes later') sets.push(`${name('line')} = ${value(turnsLine)}`, `${tag} = ${at}`);
  const condition =
    where === 'comes later' ? `attribute_not_exists(${tag}) OR ${tag} > ${at}` : `${tag} <= ${at}`;
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...turnKey(tenantId) },
        UpdateExpression: `SET ${sets.join(', ')} ADD ${name('puts')} ${value(1)}`,
        ConditionExpression: condition,
        ...attributes(),
      }),
    ),
  );
  return written !== null;
}

/** The turn is read before the index: what is put between the two is seen by its count. */
async function rest(options: DirectoryOptions, tenantId: string, nowMs: number): Promise<void> {
  const item = await getOne(options, turnKey(tenantId));
  if (item === null) return;
  const turn = parseItem(turnSchema, item, 'turn');
  const [next] = await entriesOf(options, dueLine(tenantId), Number.MAX_SAFE_INTEGER, { limit: 1 });
  if (next === undefined && nowMs - turn.putAtMs >= webhookLimits.turnKeptMs) {
    return forget(options, tenantId, turn.puts);
  }
  const atMs = Math.min(next?.tag ?? Number.MAX_SAFE_INTEGER, nowMs + webhookLimits.turnLookMs);
  if (atMs !== turn.tag) await move(options, tenantId, turn.puts, atMs);
}

async function move(
  { documents, table }: DirectoryOptions,
  tenantId: string,
  puts: number,
  atMs: number,
): Promise<void> {
  const { name, value, attributes } = expression();
  await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...turnKey(tenantId) },
        UpdateExpression: `SET ${name('tag')} = ${value(atMs)}`,
        ConditionExpression: `${name('puts')} = ${value(puts)}`,
        ...attributes(),
      }),
    ),
  );
}

async function forget({ documents, table }: DirectoryOptions, tenantId: string, puts: number): Promise<void> {
  const { name, value, attributes } = expression();
  await conditional(
    documents.send(
      new DeleteCommand({
        TableName: table,
        Key: { ...turnKey(tenantId) },
        ConditionExpression: `${name('puts')} = ${value(puts)}`,
        ...attributes(),
      }),
    ),
  );
}
