/**
 * Adapters of a tenant: an attribute each of one item beside a count of them, so that one condition bounds how many there
 * are, however many requests ask at once, and one read lists them.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { AdapterRecord } from '#core/adapter/adapter.ts';
import { adapterRecordSchema } from '#core/adapter/adapter.ts';
import type { Adapters } from '#core/ports.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import { adapterAttribute, adaptersKey, isAdapterAttribute } from './keys.ts';

type Options = Omit<DirectoryOptions, 'clock'>;

export function createDynamoAdapters(options: Options): Adapters {
  return {
    async get(tenantId, adapterId) {
      const attribute = adapterAttribute(adapterId);
      const stored = (await read(options, tenantId))[attribute];
      return stored === undefined ? null : toAdapter(stored);
    },

    async list(tenantId) {
      const item = await read(options, tenantId);
      const adapters = Object.keys(item)
        .filter(isAdapterAttribute)
        .map((name) => toAdapter(item[name]));
      return adapters.toSorted((left, right) => left.createdAtMs - right.createdAtMs);
    },

    create: (adapter, max) => create(options, adapter, max),

    async put(adapter) {
      const { name, value, attributes } = expression();
      const own = name(adapterAttribute(adapter.adapterId));
      const before = `${own}.${name('version')} = ${value(adapter.version - 1)}`;
      const stored = await update(options, adapter.tenantId, {
        UpdateExpression: `SET ${own} = ${value(adapter)}`,
        ConditionExpression: before,
        ...attributes(),
      });
      return stored ? 'stored' : 'conflict';
    },

    async remove(tenantId, adapterId) {
      const { name, value, attributes } = expression();
      const own = name(adapterAttribute(adapterId));
      const removed = await update(options, tenantId, {
        UpdateExpression: `REMOVE ${own} ADD ${name('count')} ${value(-1)}`,
        ConditionExpression: `attribute_exists(${own})`,
        ...attributes(),
      });
      return removed ? 'removed' : 'missing';
    },
  };
}

async function create(
  options: Options,
  adapter: AdapterRecord,
  max: number,
): Promise<'created' | 'exists' | 'full'> {
  if (max === 0) return 'full';
  const { name, value, attributes } = expression();
  const [own, count] = [name(adapterAttribute(adapter.adapterId)), name('count')];
  const created = await update(options, adapter.tenantId, {
    UpdateExpression: `SET ${own} = ${value(adapter)} ADD ${count} ${value(1)}`,
    ConditionExpression: `attribute_not_exists(${own}) AND (attribute_not_exists(${count}) OR ${count} < ${value(max)})`,
    ...attributes(),
  });
  if (created) return 'created';
  // Which of the two it was decides nothing that is written: only what is answered.
  const item = await read(options, adapter.tenantId);
  return item[adapterAttribute(adapter.adapterId)] === undefined ? 'full' : 'exists';
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

function toAdapter(stored: unknown): AdapterRecord {
  return parseItem(adapterRecordSchema, { ...(stored as Item) }, 'adapter'); // The schema tells whether it is one.
}
