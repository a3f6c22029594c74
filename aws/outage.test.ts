import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createAwsPorts } from './aws-ports.ts';
import { isOutage } from './outage.ts';

const fault = (name: string, more: object = {}) => Object.assign(new Error(name), { name, ...more });

describe('isOutage', () => {
  it.each([
    fault('InternalServerError', { $metadata: { httpStatusCode: 500 } }),
    fault('ServiceUnavailable', { $metadata: { httpStatusCode: 503 } }),
    fault('ProvisionedThroughputExceededException', { $metadata: { httpStatusCode: 400 } }),
    fault('ThrottlingException', { $metadata: { httpStatusCode: 400 } }),
    fault('SlowDown', { $metadata: { httpStatusCode: 503 } }),
    fault('TimeoutError'),
    fault('Error', { code: 'ECONNREFUSED' }),
  ])('is %s', (error) => {
    expect(isOutage(error)).toBe(true);
  });

  it.each([
    fault('ConditionalCheckFailedException', { $metadata: { httpStatusCode: 400 } }),
    fault('NoSuchKey', { $metadata: { httpStatusCode: 404 } }),
    fault('AccessDeniedException', { $metadata: { httpStatusCode: 400 } }),
    fault('TypeError'),
    'a text',
  ])('is not %s', (error) => {
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
