/**
 * The instances of a pool: a group of on-demand ones, a group of Spot ones where the config wants any, both empty until the
 * scaler asks. A warm pool of stopped instances belongs to the first: Spot has none. Nothing but the scaler sizes the groups,
 * and nothing but the scaler ends an instance of them.
 */
import { Duration, Size, Stack } from 'aws-cdk-lib';
import type { AutoScalingGroupProps } from 'aws-cdk-lib/aws-autoscaling';
import {
  AutoScalingGroup,
  DefaultResult,
  LifecycleTransition,
  OnDemandAllocationStrategy,
  PoolState,
  SpotAllocationStrategy,
  TerminationPolicy,
} from 'aws-cdk-lib/aws-autoscaling';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { AmiHardwareType, EcsOptimizedImage, type ICluster } from 'aws-cdk-lib/aws-ecs';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { PoolConfig } from '../config.ts';
import type { Deployment } from '../deployment.ts';
import { diskMibPerSecond, instancesFor, workerCardMb } from '../pool-size.ts';
import type { Access } from './access.ts';
import { acknowledge, wildcardFinding } from './acknowledge.ts';
import type { GpuNetwork } from './gpu-network.ts';
import { bootScript, hookMs, type InstanceBoot } from './instance-boot.ts';
import type { WorkerImage } from './worker-image.ts';

const hookName = 'make-ready';

/** Of the AMI's snapshot, so that the first boot does not wait for it block by block; charged by the GB of the snapshot. */
const diskFillMib = 200;

export interface GpuInstancesProps {
  readonly deployment: Deployment;
  readonly pool: string;
  readonly config: PoolConfig;
  readonly network: GpuNetwork;
  readonly cluster: ICluster;
  readonly image: WorkerImage;
  /** What bringing weights takes. */
  readonly weights: Access<{ readonly PILOTLIGHT_BUCKET: string }>;
}

export class GpuInstances extends Construct {
  readonly onDemand: AutoScalingGroup;
  /** Null where the config wants no Spot. */
  readonly spot: AutoScalingGroup | null;
  private readonly role: Role;

  /** Both of them, or the one that there is. */
  get groups(): readonly AutoScalingGroup[] {
    return this.spot === null ? [this.onDemand] : [this.onDemand, this.spot];
  }

  constructor(scope: Construct, id: string, props: GpuInstancesProps) {
    super(scope, id);
    const { config, cluster } = props;
    this.role = this.roleOf(cluster);
    this.onDemand = this.group(
      'OnDemand',
      props,
      this.template('OnDemandTemplate', props, config.warmInstances > 0),
    );
    this.spot =
      config.spotPercent === 0 ? null : this.spotGroup(props, this.template('SpotTemplate', props, false));
    if (config.warmInstances > 0) this.keepWarm(props);
  }

