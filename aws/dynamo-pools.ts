/** One item per pool: its state, its virtual times and its calibration, each written under its own condition. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { Calibration } from '#core/eta/calibration.ts';
import { calibrationSchema, uncalibrated } from '#core/eta/calibration.ts';
import type { Pools } from '#core/ports.ts';
import { poolStates } from '#core/scaling/pool-state.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import { poolKey } from './keys.ts';

/** A pool that was never written is cold since ever; `advance` may write the virtual time before any state. */
const poolSchema = z.object({
  state: z.enum(poolStates).default('cold'),
  stateSinceMs: z.int().default(0),
  virtual_interactive: z.number().default(0),
  virtual_batch: z.number().default(0),
  /** Tells whose write the state is, when an answer was lost on the way. */
  movedBy: z.string().optional(),
  calibration: calibrationSchema.default(uncalibrated),
});

export interface DynamoPoolsOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
}

export function createDynamoPools(options: DynamoPoolsOptions): Pools {
  const { documents, table } = options;

  async function read(pool: string): Promise<z.infer<typeof poolSchema>> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: { ...poolKey(pool) }, ConsistentRead: true }),
    );
    const item: Item = Item ?? {};
    return parseItem(poolSchema, item, 'pool');
  }

  return {
    async read(pool) {
      const { state, stateSinceMs, calibration, ...item } = await read(pool);
      const virtualTimes = { interactive: item.virtual_interactive, batch: item.virtual_batch };
      return { pool, state, stateSinceMs, virtualTimes, calibration };
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

    calibrate: (pool, calibration) => calibrate(options, pool, calibration),
  };
}

async function calibrate(
  { documents, table }: DynamoPoolsOptions,
  pool: string,
  calibration: Calibration,
): Promise<'stored' | 'conflict'> {
  const { name, value, attributes } = expression();
  const stored = name('calibration');
  const before = `${stored}.${name('version')} = ${value(calibration.version - 1)}`;
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...poolKey(pool) },
        UpdateExpression: `SET ${stored} = ${value(calibration)}`,
        ConditionExpression:
          calibration.version === 1 ? `attribute_not_exists(${stored}) OR ${before}` : before,
        ...attributes(),
      }),
    ),
  );
  // A write that was sent twice and refused the second time is told as lost: it is stored all the same.
  return written === null ? 'conflict' : 'stored';
}
