/**
 * The Auto Scaling groups of a pool's instances. Nothing here lets a group choose what to end: it is asked for more, or
 * for less than it has not launched yet, and instances are ended by name.
 */
import type { Activity, AutoScalingClient, AutoScalingGroup } from '@aws-sdk/client-auto-scaling';
import {
  AutoScalingServiceException,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  SetDesiredCapacityCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { AppError } from '#core/errors.ts';
import { isFresh } from '#core/jumping-clock.ts';
import { fleetLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';

/** One group as EC2 Auto Scaling shows it. */
export interface GroupView {
  readonly name: string;
  readonly desired: number;
  readonly max: number;
  /** Instances that live or are on their way; none of the warm pool. */
  readonly instanceIds: readonly string[];
  /** Those of them that are launched, and past whatever their group waits for. */
  readonly inService: ReadonlySet<string>;
  readonly isShort: boolean;
  /** The launch that failed and left it short, by a name of its own; null where none did. */
  readonly failedLaunch: string | null;
  /** It may end instances to even out its zones, with jobs on them or not. */
  readonly evensOutZones: boolean;
}

export interface AutoScalingGroups {
  /** Throws `internal` when one of them is not there. */
  read(names: readonly string[]): Promise<GroupView[]>;
  resize(group: GroupView, desired: number): Promise<void>;
  /** False when the instance is on its way already or cannot be ended now. */
  end(instanceId: string, how: { readonly isReplaced: boolean }): Promise<boolean>;
}

interface Lifecycle {
  readonly LifecycleState?: string;
}

const isInService = ({ LifecycleState }: Lifecycle) => LifecycleState === 'InService';

/** Counted by its group as one of those it was asked for. */
const isHeld = (instance: Lifecycle) =>
  isInService(instance) || (instance.LifecycleState ?? '').startsWith('Pending');

/** What an instance answers that is gone, or that another request is ending. */
const alreadyEnding: ReadonlySet<string> = new Set(['ValidationError', 'ScalingActivityInProgress']);

export function createAutoScalingGroups(options: {
  readonly client: AutoScalingClient;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
}): AutoScalingGroups {
  const { client, clock, log } = options;

  async function viewOf(group: AutoScalingGroup): Promise<GroupView> {
    const name = group.AutoScalingGroupName ?? '';
    const desired = group.DesiredCapacity ?? 0;
    const instanceIds = (group.Instances ?? []).filter(isHeld).flatMap(({ InstanceId }) => InstanceId ?? []);
    const inService = (group.Instances ?? [])
      .filter(isInService)
      .flatMap(({ InstanceId }) => InstanceId ?? []);
    const suspended = (group.SuspendedProcesses ?? []).map(({ ProcessName }) => ProcessName);
    const failedLaunch = desired > instanceIds.length ? await failedLaunchOf(name) : null;
    return {
      name,
      desired,
      max: group.MaxSize ?? 0,
      instanceIds,
      inService: new Set(inService),
      isShort: failedLaunch !== null,
      failedLaunch,
      evensOutZones: !suspended.includes('AZRebalance'),
    };
  }

  async function failedLaunchOf(AutoScalingGroupName: string): Promise<string | null> {
    const request = new DescribeScalingActivitiesCommand({ AutoScalingGroupName, MaxRecords: 1 });
    const { Activities = [] } = await client.send(request);
    const failed = Activities.find((activity) => failedLately(activity, clock.nowMs()));
    return failed?.ActivityId ?? null;
  }

  return {
    async read(names) {
      const request = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [...names] });
      const { AutoScalingGroups: found = [] } = await client.send(request);
      const groups = names.map((name) => found.find((each) => each.AutoScalingGroupName === name));
      return Promise.all(groups.map((group, index) => viewOf(group ?? missing(names[index]))));
    },

    async resize({ name, evensOutZones }, desired) {
      if (evensOutZones) {
        const ScalingProcesses = ['AZRebalance'];
        await client.send(new SuspendProcessesCommand({ AutoScalingGroupName: name, ScalingProcesses }));
      }
      const request = { AutoScalingGroupName: name, DesiredCapacity: desired, HonorCooldown: false };
      await client.send(new SetDesiredCapacityCommand(request));
    },

    async end(InstanceId, { isReplaced }) {
      try {
        const ShouldDecrementDesiredCapacity = !isReplaced;
        await client.send(
          new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity }),
        );
        return true;
      } catch (error) {
        if (!(error instanceof AutoScalingServiceException) || !alreadyEnding.has(codeOf(error))) throw error;
        log.warn('fleet.instance_not_ended', { instanceId: InstanceId, reason: error.message });
        return false;
      }
    },
  };
}

/** The SDK names modelled errors `…Fault`; the wire, and errors that no model lists, do without. */
function codeOf({ name }: AutoScalingServiceException): string {
  return name.replace(/Fault$/, '');
}

function failedLately({ StatusCode, StartTime }: Activity, nowMs: number): boolean {
  return StatusCode === 'Failed' && isFresh(StartTime?.getTime() ?? 0, fleetLimits.shortForMs, nowMs);
}

function missing(name: string | undefined): never {
  throw new AppError('internal', { privateDetail: `there is no Auto Scaling group ${name}` });
}
