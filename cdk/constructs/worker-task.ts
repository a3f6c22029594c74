/**
 * The task that a worker is: a container that has credentials and a network, and one that has the card and neither.
 *
 * - `worker` takes tickets, brings weights, talks to AWS, and asks the other for runners.
 * - `runner` starts them (`gpu-container/runner-host`), one more for each tenant that has a process of its own, and ends those that
 *   hang, or whose worker is gone.
 *
 * The bridge network, because a task with an interface of its own gets no public address on EC2, and so nothing without a
 * NAT. docs/decisions/0013-two-containers.md says why it is so and what is where.
 */
import { Stack } from 'aws-cdk-lib';
import {
  type CfnTaskDefinition,
  ContainerDependencyCondition,
  Ec2TaskDefinition,
  type ICluster,
  NetworkMode,
} from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { PoolConfig } from '../config.ts';
import { workerCardMb } from '../pool-size.ts';
import type { Access } from './access.ts';
import { acknowledge, wildcardFinding } from './acknowledge.ts';
import { type ContainerProps, runnerContainer, workerContainer } from './task-containers.ts';
import { taskVolumes } from './task-volumes.ts';
import { isTraced } from './traces.ts';

const mebibyte = 1_024 * 1_024;

export interface WorkerTaskProps extends ContainerProps {
  readonly cluster: ICluster;
  readonly weights: Access;
}

export class WorkerTask extends Construct {
  readonly definition: Ec2TaskDefinition;

  constructor(scope: Construct, id: string, props: WorkerTaskProps) {
    super(scope, id);
    const { ports, weights } = props;
    this.definition = new Ec2TaskDefinition(this, 'Definition', {
      networkMode: NetworkMode.BRIDGE,
      volumes: taskVolumes,
    });
    const worker = workerContainer(this, this.definition, props);
    const runner = runnerContainer(this, this.definition, props);
    // ECS stops them the other way round: the runners of a worker that drains are there to the end.
    worker.addContainerDependencies({ container: runner, condition: ContainerDependencyCondition.START });
    if (props.config.workersPerCard > 1) this.shareCard(props.config);
    for (const access of [ports, weights]) access.grantTo(this.definition.taskRole);
    this.letProtectItself(props.cluster);
    if (isTraced(props.deployment)) this.letTellSpans();
    acknowledge(this.definition.obtainExecutionRole(), {
      'AwsSolutions-IAM5[Resource::*]': 'Logging in to ECR takes no resource.',
    });
    acknowledge(this.definition, {
      'AwsSolutions-ECS2': 'The variables say where things are; a worker is given no secret.',
    });
  }

  private letProtectItself({ clusterName }: ICluster): void {
    const tasks = Stack.of(this).formatArn({
      service: 'ecs',
      resource: 'task',
      resourceName: `${clusterName}/*`,
    });
    this.definition.taskRole.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'],
        resources: [tasks],
      }),
    );
    acknowledge(this.definition.taskRole, {
      [wildcardFinding(this, tasks)]: 'Its own task, whose id nobody knows before it runs.',
    });
  }

  private letTellSpans(): void {
    this.definition.taskRole.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['xray:PutTraceSegments'], resources: ['*'] }),
    );
    acknowledge(this.definition.taskRole, {
      'AwsSolutions-IAM5[Resource::*]': 'Telling X-Ray of spans takes no resource.',
    });
  }

  /** Instead of a card of its own; the L2 knows of none but those. */
  private shareCard(config: PoolConfig): void {
    const { defaultChild } = this.definition.node;
    const NvidiaMps = { Memory: Math.floor((workerCardMb(config) * 1_000_000) / mebibyte) };
    // The L1 that this L2 is made of; its containers are in the order in which they were added.
    (defaultChild as CfnTaskDefinition).addPropertyOverride('ContainerDefinitions.1.ResourceRequirements', [
      { Type: 'GPU', SharingStrategy: { NvidiaMps } },
    ]);
  }
}
