import { createServer } from 'node:http';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  InternalServerError,
  ListTablesCommand,
  ProvisionedThroughputExceededException,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { createAwsPorts } from './aws-ports.ts';
import { isOutage } from './outage.ts';

/** Where nobody listens: port 1 of this machine. */
const nobody = 'http://127.0.0.1:1';

describe('an outage', () => {
  it.each([
    ['a throttle', new ProvisionedThroughputExceededException({ message: '', $metadata: {} })],
    ['a fault of the service', new InternalServerError({ message: '', $metadata: { httpStatusCode: 500 } })],
    ['a request whose time is up', Object.assign(new Error('late'), { name: 'TimeoutError' })],
  ])('is %s', (_what, error) => {
    expect(isOutage(error)).toBe(true);
  });

  it('is a service that nobody answers for, as the SDK says it', async () => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const options = { region: 'eu-central-1', endpoint: nobody, credentials, maxAttempts: 1 };

    const error = await new DynamoDBClient(options)
      .send(new ListTablesCommand({}))
      .catch((each: unknown) => each);

    expect(isOutage(error)).toBe(true);
  });

  it.each([
    [
      'a condition that failed',
      new ConditionalCheckFailedException({ message: '', $metadata: { httpStatusCode: 400 } }),
    ],
    ['a slip of ours', new TypeError('undefined is not a function')],
    ['a broken socket of somebody else', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['no error at all', 'TimeoutError'],
  ])('is not %s', (_what, error) => {
    expect(isOutage(error)).toBe(false);
  });
});

describe('the adapters', () => {
  const endings: (() => void)[] = [];
  afterEach(() => {
    for (const end of endings.splice(0)) end();
  });

  it('answer a store that fails as `unavailable`, after the retries of the SDK', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(500).end('{"__type":"InternalServerError"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const endpoint = `http://127.0.0.1:${port}`;
    const ports = createAwsPorts({
      region: 'us-east-1',
      table: 'main',
      ledgerTable: 'ledger',
      bucket: 'bucket',
      queueUrls: { demo: `${endpoint}/000000000000/demo` },
      endpoints: { dynamodb: endpoint, sqs: endpoint, s3: endpoint },
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    endings.push(
      () => ports.close(),
      () => server.close(),
    );

    const outage = { code: 'unavailable' };
    await expect(ports.gates.read('demo')).rejects.toMatchObject(outage);
    await expect(ports.tickets.send({ pool: 'demo', tenantId: 'a', jobId: 'b' })).rejects.toMatchObject(
      outage,
    );
    await expect(ports.blobs.get('a', 'b')).rejects.toMatchObject(outage);
    expect(requests).toBe(12);
  });
});
