/**
 * Adapters of a tenant: an attribute each of one item beside a count of them, so that one condition bounds how many there
 * are, however many requests ask at once, and one read lists them, and adds up what they take. Each write counts itself in
 * `changes` and puts the item into the sparse index, from which `settle` takes it under "nothing changed since".
 */
import { QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { AdapterRecord } from '#core/adapter/adapter.ts';
import { adapterRecordSchema } from '#core/adapter/adapter.ts';
import type { Adapters } from '#core/ports/adapters.ts';
import type { Page } from '#core/ports/page.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne } from './directory.ts';
import type { Expression } from './expression.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import {
  adapterAttribute,
  adaptersKey,
  adaptersLine,
  decodeCursor,
  encodeCursor,
  isAdapterAttribute,
} from './keys.ts';
import { indexes } from './resources.ts';

type Options = Omit<DirectoryOptions, 'clock'>;

const pageSize = 100;
const changesSchema = z.object({ changes: z.int().default(0) });
const entrySchema = z.object({ pk: z.string().startsWith('T#') });
const positionSchema = z.object({ tenantId: z.string() });

export function createDynamoAdapters(options: Options): Adapters {
  return {
    async get(tenantId, adapterId) {
      const attribute = adapterAttribute(adapterId);
      const stored = (await read(options, tenantId))[attribute];
      return stored === undefined ? null : toAdapter(stored);
    },

    async list(tenantId) {
      const adapters = adaptersOf(await read(options, tenantId));
      return adapters.toSorted((left, right) => left.createdAtMs - right.createdAtMs);
    },

    create: (adapter, max) => create(options, adapter, max),

    async put(adapter) {
      const change = expression();
      const { name, value, attributes } = change;
      const own = name(adapterAttribute(adapter.adapterId));
      const before = `${own}.${name('version')} = ${value(adapter.version - 1)}`;
      const { sets, add } = changing(change);
      const stored = await update(options, adapter.tenantId, {
        UpdateExpression: `SET ${own} = ${value(adapter)}, ${sets} ADD ${add}`,
        ConditionExpression: before,
        ...attributes(),
      });
      return stored ? 'stored' : 'conflict';
    },

    async remove(tenantId, adapterId) {
      const change = expression();
      const { name, value, attributes } = change;
      const own = name(adapterAttribute(adapterId));
      const { sets, add } = changing(change);
      const removed = await update(options, tenantId, {
        UpdateExpression: `REMOVE ${own} SET ${sets} ADD ${name('count')} ${value(-1)}, ${add}`,
        ConditionExpression: `attribute_exists(${own})`,
        ...attributes(),
      });
      return removed ? 'removed' : 'missing';
    },

    async total(tenantId) {
      const item = await read(options, tenantId);
      const withFile = adaptersOf(item).filter(({ status }) => status !== 'refused');
      return {
        bytes: withFile.reduce((sum, { bytes }) => sum + bytes, 0),
        version: parseItem(changesSchema, item, 'adapters').changes,
      };
    },

    listChanged: (cursor) => listChanged(options, cursor),

    async noteChange(tenantId) {
      const change = expression();
      const { sets, add } = changing(change);
      await options.documents.send(
        new UpdateCommand({
          TableName: options.table,
          Key: { ...adaptersKey(tenantId) },
          UpdateExpression: `SET ${sets} ADD ${add}`,
          ...change.attributes(),
        }),
      );
    },

    async settle(tenantId, version) {
      const { name, value, attributes } = expression();
      await update(options, tenantId, {
        UpdateExpression: `REMOVE ${name('line')}, ${name('tag')}`,
        ConditionExpression: `${name('changes')} = ${value(version)}`,
        ...attributes(),
      });
    },
  };
}

/** What every write that changes anything does besides, by the clauses that it belongs to. */
function changing({ name, value }: Expression): { readonly sets: string; readonly add: string } {
  return {
    sets: `${name('line')} = ${value(adaptersLine)}, ${name('tag')} = ${value(0)}`,
    add: `${name('changes')} ${value(1)}`,
  };
}

async function create(
  options: Options,
  adapter: AdapterRecord,
  max: number,
): Promise<'created' | 'exists' | 'full'> {
  if (max === 0) return 'full';
  const change = expression();
  const { name, value, attributes } = change;
  const { sets, add } = changing(change);
  const [own, count] = [name(adapterAttribute(adapter.adapterId)), name('count')];
  const created = await update(options, adapter.tenantId, {
    UpdateExpression: `SET ${own} = ${value(adapter)}, ${sets} ADD ${count} ${value(1)}, ${add}`,
    ConditionExpression: `attribute_not_exists(${own}) AND (attribute_not_exists(${count}) OR ${count} < ${value(max)})`,
    ...attributes(),
  });
  if (created) return 'created';
  // Which of the two it was decides nothing that is written: only what is answered.
  const item = await read(options, adapter.tenantId);
  return item[adapterAttribute(adapter.adapterId)] === undefined ? 'full' : 'exists';
}

async function listChanged({ documents, table }: Options, cursor: string | undefined): Promise<Page<string>> {
  const { name, value, attributes } = expression();
  const from = cursor === undefined ? null : decodeCursor(adaptersLine, positionSchema, cursor);
  const start = from === null ? {} : { ...adaptersKey(from.tenantId), line: adaptersLine, tag: 0 };
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: indexes.line.name,
      KeyConditionExpression: `${name('line')} = ${value(adaptersLine)}`,
      ...attributes(),
      Limit: pageSize,
      ...(from === null ? {} : { ExclusiveStartKey: start }),
    }),
  );
  const last = page.LastEvaluatedKey;
  return {
    items: (page.Items ?? []).map(tenantOf),
    cursor: last === undefined ? null : encodeCursor(adaptersLine, { tenantId: tenantOf(last) }),
  };
}

function tenantOf(item: Item): string {
  return parseItem(entrySchema, item, 'adapters entry').pk.slice('T#'.length);
}

type Update = Omit<ConstructorParameters<typeof UpdateCommand>[0], 'TableName' | 'Key'>;

/** Whether the condition held. */
async function update({ documents, table }: Options, tenantId: string, change: Update): Promise<boolean> {
  const command = new UpdateCommand({ TableName: table, Key: { ...adaptersKey(tenantId) }, ...change });
  return (await conditional(documents.send(command))) !== null;
}

async function read(options: Options, tenantId: string): Promise<Item> {
  return (await getOne(options, adaptersKey(tenantId))) ?? {};
}

function adaptersOf(item: Item): AdapterRecord[] {
  return Object.keys(item)
    .filter(isAdapterAttribute)
    .map((name) => toAdapter(item[name]));
}

function toAdapter(stored: unknown): AdapterRecord {
  return parseItem(adapterRecordSchema, { ...(stored as Item) }, 'adapter'); // The schema tells whether it is one.
}
