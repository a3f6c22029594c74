/** The function that decides how many workers the pools have, and everything that makes it look. */
import { Duration, Stack } from 'aws-cdk-lib';
import type { ICluster } from 'aws-cdk-lib/aws-ecs';
import type { EventPattern } from 'aws-cdk-lib/aws-events';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FleetConfigInput } from '#aws/fleet-env.ts';
import { sweepLimits } from '#core/limits.ts';
import type { Deployment } from '../deployment.ts';
import { entries } from '../entries.ts';
import type { DataStack } from '../stacks/data-stack.ts';
import { type Access, accessBy } from './access.ts';
import { acknowledge, wildcardFinding } from './acknowledge.ts';
import { scalerName } from './function-by-name.ts';
import type { GpuPool } from './gpu-pool.ts';
import { NodeFunction } from './node-function.ts';

/** A wake that finds the scaler at work is tried again for so long. */
const wakeAge = Duration.minutes(5);

export interface ScalerProps {
  readonly deployment: Deployment;
  readonly data: DataStack;
  readonly cluster: ICluster;
  readonly pools: readonly GpuPool[];
  /** Where invocations go that failed for good. */
  readonly failures: IQueue;
}

export class Scaler extends Construct {
  readonly function: NodeFunction;

  constructor(scope: Construct, id: string, props: ScalerProps) {
    super(scope, id);
    const { deployment, data, cluster, pools, failures } = props;
    this.function = new NodeFunction(this, 'Scaler', {
      deployment,
      entry: 'scaler',
      functionName: scalerName(deployment),
      accesses: [data.ports(entries.scaler.operations), this.fleetAccess(props)],
      variables: {},
      // A second decision beside it would read what the first is about to change.
      reservedConcurrency: 1,
    });
    this.function.lambda.configureAsyncInvoke({
      maxEventAge: wakeAge,
      retryAttempts: 2,
      onFailure: new SqsDestination(failures),
    });
    acknowledge(this.function, {
      'Serverless-LambdaDLQ': 'Its destination keeps what failed, with what it was given.',
    });
    new Rule(this, 'Minute', {
      description: 'Every minute: how many workers the pools have',
      schedule: Schedule.rate(Duration.millis(sweepLimits.everyMs)),
      targets: [new LambdaFunction(this.function.lambda)],
    });
    this.watch('InstanceJoined', 'An instance of the fleet takes workers', {
      source: ['aws.ecs'],
      detailType: ['ECS Container Instance State Change'],
      detail: { clusterArn: [cluster.clusterArn], status: ['ACTIVE'], agentConnected: [true] },
    });
    this.watch('WorkerGone', 'A worker of the fleet is gone, and its instance may stand empty', {
      source: ['aws.ecs'],
      detailType: ['ECS Task State Change'],
      detail: { clusterArn: [cluster.clusterArn], lastStatus: ['STOPPED'] },
    });
    if (pools.some(({ instances }) => instances.spot !== null)) {
      this.watch('SpotNotice', 'EC2 takes a Spot instance in two minutes', {
        source: ['aws.ec2'],
        detailType: ['EC2 Spot Instance Interruption Warning'],
      });
    }
    acknowledge(this, {
      'Serverless-EventBusDLQ': 'What EventBridge could not hand over, the next minute tick makes good.',
    });
  }

  private watch(id: string, description: string, eventPattern: EventPattern): void {
    new Rule(this, id, { description, eventPattern, targets: [new LambdaFunction(this.function.lambda)] });
  }

  /** Sizing the groups of these pools and counting their services, and no others. */
  private fleetAccess({ cluster, pools }: ScalerProps): Access<{ readonly PILOTLIGHT_FLEET: string }> {
    const fleet: FleetConfigInput = {
      cluster: cluster.clusterName,
      pools: Object.fromEntries(pools.map((each) => [each.pool, each.fleet])),
    };
    const groups = pools
      .flatMap(({ instances }) => instances.groups)
      .map((group) => group.autoScalingGroupArn);
    const members = Stack.of(this).formatArn({
      service: 'ecs',
      resource: 'container-instance',
      resourceName: `${cluster.clusterName}/*`,
    });
    const named = 'An ARN of a group has an id before its name that nobody knows.';
    return accessBy(
      { PILOTLIGHT_FLEET: Stack.of(this).toJsonString(fleet) },
      () => [
        new PolicyStatement({
          actions: ['ecs:DescribeServices', 'ecs:UpdateService'],
          resources: pools.map(({ service }) => service.serviceArn),
        }),
        new PolicyStatement({ actions: ['ecs:ListContainerInstances'], resources: [cluster.clusterArn] }),
        new PolicyStatement({
          actions: ['ecs:DescribeContainerInstances', 'ecs:UpdateContainerInstancesState'],
          resources: [members],
        }),
        new PolicyStatement({
          actions: ['autoscaling:DescribeAutoScalingGroups', 'autoscaling:DescribeScalingActivities'],
          resources: ['*'],
        }),
        new PolicyStatement({
          actions: [
            'autoscaling:SetDesiredCapacity',
            'autoscaling:SuspendProcesses',
            'autoscaling:TerminateInstanceInAutoScalingGroup',
          ],
          resources: groups,
        }),
      ],
      {
        'AwsSolutions-IAM5[Resource::*]': 'Reading of groups takes no resource.',
        [wildcardFinding(this, members)]: 'Instances of its own cluster come and go.',
        ...Object.fromEntries(groups.map((arn) => [wildcardFinding(this, arn), named])),
      },
    );
  }
}
