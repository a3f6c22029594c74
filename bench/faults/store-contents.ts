/** Everything that the embedded stores of a folder hold, as one text that is equal for equal contents. */
import { createHash } from 'node:crypto';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { createAwsPorts } from '#aws/aws-ports.ts';
import type { AwsConfig } from '#aws/clients.ts';
import { startEmulators } from '#local/emulators.ts';

const pools = ['fake'];

/** Opens the folder, which nobody else may have open. Throws what `startEmulators` throws. */
export async function contentsOf(dataDir: string): Promise<string> {
  const emulators = await startEmulators({ dataDir, pools });
  try {
    const { config } = emulators;
    const parts = [await itemsOf(config), await objectsOf(config), await ticketsOf(config)];
    return parts.flat().toSorted().join('\n');
  } finally {
    await emulators.close();
  }
}

async function itemsOf({ region, credentials, endpoints, table, ledgerTable }: AwsConfig): Promise<string[]> {
  const client = new DynamoDBClient({
    region,
    ...(credentials && { credentials }),
    ...(endpoints && { endpoint: endpoints.dynamodb }),
  });
  const lines: string[] = [];
  for (const TableName of [table, ledgerTable]) {
    for await (const { Items } of paginateScan({ client }, { TableName })) {
      for (const item of Items ?? []) lines.push(`${TableName} ${JSON.stringify(sorted(item))}`);
    }
  }
  client.destroy();
  return lines;
}

function sorted(item: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(item).toSorted(([left], [right]) => left.localeCompare(right));
}

async function objectsOf({ region, credentials, endpoints, bucket }: AwsConfig): Promise<string[]> {
  const client = new S3Client({
    region,
    forcePathStyle: true,
    ...(credentials && { credentials }),
    ...(endpoints && { endpoint: endpoints.s3 }),
  });
  const lines: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, ...(ContinuationToken && { ContinuationToken }) }),
    );
    for (const { Key } of page.Contents ?? []) {
      const { Body, ContentType } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const body = (await Body?.transformToByteArray()) ?? new Uint8Array();
      lines.push(`${Key} ${ContentType} ${createHash('sha256').update(body).digest('hex')}`);
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  client.destroy();
  return lines;
}

/** Their number: which of them is visible changes by itself. */
async function ticketsOf(config: AwsConfig): Promise<string[]> {
  const ports = createAwsPorts(config);
  const depths = await Promise.all(pools.map((pool) => ports.tickets.depth(pool)));
  ports.close();
  return depths.map(({ visible, hidden }, index) => `${pools[index]} tickets ${visible + hidden}`);
}
