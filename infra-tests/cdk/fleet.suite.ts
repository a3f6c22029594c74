/** What holds of the machines of every deployment, in words. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseEnv } from '#aws/env.ts';
import { fleetSchema } from '#aws/fleet-env.ts';
import { poolAttribute } from '#aws/resources.ts';
import { workerLimits } from '#core/limits.ts';
import { runnerHostEnvSchema } from '#gpu/runner-host/env.ts';
import { workerEnvSchema } from '#gpu/worker/env.ts';
import { configSchema } from '../../cdk/config.ts';
import { weightsFolder } from '../../cdk/constructs/instance-boot.ts';
import type { EntryName } from '../../cdk/entries.ts';
import { entries, workerOperations } from '../../cdk/entries.ts';
import { instanceTypes } from '../../cdk/instance-types.ts';
import { instancesFor, workerCardMb, workersPerInstance } from '../../cdk/pool-size.ts';
import type { Resource } from '../../cdk/resources-of.ts';
import { examples, synthesize } from './synthesized.ts';
import { modulesOf, usedOperations } from './used-operations.ts';

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

/** A machine with other work takes many times the few seconds that it takes to bundle every entry. */
const bundlesMs = 180_000;

describe.each(Object.entries(examples))('the fleet of the example %s', (_, example) => {
  const config = configSchema.parse(example);
  const pools = Object.entries(config.pools);
  const { ofType } = synthesize(example);
  const groups = ofType('AWS::AutoScaling::AutoScalingGroup');
  const templates = ofType('AWS::EC2::LaunchTemplate');
  const tasks: readonly Task[] = ofType('AWS::ECS::TaskDefinition').map(({ properties }) => properties);
  const services = ofType('AWS::ECS::Service').map(({ properties }) => properties);
  const poolOf = (worker: Container) => {
    const own = config.pools[variable(worker, 'PILOTLIGHT_POOL')];
    if (own === undefined) throw new Error('a worker of no pool');
    return own;
  };
  const ofPool = (pool: string, found: readonly Resource[]) =>
    found.filter(({ id }) => id.startsWith(`Pool${pool.replaceAll('-', '')}`));

  it('lets nothing in, and pays for no way out', () => {
    const closed = ofType('AWS::EC2::SecurityGroup');
    const endpoints = ofType('AWS::EC2::VPCEndpoint').map(({ properties }) => properties.VpcEndpointType);

    expect(closed).toHaveLength(1);
    expect(closed[0]?.properties.SecurityGroupIngress).toBeUndefined();
    expect(ofType('AWS::EC2::SecurityGroupIngress')).toEqual([]);
    expect(ofType('AWS::EC2::NatGateway')).toEqual([]);
    expect(ofType('AWS::EC2::EIP')).toEqual([]);
    expect(endpoints).toEqual(['Gateway', 'Gateway']);
    for (const { properties } of ofType('AWS::EC2::Subnet'))
      expect(properties.MapPublicIpOnLaunch).toBe(true);
  });

  it('gives no container the credentials of its instance, and no disk to be read in the plain', () => {
    expect(templates.length).toBe(groups.length);
    for (const { properties } of templates) {
      const { MetadataOptions, BlockDeviceMappings } = properties.LaunchTemplateData;
      expect(MetadataOptions).toEqual({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
      expect(BlockDeviceMappings).toEqual([
        {
          DeviceName: '/dev/xvda',
          Ebs: expect.objectContaining({
            Encrypted: true,
            VolumeType: 'gp3',
            Throughput: expect.any(Number),
            VolumeInitializationRate: expect.any(Number),
          }),
        },
      ]);
    }
  });

  it.each(pools)(
    'has for the pool %s groups from none to its cost cap, which nobody sizes but the scaler',
    (pool, own) => {
      const found = ofPool(pool, groups).map(({ properties }) => properties);

      expect(found).toHaveLength(own.spotPercent === 0 ? 1 : 2);
      for (const group of found) {
        expect(group.MinSize).toBe('0');
        expect(group.DesiredCapacity).toBeUndefined();
        expect(group.MaxSize).toBe(String(instancesFor(own.workersMax, own)));
        expect(group.TerminationPolicies).toEqual(['NewestInstance']);
      }
      for (const type of ['ScalingPolicy', 'ScheduledAction'])
        expect(ofType(`AWS::AutoScaling::${type}`)).toEqual([]);
      expect(ofType('AWS::ECS::CapacityProvider')).toEqual([]);
      expect(ofType('AWS::ApplicationAutoScaling::ScalableTarget')).toEqual([]);
    },
  );

  it.each(pools)(
    'buys Spot for the pool %s only where the config says so, and by its own group',
    (pool, own) => {
      const spot = ofPool(pool, groups).filter(
        ({ properties }) => properties.MixedInstancesPolicy !== undefined,
      );

      expect(spot).toHaveLength(own.spotPercent === 0 ? 0 : 1);
      for (const { properties } of spot) {
        expect(properties.MixedInstancesPolicy.InstancesDistribution).toMatchObject({
          OnDemandBaseCapacity: 0,
          OnDemandPercentageAboveBaseCapacity: 0,
        });
      }
    },
  );

  it.each(pools)(
    'keeps warm for the pool %s what the config asks for: stopped, never reused, behind a hook',
    (pool, own) => {
      const [warm, ...others] = ofPool(pool, ofType('AWS::AutoScaling::WarmPool'));
      const [hook] = ofPool(pool, ofType('AWS::AutoScaling::LifecycleHook'));

      expect(others).toEqual([]);
      expect(warm === undefined).toBe(own.warmInstances === 0);
      expect(hook === undefined).toBe(own.warmInstances === 0);
      if (warm === undefined || hook === undefined) return;
      expect(warm.properties.PoolState).toBe('Stopped');
      expect(warm.properties.InstanceReusePolicy?.ReuseOnScaleIn ?? false).toBe(false);
      expect(warm.properties.MaxGroupPreparedCapacity).toBeGreaterThanOrEqual(own.warmInstances);
      expect(dependenciesOf(example, warm.id)).toContain(hook.id);
      expect(hook.properties).toMatchObject({
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        DefaultResult: 'CONTINUE',
      });
      const group = groups.find(({ id }) => id === warm.properties.AutoScalingGroupName.Ref);
      expect(group?.properties.MixedInstancesPolicy).toBeUndefined();
    },
  );

  it.each(pools)('boots instances of the pool %s by a script that a shell can read', (pool, own) => {
    const scripts = ofPool(pool, templates).map(({ properties }) =>
      plain(properties.LaunchTemplateData.UserData['Fn::Base64']),
    );

    for (const script of scripts) {
      execFileSync('bash', ['-n'], { input: script });
      expect(script).toContain('ECS_WARM_POOLS_CHECK=true');
      expect(script).toContain('ECS_ENABLE_SPOT_INSTANCE_DRAINING=true');
      expect(script).toMatch(/^ECS_TASK_PIDS_LIMIT=\d{4,5}$/m);
      expect(script).toContain(`ECS_INSTANCE_ATTRIBUTES={"${poolAttribute}":"${pool}"}`);
    }
    const hooked = scripts.filter((script) => script.includes('pilotlight-boot'));
    expect(hooked).toHaveLength(own.warmInstances === 0 ? 0 : 1);
    for (const script of hooked) {
      const [, boot = ''] =
        /cat > \/usr\/local\/bin\/pilotlight-boot <<'END'\n([\s\S]*?)\nEND\n/.exec(script) ?? [];
      execFileSync('bash', ['-n'], { input: boot });
      expect(boot).toContain('Warmed:Stopped');
      expect(boot).toContain('docker pull');
      expect(boot).toContain('--lifecycle-action-result CONTINUE');
      for (const model of own.models) expect(boot).toContain(`--model ${model}`);
    }
  });

  it('asks for no worker by itself, and replaces one only after it is gone', () => {
    expect(services).toHaveLength(pools.length);
    for (const service of services) {
      expect(service.DesiredCount).toBe(0);
      expect(service.LaunchType).toBe('EC2');
      expect(service.AvailabilityZoneRebalancing).toBe('DISABLED');
      expect(service.DeploymentConfiguration).toEqual({
        MinimumHealthyPercent: 0,
        MaximumPercent: 100,
        DeploymentCircuitBreaker: {
          Enable: true,
          Rollback: true,
          ThresholdConfiguration: { Type: 'COUNT', Value: expect.any(Number) },
        },
      });
    }
    const places = services.map(({ PlacementConstraints }) => PlacementConstraints[0].Expression);
    expect(places.toSorted()).toEqual(
      pools.map(([pool]) => `attribute:${poolAttribute} == ${pool}`).toSorted(),
    );
  });

  it('runs a worker and its runners in two containers, and neither can break out of its own by privileges', () => {
    expect(tasks).toHaveLength(pools.length);
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

  it('tells a worker and its runners what they parse, and the scaler what the pools are', () => {
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
    const scaler = ofType('AWS::Lambda::Function').find(
      ({ properties }) => properties.Description === entries.scaler.description,
    );
    const fleet = JSON.parse(plain(scaler?.properties.Environment.Variables.PILOTLIGHT_FLEET));
    const told = fleetSchema.parse(fleet).pools;
    expect(Object.keys(told).toSorted()).toEqual(pools.map(([pool]) => pool).toSorted());
    for (const [pool, own] of pools) {
      expect(told[pool]).toMatchObject({
        workersPerInstance: workersPerInstance(own),
        workersMin: own.workersMin,
        workersMax: own.workersMax,
        spotPercent: own.spotPercent,
        idleTimeoutMs: own.idleMinutes * 60_000,
      });
    }
    expect(scaler?.properties.ReservedConcurrentExecutions).toBe(1);
  });

  it('runs every tick of the laptop by a schedule', { timeout: bundlesMs }, async () => {
    const scheduled = scheduledEntries(synthesize(example).resources);
    const modules = (await Promise.all(scheduled.map((name) => modulesOf(entries[name].file)))).flat();
    const flows = ['local/batches.ts', 'local/ticks.ts', 'local/webhooks.ts'].flatMap(flowsOf);

    expect(scheduled).toEqual(['batches', 'month', 'scaler', 'sweep', 'webhooks']);
    expect(flows).toEqual(expect.arrayContaining(['core/flows/scale.ts', 'core/flows/deliver.ts']));
    expect(flows.filter((flow) => !modules.includes(flow))).toEqual([]);
  });

  it('hears of instances that join, of workers that are gone, and of Spot notices where it has Spot', () => {
    const patterns = ofType('AWS::Events::Rule').flatMap(
      ({ properties }) => properties.EventPattern?.['detail-type'] ?? [],
    );
    const spot = pools.some(([, own]) => own.spotPercent > 0)
      ? ['EC2 Spot Instance Interruption Warning']
      : [];

    expect(patterns.toSorted()).toEqual(
      [...spot, 'ECS Container Instance State Change', 'ECS Task State Change'].toSorted(),
    );
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

/** Text of CloudFormation, with a word in the place of what is known at deployment only. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const join = Object(value)['Fn::Join'];
  return join === undefined ? 'known-later' : join[1].map(plain).join(join[0]);
}

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

function dependenciesOf(example: unknown, id: string): readonly string[] {
  const all = [...synthesize(example).templates.values()].map((template) => template.toJSON().Resources);
  return [all.find((resources) => id in resources)?.[id].DependsOn ?? []].flat();
}

/** Entries that a rule with a schedule invokes. */
function scheduledEntries(resources: readonly Resource[]): EntryName[] {
  const targets = resources
    .filter(
      ({ type, properties }) => type === 'AWS::Events::Rule' && properties.ScheduleExpression !== undefined,
    )
    .flatMap(({ properties }) =>
      properties.Targets.map((target: { Arn: unknown }) => JSON.stringify(target.Arn)),
    );
  const names = Object.keys(entries) as EntryName[];
  return names
    .filter((name) => {
      const own = resources.find(({ properties }) => properties.Description === entries[name].description);
      return targets.some((target) => target.includes(`"${own?.id}"`));
    })
    .toSorted();
}

/** Flows that a file imports to run them. */
function flowsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^import \{[^}]*\} from '#(core\/flows\/[^']+)'/gm)].flatMap(
    ([, flow]) => flow ?? [],
  );
}
