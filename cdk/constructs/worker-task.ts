/**
 * The task that a worker is. One container, with the runner as a child process in it: the worker starts runners by itself, one
 * more for each tenant that has a process of its own, and ends those that hang, which a container beside it could not be told
 * to. The bridge network, because a task with an interface of its own gets no public address on EC2, and so nothing without
 * a NAT. docs/fleet.md says what that leaves to be wished for.
 */
import { Duration, Size, Stack } from 'aws-cdk-lib';
import {
  AwsLogDriverMode,
  Capability,
  type CfnTaskDefinition,
  Ec2TaskDefinition,
  type ICluster,
  LinuxParameters,
  LogDrivers,
  NetworkMode,
  Scope,
} from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { workerLimits } from '#core/limits.ts';
import type { WorkerVariables } from '#gpu/worker/env.ts';
import type { PoolConfig } from '../config.ts';
import type { Deployment } from '../deployment.ts';
import { instanceTypes } from '../instance-types.ts';
import { workerCardMb, workersPerInstance } from '../pool-size.ts';
import type { PortsEnv } from '../stacks/data-stack.ts';
import type { Access } from './access.ts';
import { acknowledge, wildcardFinding } from './acknowledge.ts';
import { weightsFolder } from './instance-boot.ts';
import { isTraced } from './traces.ts';
import type { WorkerImage } from './worker-image.ts';

/** Of the instance's memory; the rest is for its system, the agent, and what the kernel keeps for itself. */
const memoryShare = 0.88;
const mebibyte = 1_024 * 1_024;
const sharedMemoryMib = 1_024;
/** A worker drains within `workerLimits.drainMs`; then it stores, reports and ends its runners. ECS takes two minutes at most. */
const stopMs = workerLimits.drainMs + 35_000;
/** Lines that the logs cannot take at once wait in so much memory, and past that are lost: never does a job wait for its log. */
const logBufferMib = 16;

export interface WorkerTaskProps {
  readonly deployment: Deployment;
  readonly pool: string;
  readonly config: PoolConfig;
  readonly cluster: ICluster;
  readonly image: WorkerImage;
  readonly logGroup: LogGroup;
  readonly ports: Access<PortsEnv>;
  readonly weights: Access;
}

export class WorkerTask extends Construct {
  readonly definition: Ec2TaskDefinition;

  constructor(scope: Construct, id: string, props: WorkerTaskProps) {
    super(scope, id);
    const { ports, weights } = props;
    this.definition = new Ec2TaskDefinition(this, 'Definition', {
      networkMode: NetworkMode.BRIDGE,
      volumes: [
        { name: 'weights', host: { sourcePath: weightsFolder } },
        // Made with the task and gone with it; Docker gives it to the user that owns the folder in the image.
        { name: 'scratch', dockerVolumeConfiguration: { driver: 'local', scope: Scope.TASK } },
      ],
    });
    this.addWorker(props);
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

  private addWorker(props: WorkerTaskProps): void {
    const { config, image, logGroup, pool } = props;
    const type = instanceTypes[config.instanceType];
    const workers = workersPerInstance(config);
    const linuxParameters = new LinuxParameters(this, 'Linux', {
      initProcessEnabled: true,
      sharedMemorySize: sharedMemoryMib,
    });
    linuxParameters.dropCapabilities(Capability.ALL);
    const container = this.definition.addContainer('worker', {
      image: image.container,
      gpuCount: 1,
      cpu: Math.floor((type.processors * 1_024) / workers),
      memoryLimitMiB: Math.floor((type.memoryMib * memoryShare) / workers),
      readonlyRootFilesystem: true,
      dockerSecurityOptions: ['no-new-privileges'],
      linuxParameters,
      stopTimeout: Duration.millis(stopMs),
      healthCheck: {
        command: ['CMD', 'node', '/app/gpu-container/worker/main.ts', 'healthy'],
        interval: Duration.seconds(15),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(300),
      },
      environment: this.variables(props),
      logging: LogDrivers.awsLogs({
        logGroup,
        streamPrefix: pool,
        mode: AwsLogDriverMode.NON_BLOCKING,
        maxBufferSize: Size.mebibytes(logBufferMib),
      }),
    });
    container.addMountPoints(
      { sourceVolume: 'weights', containerPath: '/weights', readOnly: false },
      { sourceVolume: 'scratch', containerPath: '/scratch', readOnly: false },
    );
    if (config.workersPerCard > 1) this.shareCard(config);
  }

  /** Instead of a card of its own; the L2 knows of none but those. */
  private shareCard(config: PoolConfig): void {
    const { defaultChild } = this.definition.node;
    const NvidiaMps = { Memory: Math.floor((workerCardMb(config) * 1_000_000) / mebibyte) };
    // The L1 that this L2 is made of.
    (defaultChild as CfnTaskDefinition).addPropertyOverride('ContainerDefinitions.0.ResourceRequirements', [
      { Type: 'GPU', SharingStrategy: { NvidiaMps } },
    ]);
  }

  /** Beside what the image sets. It serves while it loads: ECS gives a health check five minutes, a large model may take more. */
  private variables({ deployment, pool, config, ports }: WorkerTaskProps): Record<string, string> {
    const variables = {
      ...ports.variables,
      AWS_REGION: Stack.of(this).region,
      PILOTLIGHT_POOL: pool,
      PILOTLIGHT_GPU_MEMORY_MB: String(workerCardMb(config)),
      PILOTLIGHT_PREWARM: 'load',
      PILOTLIGHT_SPANS: isTraced(deployment) ? 'xray' : 'none',
    } satisfies Partial<WorkerVariables>;
    return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
  }
}
