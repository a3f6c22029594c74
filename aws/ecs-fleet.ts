/**
 * The Fleet port over ECS on instances of our own: a worker is a task of the pool's service, an instance one of its Auto
 * Scaling groups. Nobody else scales either of them.
 *
 * - More workers: instances are asked for first, because they take longest, then tasks.
 * - Fewer: tasks first. ECS stops those that are not protected, so a worker with a job stays until it is done; an instance
 *   is ended once nothing runs on it, by the decision of that moment or by a later {@link EcsFleet.level}.
 * - An instance is closed to new tasks before it is ended, and looked at once more: a task that came in between keeps it.
 * - An instance that never joins the cluster is replaced, by the rule of `scaling/boot-watch.ts`. Its record is written before
 *   anything is ended: after a crash in between the same instance is ended, and counts as one try.
 *
 * Every call sets a state and none adds to one, so running them twice, or half of them, is made good by the next.
 */
import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import type { ECSClient } from '@aws-sdk/client-ecs';
import { AppError } from '#core/errors.ts';
import type { BootLook, BootPorts } from '#core/flows/await-boots.ts';
import { lookAtBoots, noteBoots } from '#core/flows/await-boots.ts';
import type { Fleet } from '#core/ports/pools.ts';
import type { InstanceGroup } from '#core/scaling/instance-plan.ts';
import { planInstances } from '#core/scaling/instance-plan.ts';
import { isStillAsked } from '#core/scaling/is-still-asked.ts';
import type { AutoScalingGroups, GroupView } from './auto-scaling-groups.ts';
import { createAutoScalingGroups } from './auto-scaling-groups.ts';
import type { EcsMembers, Members } from './ecs-members.ts';
import { createEcsMembers, instanceStateOf, lastJoinMs } from './ecs-members.ts';
import type { FleetConfig, PoolFleetConfig } from './fleet-env.ts';

export interface EcsFleet extends Fleet {
  /**
   * Brings instances in line with the workers that were asked for before: ends those that stand empty by now. Where one
   * has room for a worker that has no place yet, ECS is made to look for one. No effect right after `setDesired`, which
   * did all of it.
   */
  level(pool: string): Promise<void>;
}

export interface EcsFleetOptions extends BootPorts {
  readonly ecs: ECSClient;
  readonly autoScaling: AutoScalingClient;
  readonly fleet: FleetConfig;
}

interface Scene extends BootPorts {
  readonly groups: AutoScalingGroups;
  readonly members: EcsMembers;
  /** Tells of a launch that failed, once. */
  readonly tellFailed: (pool: string, group: GroupView) => void;
}

type NamedPool = PoolFleetConfig & { readonly pool: string };

interface PoolView {
  readonly groups: readonly (InstanceGroup & GroupView)[];
  readonly members: Members;
  /** Null where there are no instances. */
  readonly boots: BootLook | null;
}

export function createEcsFleet(options: EcsFleetOptions): EcsFleet {
  const { ecs, fleet, log, clock, metrics, pools } = options;
  const members = createEcsMembers(ecs, fleet.cluster);
  const groups = createAutoScalingGroups({ ...options, client: options.autoScaling });
  const scene = { groups, members, log, clock, metrics, pools, tellFailed: failedLaunches(options) };
  const justTold = new Set<string>();

  function poolOf(pool: string): NamedPool {
    const config = fleet.pools[pool];
    if (config === undefined) throw new AppError('internal', { privateDetail: `pool ${pool} has no fleet` });
    return { ...config, pool };
  }

  return {
    async status(pool) {
      const { desired, running } = await members.readService(poolOf(pool).service);
      return { desired, running };
    },

    async setDesired(pool, desired, before) {
      const own = poolOf(pool);
      const service = await members.readService(own.service);
      // UpdateService takes no condition: between this look and it, only a function that runs once at a time can stand.
      if (!isStillAsked(service.desired, { desired, before })) return 'elsewhere';
      justTold.add(pool);
      if (desired < service.desired) await members.askService(own.service, desired);
      await tend(scene, own, desired);
      if (desired > service.desired) await members.askService(own.service, desired);
      return 'set';
    },

    async level(pool) {
      if (justTold.delete(pool)) return;
      const own = poolOf(pool);
      const service = await members.readService(own.service);
      const view = await tend(scene, own, service.desired);
      const placed = service.running + service.pending;
      if (service.desired <= placed || !hasRoom(view)) return;
      // ECS tries again on a clock of its own, which slows down; a count that changes makes it look at once.
      log.info('fleet.placement_asked', { pool, desired: service.desired, placed });
      await members.askService(own.service, placed);
      await members.askService(own.service, service.desired);
    },
  };
}

