/** One pool: its instances, the task of its workers, and the service that has as many of them as the scaler says. */
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AvailabilityZoneRebalancing,
  type CfnService,
  Ec2Service,
  type ICluster,
  PlacementConstraint,
  PlacementStrategy,
  PropagatedTagSource,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { FleetConfigInput } from '#aws/fleet-env.ts';
import { poolAttribute } from '#aws/resources.ts';
import type { PoolConfig } from '../config.ts';
import type { Deployment } from '../deployment.ts';
import { instancesFor, workersPerInstance } from '../pool-size.ts';
import type { PortsEnv } from '../stacks/data-stack.ts';
import type { Access } from './access.ts';
import { GpuInstances } from './gpu-instances.ts';
import type { GpuNetwork } from './gpu-network.ts';
import { WorkerImage } from './worker-image.ts';
import { WorkerTask } from './worker-task.ts';

/** A worker that fails to start so often during a deployment is the fault of that deployment. */
const failuresMax = 5;

export interface GpuPoolProps {
  readonly deployment: Deployment;
  readonly pool: string;
  readonly config: PoolConfig;
  readonly network: GpuNetwork;
  readonly cluster: ICluster;
  /** What a worker asks of the stores. */
  readonly ports: Access<PortsEnv>;
  readonly weights: Access<{ readonly PILOTLIGHT_BUCKET: string }>;
}

export class GpuPool extends Construct {
  readonly pool: string;
  readonly instances: GpuInstances;
  readonly service: Ec2Service;
  readonly logGroup: LogGroup;
  private readonly config: PoolConfig;

  constructor(scope: Construct, id: string, props: GpuPoolProps) {
    super(scope, id);
    const { deployment, pool, config } = props;
    this.pool = pool;
    this.config = config;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: deployment.config.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const manifests = deployment.manifests.filter((manifest) => config.models.includes(manifest.id));
    const image = new WorkerImage(this, 'Image', { image: config.image, manifests });
    this.instances = new GpuInstances(this, 'Instances', { ...props, image });
    const { definition } = new WorkerTask(this, 'Worker', { ...props, image, logGroup: this.logGroup });
    this.service = this.serviceOf(props.cluster, definition);
  }

  /** What the scaler is told of it. */
  get fleet(): FleetConfigInput['pools'][string] {
    const { workersMin, workersMax, warmInstances, spotPercent, idleMinutes } = this.config;
    const { onDemand, spot } = this.instances;
    return {
      service: this.service.serviceName,
      groups: {
        on_demand: onDemand.autoScalingGroupName,
        ...(spot === null ? {} : { spot: spot.autoScalingGroupName }),
      },
      workersPerInstance: workersPerInstance(this.config),
      onDemandFirst: Math.max(warmInstances, instancesFor(workersMin, this.config)),
      spotPercent,
      workersMin,
      workersMax,
      idleTimeoutMs: idleMinutes * 60_000,
    };
  }

  private serviceOf(cluster: ICluster, taskDefinition: WorkerTask['definition']): Ec2Service {
    const service = new Ec2Service(this, 'Service', {
      cluster,
      taskDefinition,
      // Left out, the first deployment would wait for a worker that nobody asked for. A later one that changes the service
      // asks for none again, which stops workers without work; the scaler, told that they stopped, asks for what is needed.
      desiredCount: 0,
      // A card holds one worker: the old one goes before the new one comes.
      minHealthyPercent: 0,
      maxHealthyPercent: 100,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.DISABLED,
      circuitBreaker: { enable: true, rollback: true },
      placementConstraints: [PlacementConstraint.memberOf(`attribute:${poolAttribute} == ${this.pool}`)],
      // Fills an instance before it takes another, so that those that are spare stand empty.
      placementStrategies: [PlacementStrategy.packedByMemory()],
      enableECSManagedTags: true,
      propagateTags: PropagatedTagSource.SERVICE,
    });
    // Not a share of what is desired, which is none as a deployment begins: a card that EC2 lacks for a moment is no fault of it.
    const { defaultChild } = service.node;
    // The L1 that this L2 is made of; the L2 takes no threshold.
    (defaultChild as CfnService).addPropertyOverride(
      'DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration',
      { Type: 'COUNT', Value: failuresMax },
    );
    return service;
  }
}
