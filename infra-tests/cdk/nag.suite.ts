import { App, Stack } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { examples, synthesize } from './synthesized.ts';

describe.each(Object.entries(examples))('the example %s', (_, config) => {
  const { app } = synthesize(config);

  it.each([
    ['AwsSolutions', AwsSolutionsChecks],
    ['Serverless', ServerlessChecks],
  ])('has no finding of %s that nobody explained', (_pack, Checks) => {
    const { violations } = new Checks(app).validateScope(app);

    const found = violations.map(({ ruleName, violatingResources: [first] }) => [
      ruleName,
      first?.constructPath,
    ]);

    expect(found).toEqual([]);
  });
});

describe('cdk-nag', () => {
  it('would find what nobody explained: a queue without one for dead letters, a bucket that anybody may read', () => {
    const stack = new Stack(new App(), 'Stack');
    new Queue(stack, 'Queue');
    new Bucket(stack, 'Bucket', {
      publicReadAccess: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ACLS_ONLY,
    });

    const { violations } = new AwsSolutionsChecks(stack).validateScope(stack);

    expect(violations.map(({ ruleName }) => ruleName)).toEqual(
      expect.arrayContaining(['AwsSolutions-SQS3', 'AwsSolutions-S2']),
    );
  });
});
