/**
 * Where workers run: a network, a cluster, the pools of the config, each at nothing until somebody asks, and the function that
 * decides how many there are.
 */
import { Fn, Stack, type StackProps } from 'aws-cdk-lib';
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from '../constructs/acknowledge.ts';
import { GpuNetwork } from '../constructs/gpu-network.ts';
import { GpuPool } from '../constructs/gpu-pool.ts';
import { Scaler } from '../constructs/scaler.ts';
import type { Deployment } from '../deployment.ts';
import { workerOperations } from '../entries.ts';
import { zonesOf } from '../zones.ts';
import type { DataStack } from './data-stack.ts';

export interface FleetStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly data: DataStack;
  /** Where invocations go that failed for good. */
  readonly failures: IQueue;
}

export class FleetStack extends Stack {
  readonly cluster: Cluster;
  readonly pools: readonly GpuPool[];
  readonly scaler: Scaler;
  private readonly zones: number;

  constructor(scope: Construct, id: string, props: FleetStackProps) {
    const { deployment, data, failures, ...rest } = props;
    super(scope, id, rest);
    const { config } = deployment;
    this.zones = zonesOf(config.region);
    const network = new GpuNetwork(this, 'Network');
    this.cluster = new Cluster(this, 'Cluster', {
      vpc: network.vpc,
      containerInsightsV2: ContainerInsights.DISABLED,
    });
    acknowledge(this.cluster, {
      'AwsSolutions-ECS4': 'Container Insights bills every metric of every task; workers tell of themselves.',
    });
    // The construct counts capacity that it made itself; that of the pools is their own.
    const withInstances = Cluster.fromClusterAttributes(this, 'WithInstances', {
      clusterName: this.cluster.clusterName,
      vpc: network.vpc,
      hasEc2Capacity: true,
    });
    const ports = data.ports(workerOperations);
    const weights = data.weights();
    this.pools = Object.entries(config.pools).map(
      ([pool, poolConfig]) =>
        new GpuPool(this, `Pool-${pool}`, {
          deployment,
          pool,
          config: poolConfig,
          network,
          cluster: withInstances,
          ports,
          weights,
        }),
    );
    const { pools } = this;
    this.scaler = new Scaler(this, 'Scaler', { deployment, data, cluster: withInstances, pools, failures });
  }

  /** Chosen at deployment: to look them up before would take an account. */
  override get availabilityZones(): string[] {
    return Array.from({ length: this.zones }, (_, index) => Fn.select(index, Fn.getAzs()));
  }
}
