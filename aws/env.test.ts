import { expect, it } from 'vitest';
import type { AwsConfig } from './clients.ts';
import { awsConfigOf, awsEnvOf, awsEnvSchema, parseEnv } from './env.ts';

const config: AwsConfig = {
  region: 'us-east-1',
  table: 'main',
  ledgerTable: 'ledger',
  bucket: 'files',
  kmsKey: 'alias/tenants',
  queueUrls: { demo: 'http://127.0.0.1:1/q' },
  endpoints: { dynamodb: 'http://127.0.0.1:2', sqs: 'http://127.0.0.1:1', s3: 'http://127.0.0.1:1' },
};

it('gives a worker the same config that it was written from', () => {
  expect(awsConfigOf(parseEnv(awsEnvSchema, awsEnvOf(config)))).toEqual(config);
});

it('passes credentials on as the SDK’s own variables', () => {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };

  expect(awsEnvOf({ ...config, credentials })).toMatchObject({
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
  });
});

it('names every variable at fault at once', () => {
  const { AWS_REGION: _, ...rest } = awsEnvOf(config);

  expect(() => parseEnv(awsEnvSchema, { ...rest, PILOTLIGHT_QUEUE_URLS: '{' })).toThrow(
    /AWS_REGION: .*; PILOTLIGHT_QUEUE_URLS: must be JSON/,
  );
});
