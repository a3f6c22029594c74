/**
 * Open streams of a tenant: one item with a map of places, each with the time until which it is held, so that one
 * condition bounds how many there are. Places of functions that died are cleared when room is needed.
 */
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { StreamPlace, Streams } from '#core/ports/streams.ts';
import type { DirectoryOptions } from './directory.ts';
import { expression } from './expression.ts';
import { conditional, parseItem } from './items.ts';
import { streamsKey } from './keys.ts';

type Options = Pick<DirectoryOptions, 'documents' | 'table'>;

const itemSchema = z.object({ places: z.record(z.string(), z.int()) });

/** The item is made, or places are cleared, and then the place is taken; others may come between. */
const triesMax = 4;
/** Cleared at one time: an expression of DynamoDB ends at 4 KB. */
const clearedMax = 40;

export function createDynamoStreams(options: Options): Streams {
  const { documents, table } = options;
  return {
    async open(tenantId, streamId, how) {
      for (let tries = 0; tries < triesMax; tries += 1) {
        if (await take(options, tenantId, streamId, how)) return 'opened';
        if (!(await makeRoom(options, tenantId, how))) return 'full';
      }
      return 'full';
    },

    async close(tenantId, streamId) {
      const { name, attributes } = expression();
      const place = `${name('places')}.${name(streamId)}`;
      await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...streamsKey(tenantId) },
            UpdateExpression: `REMOVE ${place}`,
            ConditionExpression: `attribute_exists(${place})`,
            ...attributes(),
          }),
        ),
      );
    },
  };
}

/** True also when the place is held under this name already: a retry sees its own write. */
async function take(
  { documents, table }: Options,
  tenantId: string,
  streamId: string,
  { max, untilMs }: StreamPlace,
): Promise<boolean> {
  const { name, value, attributes } = expression();
  const place = `${name('places')}.${name(streamId)}`;
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...streamsKey(tenantId) },
        UpdateExpression: `SET ${place} = ${value(untilMs)}`,
        ConditionExpression: `size(${name('places')}) < ${value(max)} OR attribute_exists(${place})`,
        ...attributes(),
      }),
    ),
  );
  return written !== null;
}

/** Makes the item where there is none, else clears places whose time is over; false when there is nothing to gain. */
async function makeRoom(
  { documents, table }: Options,
  tenantId: string,
  { max, nowMs }: StreamPlace,
): Promise<boolean> {
  const Key = { ...streamsKey(tenantId) };
  const { Item } = await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }));
  if (Item === undefined) {
    await conditional(
      documents.send(
        new PutCommand({
          TableName: table,
          Item: { ...Key, places: {} },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      ),
    );
    return true;
  }
  const { places } = parseItem(itemSchema, Item, 'open streams');
  const over = Object.entries(places).filter(([, untilMs]) => untilMs <= nowMs);
  if (over.length === 0) return Object.keys(places).length < max;
  const { name, value, attributes } = expression();
  const cleared = over.slice(0, clearedMax).map(([streamId, untilMs]) => {
    const place = `${name('places')}.${name(streamId)}`;
    return { place, asSeen: `${place} = ${value(untilMs)}` };
  });
  await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key,
        UpdateExpression: `REMOVE ${cleared.map(({ place }) => place).join(', ')}`,
        ConditionExpression: cleared.map(({ asSeen }) => asSeen).join(' AND '),
        ...attributes(),
      }),
    ),
  );
  return true;
}