  /** What the ECS agent needs, for this cluster; workers have roles of their own, by their tasks. */
  private roleOf({ clusterArn }: ICluster): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['ecs:RegisterContainerInstance', 'ecs:DeregisterContainerInstance', 'ecs:Submit*'],
        resources: [clusterArn],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: ['ecs:Poll', 'ecs:StartTelemetrySession'],
        resources: ['*'],
        conditions: { ArnEquals: { 'ecs:cluster': clusterArn } },
      }),
    );
    role.addToPolicy(new PolicyStatement({ actions: ['ecs:DiscoverPollEndpoint'], resources: ['*'] }));
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]':
        'Polling is bound to the cluster by its condition; finding the endpoint, logging in to ECR and reading of its own group take no resource.',
      'AwsSolutions-IAM5[Action::ecs:Submit*]':
        'Three calls by which the agent reports, on this cluster alone.',
    });
    return role;
  }

  private template(id: string, props: GpuInstancesProps, isPrewarmed: boolean): LaunchTemplate {
    const { config, network } = props;
    const userData = UserData.forLinux();
    userData.addCommands(...bootScript(this.bootOf(props, isPrewarmed)));
    return new LaunchTemplate(this, id, {
      machineImage: EcsOptimizedImage.amazonLinux2023(AmiHardwareType.GPU),
      instanceType: new InstanceType(config.instanceType),
      role: this.role,
      securityGroup: network.closed,
      userData,
      // A container's request makes one hop more: those of tenants' jobs get no credentials of the instance.
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(config.diskGb, {
            volumeType: EbsDeviceVolumeType.GP3,
            encrypted: true,
            throughput: diskMibPerSecond,
            volumeInitializationRate: Size.mebibytes(diskFillMib),
          }),
        },
      ],
    });
  }

  private bootOf(
    { deployment, pool, config, cluster, image, weights }: GpuInstancesProps,
    isPrewarmed: boolean,
  ): InstanceBoot {
    const boot = { pool, cluster: cluster.clusterName, region: Stack.of(this).region };
    if (!isPrewarmed) return boot;
    const usesGpu = deployment.manifests.some(
      ({ id, engine }) => config.models.includes(id) && engine === 'python',
    );
    return {
      ...boot,
      prewarm: {
        hookName,
        image: image.uri,
        bucket: weights.variables.PILOTLIGHT_BUCKET,
        gpuMemoryMb: workerCardMb(config),
        models: config.models,
        usesGpu,
      },
    };
  }

  private group(
    id: string,
    { network, config }: GpuInstancesProps,
    launchTemplate: LaunchTemplate,
    instances: Pick<AutoScalingGroupProps, 'launchTemplate' | 'mixedInstancesPolicy'> = { launchTemplate },
  ): AutoScalingGroup {
    const group = new AutoScalingGroup(this, id, {
      ...instances,
      vpc: network.vpc,
      vpcSubnets: { subnets: network.vpc.publicSubnets },
      minCapacity: 0,
      maxCapacity: instancesFor(config.workersMax, config),
      // Should it ever have to choose: the one that was launched last is the least likely to have work.
      terminationPolicies: [TerminationPolicy.NEWEST_INSTANCE],
      newInstancesProtectedFromScaleIn: false,
    });
    acknowledge(group, {
      'AwsSolutions-AS3': 'The scaler hears of instances by EventBridge, and logs what it does with them.',
    });
    return group;
  }

  /** One type, as a worker's memory is planned for its card; the zones with the most to spare at the best price. */
  private spotGroup(props: GpuInstancesProps, launchTemplate: LaunchTemplate): AutoScalingGroup {
    const group = this.group('Spot', props, launchTemplate, {
      mixedInstancesPolicy: {
        launchTemplate,
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: 0,
          onDemandAllocationStrategy: OnDemandAllocationStrategy.LOWEST_PRICE,
          spotAllocationStrategy: SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        },
      },
    });
    acknowledge(group, {
      'AwsSolutions-EC26': 'Its launch template encrypts the disk, as that of the other.',
    });
    return group;
  }

  /**
   * So many are prepared, those that serve included: what a burst took is made ready anew when it is over. Never reused on
   * scale-in, which ECS does not take.
   */
  private keepWarm({ config, image, weights }: GpuInstancesProps): void {
    const hook = this.onDemand.addLifecycleHook('MakeReady', {
      lifecycleHookName: hookName,
      lifecycleTransition: LifecycleTransition.INSTANCE_LAUNCHING,
      defaultResult: DefaultResult.CONTINUE,
      heartbeatTimeout: Duration.millis(hookMs),
    });
    const warmPool = this.onDemand.addWarmPool({
      poolState: PoolState.STOPPED,
      reuseOnScaleIn: false,
      minSize: 0,
      maxGroupPreparedCapacity: config.warmInstances + instancesFor(config.workersMin, config),
    });
    // An instance that came before the hook would be stopped before it is ready.
    warmPool.node.addDependency(hook);
    image.grantPull(this.role);
    weights.grantTo(this.role);
    this.role.addToPolicy(
      new PolicyStatement({ actions: ['autoscaling:DescribeAutoScalingInstances'], resources: ['*'] }),
    );
    // A policy beside the role: of its own, the template of the group would wait for it, and it waits for the group.
    const letGo = new Policy(this, 'LetGo', {
      roles: [this.role],
      statements: [
        new PolicyStatement({
          actions: ['autoscaling:CompleteLifecycleAction'],
          resources: [this.onDemand.autoScalingGroupArn],
        }),
      ],
    });
    acknowledge(letGo, {
      [wildcardFinding(this, this.onDemand.autoScalingGroupArn)]:
        'An ARN of a group has an id before its name that nobody knows.',
    });
  }
}
