/** Endpoints of webhooks under their tenant: few and small, so that one consistent query reads them all. */
import { DeleteCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Endpoints } from '#core/ports/webhooks.ts';
import type { EndpointRecord } from '#core/webhook/endpoint.ts';
import { endpointRecordSchema } from '#core/webhook/endpoint.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne, putNext } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import { endpointKey, endpointPrefix, tenantPartition } from './keys.ts';

type Options = Omit<DirectoryOptions, 'clock'>;

export function createDynamoEndpoints(options: Options): Endpoints {
  const { documents, table } = options;
  return {
    async get(tenantId, endpointId) {
      const item = await getOne(options, endpointKey(tenantId, endpointId));
      return item === null ? null : toEndpoint(item);
    },

    list: (tenantId) => list(options, tenantId),

    async put(endpoint) {
      const item = { ...endpointKey(endpoint.tenantId, endpoint.endpointId), ...endpoint };
      return (await putNext(options, item, { create: true })) ? 'stored' : 'conflict';
    },

    async remove(tenantId, endpointId) {
      const removed = await conditional(
        documents.send(
          new DeleteCommand({
            TableName: table,
            Key: { ...endpointKey(tenantId, endpointId) },
            ConditionExpression: 'attribute_exists(pk)',
          }),
        ),
      );
      return removed === null ? 'missing' : 'removed';
    },
  };
}

async function list({ documents, table }: Options, tenantId: string): Promise<EndpointRecord[]> {
  const found: EndpointRecord[] = [];
  let from: Item | undefined;
  do {
    const { name, value, attributes } = expression();
    const own = `${name('pk')} = ${value(tenantPartition(tenantId))}`;
    const page = await documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: `${own} AND begins_with(${name('sk')}, ${value(endpointPrefix)})`,
        ...attributes(),
        ConsistentRead: true,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      }),
    );
    for (const item of page.Items ?? []) found.push(toEndpoint(item));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return found;
}

function toEndpoint(item: Item): EndpointRecord {
  return parseItem(endpointRecordSchema, item, 'endpoint');
}
