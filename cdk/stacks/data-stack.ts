/**
 * What is kept: tables, files, and the queues of the pools. Everything of it follows `aws/resources.ts`; other stacks get at it
 * by the accesses that this one hands out.
 */
import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { AwsEnv } from '#aws/env.ts';
import type { GrantedResource, PortOperation } from '#aws/operations.ts';
import { bySession, ownPermissionsOf } from '#aws/operations.ts';
import { bucketSettings, indexes } from '#aws/resources.ts';
import { type Access, accessBy } from '../constructs/access.ts';
import { DropQueue } from '../constructs/drop-queue.ts';
import { EncryptionKey } from '../constructs/encryption-key.ts';
import { Files } from '../constructs/files.ts';
import { PoolQueues } from '../constructs/pool-queues.ts';
import { Records } from '../constructs/records.ts';
import { TenantRole, tenantPrefixes } from '../constructs/tenant-role.ts';
import type { Deployment } from '../deployment.ts';

export interface DataStackProps extends StackProps {
  readonly deployment: Deployment;
}

/** Where everything is: what `aws/env.ts` parses, but for what Lambda and ECS set by themselves. */
export type PortsEnv = Omit<AwsEnv, 'AWS_REGION' | 'PILOTLIGHT_ENDPOINTS'>;

export class DataStack extends Stack {
  readonly records: Records;
  readonly files: Files;
  readonly queues: PoolQueues;
  readonly drops: DropQueue;
  /** For those who touch files of one tenant at a time. */
  readonly tenantRole: TenantRole;
  private readonly deployment: string;
  private readonly key: EncryptionKey | null;

  constructor(scope: Construct, id: string, { deployment, ...props }: DataStackProps) {
    super(scope, id, props);
    const { config } = deployment;
    this.deployment = config.name;
    const kept = {
      removalPolicy: config.onDestroy === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
    this.records = new Records(this, 'Records', kept);
    this.drops = new DropQueue(this, 'Drops');
    this.files = new Files(this, 'Files', { ...kept, drops: this.drops });
    new CfnOutput(this, 'Bucket', {
      value: this.files.bucket.bucketName,
      description: 'Takes the files that tenants drop, and weights',
    });
    this.queues = new PoolQueues(this, 'Queues', { pools: Object.keys(config.pools) });
    this.key = config.kms === undefined ? null : new EncryptionKey(this, 'Key', { ...kept, key: config.kms });
    this.tenantRole = new TenantRole(this, 'Tenant', { bucket: this.files.bucket, key: this.key });
  }

  /**
   * The ports, and of them these operations and no others: the row of the entry in `entries.ts` says which. Files of tenants are
   * reached by sessions of theirs.
   */
  ports(operations: readonly PortOperation[]): Access<PortsEnv> {
    const sessions = operations.some((operation) => bySession.includes(operation))
      ? this.tenantRole.sessions()
      : null;
    const variables: PortsEnv = {
      PILOTLIGHT_DEPLOYMENT: this.deployment,
      PILOTLIGHT_TABLE: this.records.main.tableName,
      PILOTLIGHT_LEDGER_TABLE: this.records.ledger.tableName,
      PILOTLIGHT_BUCKET: this.files.bucket.bucketName,
      PILOTLIGHT_QUEUE_URLS: this.queues.urls,
      ...(this.key === null ? {} : { PILOTLIGHT_KMS_KEY: this.key.arn }),
      ...sessions?.variables,
    };
    const access = accessBy(variables, () => this.statements(operations), this.wildcardsOf(operations));
    return {
      variables,
      grantTo(grantee) {
        access.grantTo(grantee);
        sessions?.grantTo(grantee);
      },
    };
  }

  /** Weights, for machines that bring them from the bucket. */
  weights(): Access<Pick<PortsEnv, 'PILOTLIGHT_BUCKET'>> {
    const { bucket } = this.files;
    const resources = [bucket.arnForObjects(`${bucketSettings.modelPrefix}*`)];
    return accessBy(
      { PILOTLIGHT_BUCKET: bucket.bucketName },
      () => [new PolicyStatement({ actions: ['s3:GetObject'], resources })],
      {
        [this.files.findingBelow(bucketSettings.modelPrefix)]:
          'Weights are files below one prefix, and operators add to them.',
      },
    );
  }

  /** Deleting whatever there is, for who takes a deployment down. */
  emptying(): Access {
    const { bucket } = this.files;
    return accessBy(
      {},
      () => [
        new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
        new PolicyStatement({ actions: ['s3:DeleteObject'], resources: [bucket.arnForObjects('*')] }),
      ],
      { [this.files.findingBelow('')]: 'The config asks for nothing to be left.' },
    );
  }

  private wildcardsOf(operations: readonly PortOperation[]): Record<string, string> {
    const reason = 'Objects of tenants lie below this one prefix, under names made when they are put.';
    const resources = [...ownPermissionsOf(operations).keys()];
    const found = Object.entries(tenantPrefixes).filter(([resource]) =>
      resources.some((own) => own === resource),
    );
    return Object.fromEntries(found.map(([, prefix]) => [this.files.findingBelow(prefix), reason]));
  }

  private statements(operations: readonly PortOperation[]): PolicyStatement[] {
    const statements = [...ownPermissionsOf(operations)].map(
      ([resource, actions]) =>
        new PolicyStatement({ actions: [...actions], resources: this.arnsOf(resource) }),
    );
    const own = operations.filter((operation) => !bySession.includes(operation));
    const keyActions = this.key === null ? [] : this.key.actionsFor(own);
    return keyActions.length === 0 || this.key === null
      ? statements
      : [...statements, new PolicyStatement({ actions: keyActions, resources: [this.key.arn] })];
  }

  private arnsOf(resource: GrantedResource): string[] {
    const { records, files, queues } = this;
    const arns: Readonly<Record<GrantedResource, () => string[]>> = {
      table: () => [records.main.tableArn],
      lineIndex: () => [`${records.main.tableArn}/index/${indexes.line.name}`],
      createdIndex: () => [`${records.main.tableArn}/index/${indexes.created.name}`],
      ledger: () => [records.ledger.tableArn],
      queues: () => queues.all.map(({ queue }) => queue.queueArn),
      bucket: () => [files.bucket.bucketArn],
      tenantFiles: () => [files.bucket.arnForObjects(`${bucketSettings.tenantPrefix}*`)],
      adapterFiles: () => [files.bucket.arnForObjects(`${bucketSettings.adapterPrefix}*`)],
      droppedFiles: () => [files.bucket.arnForObjects(`${bucketSettings.dropInPrefix}*`)],
      dropResults: () => [files.bucket.arnForObjects(`${bucketSettings.dropOutPrefix}*`)],
    };
    return arns[resource]();
  }
}
