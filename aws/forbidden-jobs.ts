/**
 * Prohibitions: reservations under which no job may be created under an id any more, kept at the id itself so that one
 * condition guards both.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { apiLimits } from '#core/limits.ts';
import type { Clock } from '#core/ports/process.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional } from './items.ts';
import { jobKey } from './keys.ts';

interface ProhibitionPlace {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Holds the reservations under which no job may be created here any more; an item with this alone is no job. */
export const forbiddenName = 'forbidden';

/** Stands for every reservation there may be; none has this text. */
export const anyReservation = '*';

/** Where no job that is kept is; else it stands, and nothing is changed. */
export async function forbid(
  place: ProhibitionPlace,
  tenantId: string,
  jobId: string,
  reservation: string,
): Promise<'forbidden' | 'exists'> {
  const written =
    (await forbidNew(place, tenantId, jobId, reservation)) ||
    (await forbidInPlaceOfPast(place, tenantId, jobId, reservation));
  return written ? 'forbidden' : 'exists';
}

/** Where no job is, or only prohibitions of earlier reservations. */
async function forbidNew(
  { documents, table, clock }: ProhibitionPlace,
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
  { documents, table, clock }: ProhibitionPlace,
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
        ConditionExpression: isPast({ name, value }, clock),
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
export function isPast(
  { name, value }: Pick<Expression, 'name' | 'value'>,
  clock: Pick<Clock, 'nowMs'>,
): string {
  const nowSeconds = value(Math.floor(clock.nowMs() / 1000));
  return `${name('place')}.${name('kind')} = ${value('done')} AND ${name('ttl')} <= ${nowSeconds}`;
}

/** What {@link Jobs.forbid} leaves where no job is. */
export function isProhibition(item: Item): boolean {
  return forbiddenName in item && !('created' in item);
}
