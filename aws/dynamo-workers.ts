/** One item per worker, found by its pool and by when it was last heard of. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { workerLimits } from '#core/limits.ts';
import type { Workers } from '#core/ports/pools.ts';
import type { WorkerRecord } from '#core/scaling/worker-record.ts';
import { workerRecordSchema } from '#core/scaling/worker-record.ts';
import type { Directory, DirectoryOptions } from './directory.ts';
import { listDirectory } from './directory.ts';
import { expression } from './expression.ts';
import { conditional } from './items.ts';
import { workerKey, workersLine } from './keys.ts';

export function createDynamoWorkers(options: DirectoryOptions): Workers {
  return {
    async report(worker) {
      const { name, value, attributes } = expression();
      const heard = name('reportedAtMs');
      await conditional(
        options.documents.send(
          new PutCommand({
            TableName: options.table,
            Item: {
              ...workerKey(worker.workerId),
              ...worker,
              line: workersLine(worker.pool),
              tag: worker.reportedAtMs,
              ttl: Math.ceil((worker.reportedAtMs + workerLimits.recordKeptMs) / 1000),
            },
            ConditionExpression: `attribute_not_exists(${heard}) OR ${heard} < ${value(worker.reportedAtMs)}`,
            ...attributes(),
          }),
        ),
      );
    },
    list: (pool, sinceMs, cursor) => listDirectory(options, directoryOf(pool), cursor, sinceMs),
  };
}

function directoryOf(pool: string): Directory<WorkerRecord> {
  return {
    line: workersLine(pool),
    prefix: 'W#',
    keyOf: workerKey,
    schema: workerRecordSchema,
    what: 'worker',
  };
}
