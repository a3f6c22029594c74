/** The two containers of a worker's task, of one image. */
import { Duration, Size, Stack } from 'aws-cdk-lib';
import {
  AwsLogDriverMode,
  Capability,
  type ContainerDefinition,
  type ContainerDefinitionOptions,
  LinuxParameters,
  LogDrivers,
  type TaskDefinition,
} from 'aws-cdk-lib/aws-ecs';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { workerLimits } from '#core/limits.ts';
import type { RunnerHostVariables } from '#gpu/runner-host/env.ts';
import type { WorkerVariables } from '#gpu/worker/env.ts';
import type { PoolConfig } from '../config.ts';
import type { Deployment } from '../deployment.ts';
import { type ContainerSize, taskSize, workerCardMb } from '../pool-size.ts';
import type { PortsEnv } from '../stacks/data-stack.ts';
import type { Access } from './access.ts';
import { hostSocket, mountsOf, runnerFolder } from './task-volumes.ts';
import { isTraced } from './traces.ts';
import type { WorkerImage } from './worker-image.ts';

/** What processes of torch share, as at the prewarm of a boot. */
const sharedMemoryMib = 1_024;
/** A worker drains within `workerLimits.drainMs`; then it stores, reports and ends its runners. ECS takes two minutes at most. */
const stopMs = workerLimits.drainMs + 35_000;
/** Lines that the logs cannot take at once wait in so much memory, and past that are lost: never does a job wait for its log. */
const logBufferMib = 16;

const program = {
  worker: '/app/gpu-container/worker/main.ts',
  runner: '/app/gpu-container/runner-host/main.ts',
};

export interface ContainerProps {
  readonly deployment: Deployment;
  readonly pool: string;
  readonly config: PoolConfig;
  readonly image: WorkerImage;
  readonly logGroup: LogGroup;
  readonly ports: Access<PortsEnv>;
}

/** Credentials, the network and the weights are its own; it has no card. */
export function workerContainer(
  scope: Construct,
  task: TaskDefinition,
  props: ContainerProps,
): ContainerDefinition {
  const { worker } = taskSize(props.config);
  const container = task.addContainer('worker', {
    ...common(props, 'worker', worker),
    linuxParameters: unprivileged(scope, 'Linux'),
    environment: workerVariables(props, Stack.of(scope).region),
  });
  container.addMountPoints(...mountsOf('worker'));
  return container;
}

/**
 * The card is its own; it has no network, and so no credentials: ECS names their address to every container of a task, and
 * from this one nobody gets there.
 */
export function runnerContainer(
  scope: Construct,
  task: TaskDefinition,
  props: ContainerProps,
): ContainerDefinition {
  const { runner } = taskSize(props.config);
  const container = task.addContainer('runner', {
    ...common(props, 'runner', runner),
    gpuCount: 1,
    disableNetworking: true,
    entryPoint: ['node', program.runner],
    linuxParameters: unprivileged(scope, 'RunnerLinux', sharedMemoryMib),
    environment: runnerVariables,
  });
  container.addMountPoints(...mountsOf('runner'));
  return container;
}

function common(
  { image, logGroup, pool }: ContainerProps,
  name: keyof typeof program,
  { cpu, reservedMib, limitMib }: ContainerSize,
): ContainerDefinitionOptions {
  return {
    image: image.container,
    cpu,
    memoryReservationMiB: reservedMib,
    memoryLimitMiB: limitMib,
    readonlyRootFilesystem: true,
    dockerSecurityOptions: ['no-new-privileges'],
    stopTimeout: Duration.millis(stopMs),
    healthCheck: {
      command: ['CMD', 'node', program[name], 'healthy'],
      interval: Duration.seconds(15),
      timeout: Duration.seconds(5),
      retries: 3,
      startPeriod: Duration.seconds(300),
    },
    // Docker itself sends them: a container without a network has a log all the same.
    logging: LogDrivers.awsLogs({
      logGroup,
      streamPrefix: pool,
      mode: AwsLogDriverMode.NON_BLOCKING,
      maxBufferSize: Size.mebibytes(logBufferMib),
    }),
  };
}

function unprivileged(scope: Construct, id: string, sharedMemorySize?: number): LinuxParameters {
  const parameters = new LinuxParameters(scope, id, {
    initProcessEnabled: true,
    ...(sharedMemorySize === undefined ? {} : { sharedMemorySize }),
  });
  parameters.dropCapabilities(Capability.ALL);
  return parameters;
}

/** Where the two meet. */
const meeting = {
  PILOTLIGHT_RUNNER_HOST: hostSocket,
  PILOTLIGHT_RUNNER_SCRATCH: runnerFolder,
} satisfies Partial<RunnerHostVariables & WorkerVariables>;

/** Of the image, but on a folder of its own: a worker must run nothing that a runner could have written. */
const runnerVariables = {
  ...meeting,
  HOME: runnerFolder,
  TMPDIR: runnerFolder,
  NODE_COMPILE_CACHE: `${runnerFolder}/compile-cache`,
};

/** Beside what the image sets. It serves while it loads: ECS gives a health check five minutes, a large model may take more. */
function workerVariables(
  { deployment, pool, config, ports }: ContainerProps,
  region: string,
): Record<string, string> {
  const variables = {
    ...ports.variables,
    ...meeting,
    AWS_REGION: region,
    PILOTLIGHT_POOL: pool,
    PILOTLIGHT_GPU_MEMORY_MB: String(workerCardMb(config)),
    PILOTLIGHT_PREWARM: 'load',
    PILOTLIGHT_SPANS: isTraced(deployment) ? 'xray' : 'none',
  } satisfies Partial<WorkerVariables>;
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  // The image asks for all cards, where Docker is told to give what images ask for.
  return { ...Object.fromEntries(given), NVIDIA_VISIBLE_DEVICES: 'void' };
}
