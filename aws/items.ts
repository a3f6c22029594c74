/** What the table adapters share: reading items through a schema, telling a failed condition, reading many by key. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { BatchGetCommand } from '@aws-sdk/lib-dynamodb';
import type { z } from 'zod';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/ports/process.ts';
import type { ItemKey } from './keys.ts';

export type Item = Record<string, unknown>;

/** DynamoDB reads at most this many keys a call. */
const batchKeysMax = 100;
/** Throttled keys come back unread; after this many rounds the table is overloaded and the caller must know. */
const batchRoundsMax = 5;
const batchPauseMs = 50;

/** Throws `internal` when the stored item is not what was written: a fault of ours, never of the caller. */
export function parseItem<T>(schema: z.ZodType<T>, item: Item, what: string): T {
  const parsed = schema.safeParse(item);
  if (parsed.success) return parsed.data;
  // Paths only: the values are a tenant's.
  const paths = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new AppError('internal', { privateDetail: `stored ${what} does not fit its schema at ${paths}` });
}

/** `null` when the condition of the write did not hold; every other fault goes on. */
export async function conditional<T>(write: Promise<T>): Promise<T | null> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return null;
    throw error;
  }
}

/** Items in the order of `keys`; one that is gone is left out. Eventually consistent. */
export async function batchGet(
  documents: DynamoDBDocumentClient,
  table: string,
  keys: readonly ItemKey[],
  clock: Clock,
): Promise<Item[]> {
  const found = new Map<string, Item>();
  for (let from = 0; from < keys.length; from += batchKeysMax) {
    await batchGetChunk(documents, table, keys.slice(from, from + batchKeysMax), clock, found);
  }
  return keys.flatMap((key) => {
    const item = found.get(`${key.pk} ${key.sk}`);
    return item === undefined ? [] : [item];
  });
}

async function batchGetChunk(
  documents: DynamoDBDocumentClient,
  table: string,
  keys: readonly ItemKey[],
  clock: Clock,
  found: Map<string, Item>,
): Promise<void> {
  let open: Item[] = keys.map(({ pk, sk }) => ({ pk, sk }));
  for (let round = 0; open.length > 0; round += 1) {
    if (round === batchRoundsMax) {
      throw new AppError('unavailable', { privateDetail: 'the table left keys of a batch unread' });
    }
    if (round > 0) await clock.sleep(batchPauseMs * 2 ** round * Math.random());
    open = await readBatch(documents, table, open, found);
  }
}

/** One call; answers the keys that the table left unread. */
async function readBatch(
  documents: DynamoDBDocumentClient,
  table: string,
  keys: Item[],
  found: Map<string, Item>,
): Promise<Item[]> {
  const answer = await documents.send(new BatchGetCommand({ RequestItems: { [table]: { Keys: keys } } }));
  for (const item of answer.Responses?.[table] ?? []) found.set(`${item.pk} ${item.sk}`, item);
  return answer.UnprocessedKeys?.[table]?.Keys ?? [];
}
