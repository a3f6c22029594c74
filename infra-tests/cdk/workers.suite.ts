/** What holds of the tasks of workers in every deployment, in words. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseEnv } from '#aws/env.ts';
import { workerLimits } from '#core/limits.ts';
import { runnerHostEnvSchema } from '#gpu/runner-host/env.ts';
import { workerEnvSchema } from '#gpu/worker/env.ts';
import { configSchema } from '../../cdk/config.ts';
import { weightsFolder } from '../../cdk/constructs/instance-boot.ts';
import { workerOperations } from '../../cdk/entries.ts';
import { instanceTypes } from '../../cdk/instance-types.ts';
import { workerCardMb, workersPerInstance } from '../../cdk/pool-size.ts';
import { examples, synthesize } from './synthesized.ts';
import { plain } from './template-text.ts';
import { bundlesMs, usedOperations } from './used-operations.ts';

const root = join(import.meta.dirname, '../..');

interface Mount {
  readonly SourceVolume: string;
  readonly ContainerPath: string;
  readonly ReadOnly?: boolean;
}

/** What of a container and of its task is looked into by name. */
interface Container {
  readonly Name: string;
  readonly Image: unknown;
  readonly Cpu: number;
  readonly Memory: number;
  readonly MemoryReservation: number;
  readonly Essential: boolean;
  readonly ReadonlyRootFilesystem: boolean;
  readonly Privileged?: boolean;
  readonly User?: string;
  readonly DockerSecurityOptions: readonly string[];
  readonly LinuxParameters: { readonly SharedMemorySize: number };
  readonly Secrets?: unknown;
  readonly PortMappings?: readonly unknown[];
  readonly ResourceRequirements?: readonly unknown[];
  readonly DisableNetworking?: boolean;
  readonly DependsOn?: readonly unknown[];
  readonly EntryPoint?: readonly string[];
  readonly StopTimeout: number;
  readonly HealthCheck: { readonly Command: readonly string[] };
  readonly LogConfiguration: object;
  readonly MountPoints: readonly Mount[];
  readonly Environment: { readonly Name: string; readonly Value: string }[];
}

interface Task {
  readonly NetworkMode: string;
  readonly ContainerDefinitions: readonly Container[];
  readonly Volumes: readonly {
    readonly Name: string;
    readonly Host?: object;
    readonly DockerVolumeConfiguration?: object;
  }[];
}

