/** The ECS side of a pool: its service, and its instances as members of the cluster. */
import type { ContainerInstance, ECSClient } from '@aws-sdk/client-ecs';
import {
  DescribeContainerInstancesCommand,
  DescribeServicesCommand,
  ListContainerInstancesCommand,
  UpdateContainerInstancesStateCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { AppError } from '#core/errors.ts';
import type { InstanceState } from '#core/scaling/instance-plan.ts';
import { poolAttribute } from './resources.ts';

export interface ServiceView {
  /** Tasks: asked for, running, placed and on their way. */
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
}

/** Those that have joined the cluster, by instance. */
export type Members = ReadonlyMap<string, ContainerInstance>;

export interface EcsMembers {
  /** Throws `internal` when the service is not there. */
  readService(service: string): Promise<ServiceView>;
  askService(service: string, desired: number): Promise<void>;
  read(pool: string): Promise<Members>;
  /** Those of the instances that no task runs on and none comes to any more; the others take tasks again. */
  close(members: Members, instanceIds: readonly string[]): Promise<string[]>;
}

/** ECS takes a hundred to describe and ten to change at a time. */
const describeMax = 100;
const changeMax = 10;

export function createEcsMembers(ecs: ECSClient, cluster: string): EcsMembers {
  async function changeState(members: readonly ContainerInstance[], status: 'ACTIVE' | 'DRAINING') {
    const arns = members.flatMap(({ containerInstanceArn }) => containerInstanceArn ?? []);
    const changed: ContainerInstance[] = [];
    for (let from = 0; from < arns.length; from += changeMax) {
      const request = { cluster, containerInstances: arns.slice(from, from + changeMax), status };
      const answer = await ecs.send(new UpdateContainerInstancesStateCommand(request));
      changed.push(...(answer.containerInstances ?? []));
    }
    return changed;
  }

  async function describe(containerInstances: string[]): Promise<ContainerInstance[]> {
    if (containerInstances.length === 0) return [];
    const request = new DescribeContainerInstancesCommand({ cluster, containerInstances });
    return (await ecs.send(request)).containerInstances ?? [];
  }

  return {
    async readService(service) {
      const answer = await ecs.send(new DescribeServicesCommand({ cluster, services: [service] }));
      const found = answer.services?.find(({ status }) => status === 'ACTIVE');
      if (found === undefined) {
        throw new AppError('internal', { privateDetail: `there is no service ${service}` });
      }
      const { desiredCount = 0, runningCount = 0, pendingCount = 0 } = found;
      return { desired: desiredCount, running: runningCount, pending: pendingCount };
    },

    async askService(service, desiredCount) {
      await ecs.send(new UpdateServiceCommand({ cluster, service, desiredCount }));
    },

    async read(pool) {
      const filter = `attribute:${poolAttribute} == ${pool}`;
      const members = new Map<string, ContainerInstance>();
      let nextToken: string | undefined;
      do {
        const page = { cluster, filter, maxResults: describeMax, nextToken };
        const listed = await ecs.send(new ListContainerInstancesCommand(page));
        for (const each of await describe(listed.containerInstanceArns ?? [])) {
          members.set(each.ec2InstanceId ?? '', each);
        }
        nextToken = listed.nextToken;
      } while (nextToken !== undefined);
      return members;
    },

    async close(members, instanceIds) {
      const joined = instanceIds.flatMap((instanceId) => members.get(instanceId) ?? []);
      const closed = await changeState(joined, 'DRAINING');
      const atWork = closed.filter((each) => instanceStateOf(each) === 'at_work');
      await changeState(atWork, 'ACTIVE');
      const kept = new Set(atWork.map(({ ec2InstanceId }) => ec2InstanceId));
      return instanceIds.filter((instanceId) => !kept.has(instanceId));
    },
  };
}

/** When the latest of them joined; null where none has. */
export function lastJoinMs(members: Members): number | null {
  const joinedMs = [...members.values()]
    .filter((member) => instanceStateOf(member) !== 'booting')
    .flatMap(({ registeredAt }) => registeredAt?.getTime() ?? []);
  return joinedMs.length === 0 ? null : Math.max(...joinedMs);
}

/** Of an instance that has not joined, `undefined`. */
export function instanceStateOf(member: ContainerInstance | undefined): InstanceState {
  const { status, runningTasksCount = 0, pendingTasksCount = 0 } = member ?? {};
  if (runningTasksCount + pendingTasksCount > 0) return 'at_work';
  if (status === 'ACTIVE') return 'empty';
  return status === 'DRAINING' ? 'closed' : 'booting';
}