/** Decides and carries out, for so many workers; what it saw before. */
async function tend(scene: Scene, own: NamedPool, workers: number): Promise<PoolView> {
  const view = await readPool(scene, own);
  for (const group of view.groups) scene.tellFailed(own.pool, group);
  const plan = planInstances({ workers, groups: view.groups }, own);
  for (const { group: name, desired } of plan.resize) {
    const group = view.groups.find((each) => each.name === name);
    if (group === undefined) continue;
    scene.log.info('fleet.resized', { pool: own.pool, group: name, from: group.desired, to: desired });
    await scene.groups.resize(group, desired);
  }
  for (const instanceId of await scene.members.close(view.members, plan.end)) {
    await end(scene, own, instanceId, false);
  }
  const replace = view.boots === null ? [] : await noteBoots(scene, view.boots, plan.replace);
  for (const instanceId of replace) await end(scene, own, instanceId, true);
  return view;
}

/** The same launch is seen minute after minute, until another one was tried. */
function failedLaunches({ log, metrics }: Pick<EcsFleetOptions, 'log' | 'metrics'>): Scene['tellFailed'] {
  const told = new Map<string, string>();
  return (pool, { name, failedLaunch }) => {
    if (failedLaunch === null || told.get(name) === failedLaunch) return;
    told.set(name, failedLaunch);
    log.warn('fleet.launch_failed', { pool, group: name, activityId: failedLaunch });
    metrics.tell('fleet.boot_failed', { boots_failed: 1 }, { pool });
  };
}

async function end(scene: Scene, { pool }: NamedPool, instanceId: string, isReplaced: boolean) {
  const isEnding = await scene.groups.end(instanceId, { isReplaced });
  if (isEnding) scene.log.info('fleet.instance_ended', { pool, instanceId, isReplaced });
}

async function readPool(scene: Scene, { pool, groups: { on_demand, spot } }: NamedPool): Promise<PoolView> {
  const views = await scene.groups.read([on_demand, spot].filter((name) => name !== undefined));
  const hasInstances = views.some(({ instanceIds }) => instanceIds.length > 0);
  const members: Members = hasInstances ? await scene.members.read(pool) : new Map();
  const boots = hasInstances ? await lookAtBoots(scene, pool, sightOf(views, members)) : null;
  const isLost = (instanceId: string) => boots?.verdict.lost.includes(instanceId) ?? false;
  const stateOf = (instanceId: string) =>
    isLost(instanceId) ? 'closed' : instanceStateOf(members.get(instanceId));
  return {
    members,
    boots,
    groups: views.map((view) => ({
      ...view,
      market: view.name === spot ? 'spot' : 'on_demand',
      instances: view.instanceIds.map((instanceId) => ({ instanceId, state: stateOf(instanceId) })),
    })),
  };
}

function sightOf(views: readonly GroupView[], members: Members) {
  const notJoined = views
    .flatMap(({ inService }) => [...inService])
    .filter((instanceId) => instanceStateOf(members.get(instanceId)) === 'booting');
  return { notJoined, joinedAtMs: lastJoinMs(members) };
}

function hasRoom({ groups }: PoolView): boolean {
  return groups.some(({ instances }) => instances.some(({ state }) => state === 'empty'));
}
