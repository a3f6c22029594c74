/** What streamed jobs say, one small item a piece, sorted by attempt and place in the text. Expires by the table's TTL. */
import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { streamLimits } from '#core/limits.ts';
import type { JobEvents } from '#core/ports/streams.ts';
import { textPieceSchema } from '#core/stream/text-piece.ts';
import type { DirectoryOptions } from './directory.ts';
import { expression } from './expression.ts';
import { conditional, parseItem } from './items.ts';
import { jobEventKey } from './keys.ts';

export function createDynamoJobEvents({
  documents,
  table,
}: Pick<DirectoryOptions, 'documents' | 'table'>): JobEvents {
  return {
    async append(tenantId, jobId, piece) {
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: {
              ...jobEventKey(tenantId, jobId, piece.attempt, piece.at),
              ...piece,
              ttl: Math.ceil((piece.toldAtMs + streamLimits.keptMs) / 1000),
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      );
      return written === null ? 'exists' : 'appended';
    },

    async read(tenantId, jobId, { attempt, at }, limit) {
      const { pk, sk } = jobEventKey(tenantId, jobId, attempt, at);
      const { name, value, attributes } = expression();
      const { Items = [] } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: `${name('pk')} = ${value(pk)} AND ${name('sk')} >= ${value(sk)}`,
          ...attributes(),
          // A piece that a lagging read leaves out would look like the end of the text.
          ConsistentRead: true,
          Limit: limit,
        }),
      );
      return Items.map((item) => parseItem(textPieceSchema, item, 'piece of a text'));
    },
  };
}