describe.each(Object.entries(examples))('the workers of the example %s', (_, example) => {
  const config = configSchema.parse(example);
  const { ofType } = synthesize(example);
  const tasks: readonly Task[] = ofType('AWS::ECS::TaskDefinition').map(({ properties }) => properties);
  const poolOf = (worker: Container) => {
    const own = config.pools[variable(worker, 'PILOTLIGHT_POOL')];
    if (own === undefined) throw new Error('a worker of no pool');
    return own;
  };

  it('runs a worker and its runners in two containers, and neither can break out of its own by privileges', () => {
    expect(tasks).toHaveLength(Object.keys(config.pools).length);
    for (const task of tasks) {
      expect(namesOf(task)).toEqual(['worker', 'runner']);
      expect(task.NetworkMode).toBe('bridge');
      for (const container of task.ContainerDefinitions) {
        expect(container.Image).toEqual(task.ContainerDefinitions[0]?.Image);
        expect(container.ReadonlyRootFilesystem).toBe(true);
        expect(container.Privileged ?? false).toBe(false);
        expect(container.User).toBeUndefined();
        expect(container.DockerSecurityOptions).toEqual(['no-new-privileges']);
        expect(container.LinuxParameters).toMatchObject({
          InitProcessEnabled: true,
          Capabilities: { Drop: ['ALL'] },
        });
        expect(container.Secrets).toBeUndefined();
        expect(container.PortMappings ?? []).toEqual([]);
      }
    }
  });

  it('gives the card, or its part of one, to the container of runners, and none to the worker', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const own = poolOf(worker);
      const part = { NvidiaMps: { Memory: Math.floor((workerCardMb(own) * 1e6) / 2 ** 20) } };

      expect(runner.ResourceRequirements).toEqual([
        own.workersPerCard === 1 ? { Type: 'GPU', Value: '1' } : { Type: 'GPU', SharingStrategy: part },
      ]);
      expect(worker.ResourceRequirements).toBeUndefined();
      expect(variable(worker, 'NVIDIA_VISIBLE_DEVICES')).toBe('void');
      expect(variable(worker, 'PILOTLIGHT_GPU_MEMORY_MB')).toBe(String(workerCardMb(own)));
    }
  });

  it('gives runners no network, and so none of the credentials that ECS offers to every container of a task', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);

      expect(runner.DisableNetworking).toBe(true);
      expect(worker.DisableNetworking ?? false).toBe(false);
      expect(runner.Environment.filter(({ Name }) => Name.startsWith('AWS_'))).toEqual([]);
    }
  });

  it('holds runners to a part of their instance that leaves the worker its own, whatever they take', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const own = poolOf(worker);
      const type = instanceTypes[own.instanceType];
      const workers = workersPerInstance(own);

      expect(runner.Memory).toBe(runner.MemoryReservation);
      expect(runner.Memory).toBeGreaterThanOrEqual(1_536);
      expect(worker.MemoryReservation).toBeGreaterThanOrEqual(512);
      expect(worker.Memory).toBe(worker.MemoryReservation + runner.Memory);
      expect(worker.Memory * workers).toBeLessThan(0.9 * type.memoryMib);
      expect(worker.Cpu).toBeGreaterThanOrEqual(256);
      expect((worker.Cpu + runner.Cpu) * workers).toBeLessThanOrEqual(1_024 * type.processors);
      expect(runner.LinuxParameters.SharedMemorySize).toBeLessThan(runner.Memory);
    }
  });

  it('lets one container write the weights, the worker’s own, and nothing else of its instance', () => {
    for (const task of tasks) {
      const ofInstance = task.Volumes.filter(({ Host }) => Host !== undefined);

      expect(ofInstance).toEqual([{ Name: 'weights', Host: { SourcePath: weightsFolder } }]);
      expect(writersOf(task, '/weights')).toEqual(['worker']);
      expect(readersOf(task, '/weights')).toEqual(['worker', 'runner']);
    }
  });

  it('lets runners write nothing that their worker runs or believes', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const written = runner.MountPoints.filter(({ ReadOnly }) => !ReadOnly).map(
        (each) => each.ContainerPath,
      );

      expect(written).toEqual(['/runner', '/run/pilotlight']);
      for (const name of ['HOME', 'TMPDIR', 'NODE_COMPILE_CACHE'])
        expect(variable(runner, name)).toMatch(/^\/runner(\/|$)/);
      // The worker's are those of the image, below this.
      expect(writersOf(task, '/scratch')).toEqual(['worker']);
      for (const name of ['HOME', 'TMPDIR', 'NODE_COMPILE_CACHE', 'PILOTLIGHT_READY_FILE'])
        expect(variable(worker, name)).toBe('');
    }
  });

  it('has the two meet at a socket in memory, which goes with the task', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const [socket, scratch] = ['PILOTLIGHT_RUNNER_HOST', 'PILOTLIGHT_RUNNER_SCRATCH'] as const;
      const volume = task.Volumes.find(({ Name }) => Name === 'socket');

      expect(variable(worker, socket)).toBe('/run/pilotlight/host.sock');
      for (const name of [socket, scratch]) expect(variable(runner, name)).toBe(variable(worker, name));
      expect(writersOf(task, '/run/pilotlight')).toEqual(['runner']);
      expect(volume?.DockerVolumeConfiguration).toEqual({
        ...{ Driver: 'local', Scope: 'task' },
        DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=0700,uid=10001,gid=10001' },
      });
    }
  });

  it('stops a worker before its runners, lets it drain, asks for the health of both, and holds no job up for a log', () => {
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const entries = { worker: 'worker/main.ts', runner: 'runner-host/main.ts' };

      expect(worker.DependsOn).toEqual([{ ContainerName: 'runner', Condition: 'START' }]);
      expect(runner.EntryPoint).toEqual(['node', `/app/gpu-container/${entries.runner}`]);
      for (const [container, entry] of [
        [worker, entries.worker],
        [runner, entries.runner],
      ] as const) {
        expect(container.Essential).toBe(true);
        expect(container.StopTimeout * 1000).toBeGreaterThanOrEqual(workerLimits.drainMs + 30_000);
        expect(container.StopTimeout).toBeLessThanOrEqual(120);
        expect(container.HealthCheck.Command).toEqual([
          'CMD',
          'node',
          `/app/gpu-container/${entry}`,
          'healthy',
        ]);
        expect(container.LogConfiguration).toMatchObject({
          LogDriver: 'awslogs',
          Options: { mode: 'non-blocking' },
        });
      }
    }
  });

  it('tells a worker and its runners what they parse', () => {
    // What the image sets, and what is for others than these programs.
    const ofImage = { PILOTLIGHT_MODELS_DIR: '/app/gpu-container/models' };
    const ofOthers = ['NVIDIA_VISIBLE_DEVICES', 'HOME', 'TMPDIR', 'NODE_COMPILE_CACHE'];
    const whole = ({ Environment }: Container) => {
      const set = Environment.map(({ Name, Value }) => [
        Name,
        Name === 'PILOTLIGHT_QUEUE_URLS' ? '{}' : plain(Value),
      ]);
      return { ...Object.fromEntries(set), ...ofImage };
    };
    for (const task of tasks) {
      const { worker, runner } = containersOf(task);
      const parsed = parseEnv(workerEnvSchema, whole(worker));

      expect(parsed.PILOTLIGHT_GPU_MEMORY_MB).toBeGreaterThan(1_000);
      expect(parseEnv(runnerHostEnvSchema, whole(runner)).PILOTLIGHT_RUNNER_SCRATCH).toBe('/runner');
      for (const [container, schema] of [
        [worker, workerEnvSchema],
        [runner, runnerHostEnvSchema],
      ] as const) {
        const names = Object.keys(whole(container)).filter((name) => !ofOthers.includes(name));
        expect(names.filter((name) => !Object.hasOwn(schema.shape, name))).toEqual([]);
      }
    }
  });
});

