/** What holds of the machines of every deployment, and of who sizes them, in words. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fleetSchema } from '#aws/fleet-env.ts';
import { poolAttribute } from '#aws/resources.ts';
import { configSchema } from '../../cdk/config.ts';
import type { EntryName } from '../../cdk/entries.ts';
import { entries } from '../../cdk/entries.ts';
import { instancesFor, workersPerInstance } from '../../cdk/pool-size.ts';
import type { Resource } from '../../cdk/resources-of.ts';
import { examples, synthesize } from './synthesized.ts';
import { plain } from './template-text.ts';
import { bundlesMs, modulesOf } from './used-operations.ts';

const root = join(import.meta.dirname, '../..');
describe.each(Object.entries(examples))('the fleet of the example %s', (_, example) => {
  const config = configSchema.parse(example);
  const pools = Object.entries(config.pools);
  const { ofType } = synthesize(example);
  const groups = ofType('AWS::AutoScaling::AutoScalingGroup');
  const templates = ofType('AWS::EC2::LaunchTemplate');
  const services = ofType('AWS::ECS::Service').map(({ properties }) => properties);
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

  it('tells the scaler what the pools are', () => {
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
