/** The key of files of tenants whose plan says `volume: encrypted`: made here, or one that there is. */
import type { RemovalPolicy } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { PortOperation } from '#aws/operations.ts';

export interface EncryptionKeyProps {
  /** `create`, or the ARN of a key whose policy leaves it to IAM who may use it. */
  readonly key: string;
  readonly removalPolicy: RemovalPolicy;
}

/** SSE-KMS asks for a data key when it writes and has it decrypted when it reads. */
const actionsOf: Partial<Readonly<Record<PortOperation, readonly string[]>>> = {
  'blobs.put': ['kms:GenerateDataKey'],
  'blobs.get': ['kms:Decrypt'],
  'blobs.link': ['kms:Decrypt'],
  'blobs.read': ['kms:Decrypt'],
  'blobs.uploadLink': ['kms:GenerateDataKey'],
  'drops.write': ['kms:Decrypt', 'kms:GenerateDataKey'],
  // Parts that were put are read again as they are put together.
  'blobs.write': ['kms:Decrypt', 'kms:GenerateDataKey'],
};

export class EncryptionKey extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, { key, removalPolicy }: EncryptionKeyProps) {
    super(scope, id);
    this.arn =
      key === 'create'
        ? new Key(this, 'Key', {
            description: 'Files of tenants with an encrypted volume',
            enableKeyRotation: true,
            removalPolicy,
          }).keyArn
        : key;
  }

  actionsFor(operations: readonly PortOperation[]): string[] {
    return [...new Set(operations.flatMap((operation) => actionsOf[operation] ?? []))].toSorted();
  }
}
