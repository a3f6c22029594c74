/** The bucket of `aws/resources.ts`: closed, over TLS alone, and clearing tenants' files by their retention. */
import { Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  HttpMethods,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { bucketSettings } from '#aws/resources.ts';
import { dropSuffix } from '#core/batch/drop.ts';
import { acknowledge } from './acknowledge.ts';
import type { DropQueue } from './drop-queue.ts';

const unfinishedUploadDays = 1;

export interface FilesProps {
  readonly removalPolicy: RemovalPolicy;
  /** Is told of files that are dropped. */
  readonly drops: DropQueue;
}

export class Files extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { removalPolicy, drops }: FilesProps) {
    super(scope, id);
    const { origins, methods, headers, maxAgeSeconds } = bucketSettings.cors;
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      lifecycleRules: lifecycleRules(),
      cors: [
        {
          allowedOrigins: [...origins],
          allowedMethods: methods.map((method) => HttpMethods[method]),
          allowedHeaders: [...headers],
          maxAge: maxAgeSeconds,
        },
      ],
      removalPolicy,
    });
    this.tell(drops);
    acknowledge(this.bucket, {
      'AwsSolutions-S1':
        'Access logs of S3 cost a second bucket and a write for every read; who asked for what is in the API log by job id.',
    });
  }

  /** By the resource's own property: the construct's way takes a function that sets it from outside. */
  private tell({ queue }: DropQueue): void {
    const { defaultChild } = this.bucket.node;
    // The L1 that this L2 is made of.
    const bucket = defaultChild as CfnBucket;
    const rules = [
      { name: 'prefix', value: bucketSettings.dropInPrefix },
      { name: 'suffix', value: dropSuffix },
    ];
    bucket.notificationConfiguration = {
      queueConfigurations: [
        { event: 's3:ObjectCreated:*', queue: queue.queueArn, filter: { s3Key: { rules } } },
      ],
    };
    // S3 tries whether it may send before it takes the setting.
    bucket.node.addDependency(queue);
  }

  /** The id of cdk-nag's finding that a role of another stack may use every object below this prefix. */
  findingBelow(prefix: string): string {
    const stack = Stack.of(this);
    // Another stack knows the bucket by the name of this export, and so does the finding.
    const exported = stack.resolve(stack.exportValue(this.bucket.bucketArn));
    return `AwsSolutions-IAM5[Resource::${exported['Fn::ImportValue']}/${prefix}*]`;
  }
}

function lifecycleRules(): LifecycleRule[] {
  const { tenantPrefix, dropInPrefix, dropOutPrefix, expireAfterDays, retentionTag, retentionRules } =
    bucketSettings;
  return [
    ...retentionRules.map((rule) => ({
      id: `retention-${rule.tagValue}`,
      tagFilters: { [retentionTag]: rule.tagValue },
      expiration: Duration.days(rule.expireAfterDays),
    })),
    ...[tenantPrefix, dropInPrefix, dropOutPrefix].map((prefix) => ({
      id: `untagged-${prefix.replaceAll('/', '')}`,
      prefix,
      expiration: Duration.days(expireAfterDays),
    })),
    { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(unfinishedUploadDays) },
  ];
}
