/** The tables of `aws/resources.ts`, made by calls of DynamoDB: for stacks that no CloudFormation makes. */
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import type { TableResource } from '#aws/resources.ts';
import { tables } from '#aws/resources.ts';

const activeLooksMax = 100;

/** Leaves a table alone that is there; each takes items when this resolves. */
export async function createTables(client: DynamoDBClient): Promise<void> {
  for (const table of Object.values(tables)) await createTable(client, table);
}

async function createTable(client: DynamoDBClient, table: TableResource): Promise<void> {
  const keys = [table, ...table.indexes].flatMap(({ partition, sort }) => [partition, sort]);
  const types = new Map(keys.map(({ name, type }) => [name, type]));
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table.localName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keySchema(table),
        AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({
          AttributeName,
          AttributeType,
        })),
        ...(table.indexes.length === 0
          ? {}
          : {
              GlobalSecondaryIndexes: table.indexes.map((index) => ({
                IndexName: index.name,
                KeySchema: keySchema(index),
                Projection:
                  index.include.length === 0
                    ? { ProjectionType: 'KEYS_ONLY' as const }
                    : { ProjectionType: 'INCLUDE' as const, NonKeyAttributes: [...index.include] },
              })),
            }),
      }),
    );
  } catch (error) {
    if (error instanceof ResourceInUseException) return;
    throw error;
  }
  await becomeActive(client, table);
}

/** dynalite answers before the table takes items; it is a turn or two of the event loop away. */
async function becomeActive(client: DynamoDBClient, { localName }: TableResource): Promise<void> {
  for (let looks = 0; looks < activeLooksMax; looks += 1) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: localName }));
    if (Table?.TableStatus === 'ACTIVE') return;
  }
  throw new Error(`the table ${localName} did not become active`);
}

function keySchema({ partition, sort }: Pick<TableResource, 'partition' | 'sort'>) {
  return [
    { AttributeName: partition.name, KeyType: 'HASH' as const },
    { AttributeName: sort.name, KeyType: 'RANGE' as const },
  ];
}
