/** The tables of `aws/resources.ts`: on demand, restorable to any second of the last 35 days. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { AttributeKey, IndexResource, TableResource } from '#aws/resources.ts';
import { tables } from '#aws/resources.ts';

export interface RecordsProps {
  /** `RETAIN` also keeps the tables from being deleted by hand, until the protection is taken away. */
  readonly removalPolicy: RemovalPolicy;
}

export class Records extends Construct {
  readonly main: Table;
  readonly ledger: Table;

  constructor(scope: Construct, id: string, props: RecordsProps) {
    super(scope, id);
    // Keys alone say what was put; whoever wants to know more reads it.
    this.main = this.table('Main', tables.main, props, StreamViewType.KEYS_ONLY);
    this.ledger = this.table('Ledger', tables.ledger, props);
  }

  private table(
    id: string,
    resource: TableResource,
    { removalPolicy }: RecordsProps,
    stream?: StreamViewType,
  ): Table {
    const table = new Table(this, id, {
      partitionKey: attribute(resource.partition),
      sortKey: attribute(resource.sort),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy === RemovalPolicy.RETAIN,
      removalPolicy,
      ...(resource.ttl === undefined ? {} : { timeToLiveAttribute: resource.ttl }),
      ...(stream === undefined ? {} : { stream }),
    });
    for (const index of resource.indexes) addIndex(table, index);
    return table;
  }
}

function addIndex(table: Table, { name, partition, sort, include }: IndexResource): void {
  table.addGlobalSecondaryIndex({
    indexName: name,
    partitionKey: attribute(partition),
    sortKey: attribute(sort),
    ...(include.length === 0
      ? { projectionType: ProjectionType.KEYS_ONLY }
      : { projectionType: ProjectionType.INCLUDE, nonKeyAttributes: [...include] }),
  });
}

function attribute({ name, type }: AttributeKey) {
  return { name, type: type === 'S' ? AttributeType.STRING : AttributeType.NUMBER };
}