describe('the task of a worker', () => {
  it('may do what the code of a worker calls, and nothing else', { timeout: bundlesMs }, async () => {
    const used = await usedOperations('gpu-container/worker/serve.ts');

    // Called by another name there, `files`, as it is given that port alone.
    expect([...used, 'adapterFiles.read'].toSorted()).toEqual([...workerOperations].toSorted());
  });

  it.each([
    ['are traced, and may do nothing else there', 5, 'xray', ['xray:PutTraceSegments']],
    ['are not, and may do nothing there', 0, 'none', []],
  ] as const)('sends spans to X-Ray where requests %s', (_, sampledPercent, spans, actions) => {
    const { ofType } = synthesize({ ...examples.smallest, traces: { sampledPercent } });
    const tasks = ofType('AWS::ECS::TaskDefinition').map(({ properties }) => properties);
    const ofWorkers = ofType('AWS::IAM::Policy').filter(({ id }) => id.includes('TaskRole'));

    expect(ofWorkers.length).toBeGreaterThan(0);
    for (const { ContainerDefinitions } of tasks)
      expect(variable(ContainerDefinitions[0], 'PILOTLIGHT_SPANS')).toBe(spans);
    for (const { properties } of ofWorkers) {
      const statements: { readonly Action: string | string[] }[] = properties.PolicyDocument.Statement;
      const granted = statements.flatMap(({ Action }) => Action).filter((each) => each.startsWith('xray:'));
      expect(granted).toEqual(actions);
    }
  });

  it('sends to X-Ray what its role lets it send', () => {
    const adapter = readFileSync(join(root, 'aws/xray-spans.ts'), 'utf8');

    expect([...adapter.matchAll(/new (\w+)Command\(/g)].map(([, command]) => command)).toEqual([
      'PutTraceSegments',
    ]);
  });
});

function namesOf({ ContainerDefinitions }: Task): string[] {
  return ContainerDefinitions.map(({ Name }) => Name);
}

function containersOf({ ContainerDefinitions }: Task): { worker: Container; runner: Container } {
  const [worker, runner, ...others] = ContainerDefinitions;
  if (worker === undefined || runner === undefined || others.length > 0)
    throw new Error('not two containers');
  return { worker, runner };
}

/** Names of the containers that have the folder. */
function readersOf({ ContainerDefinitions }: Task, path: string): string[] {
  const has = ({ MountPoints }: Container) => MountPoints.some((mount) => mount.ContainerPath === path);
  return ContainerDefinitions.filter(has).map(({ Name }) => Name);
}

function writersOf({ ContainerDefinitions }: Task, path: string): string[] {
  const writes = ({ MountPoints }: Container) =>
    MountPoints.some((mount) => mount.ContainerPath === path && mount.ReadOnly !== true);
  return ContainerDefinitions.filter(writes).map(({ Name }) => Name);
}

function variable(container: { Environment: { Name: string; Value: string }[] }, name: string): string {
  return container.Environment.find((each) => each.Name === name)?.Value ?? '';
}
