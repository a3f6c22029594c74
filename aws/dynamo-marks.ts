/** Marks of a tenant, an item each. The table removes them after their time, some while later than they count. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { Marks } from '#core/ports/marks.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne } from './directory.ts';
import { expression } from './expression.ts';
import { conditional, parseItem } from './items.ts';
import { markKey } from './keys.ts';

const markSchema = z.object({
  tenantId: z.string(),
  name: z.string(),
  text: z.string(),
  untilMs: z.int(),
  version: z.int(),
});

export function createDynamoMarks(options: DirectoryOptions): Marks {
  const { documents, table, clock } = options;
  return {
    async get(tenantId, name) {
      const item = await getOne(options, markKey(tenantId, name));
      const mark = item === null ? null : parseItem(markSchema, item, 'mark');
      return mark === null || clock.nowMs() >= mark.untilMs ? null : mark;
    },

    async put(mark) {
      const { name, value, attributes } = expression();
      const isOver = `${name('untilMs')} <= ${value(clock.nowMs())}`;
      const condition =
        mark.version === 1
          ? `attribute_not_exists(pk) OR ${isOver}`
          : `${name('version')} = ${value(mark.version - 1)} AND NOT (${isOver})`;
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: { ...markKey(mark.tenantId, mark.name), ...mark, ttl: mark.untilMs / 1000 },
            ConditionExpression: condition,
            ...attributes(),
          }),
        ),
      );
      return written === null ? 'conflict' : 'stored';
    },
  };
}
