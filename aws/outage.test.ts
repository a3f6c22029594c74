import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  InternalServerError,
  ListTablesCommand,
  ProvisionedThroughputExceededException,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
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
