/**
 * Instances for workers: which groups of a pool are to grow, and which instances are to end, so that there are as many as
 * its workers need. Pure; the fleet's adapter feeds it and carries it out.
 *
 * - What runs stays where it is: an instance with a worker on it is never ended, and no share is evened out by moving.
 * - Growth goes where the share of spot is furthest behind, past groups that are full or that EC2 has nothing for.
 * - Shrinking first calls off what is not launched yet, then ends what is on its way, then what stands empty.
 */

export type Market = 'on_demand' | 'spot';

/**
 * - `booting`: on its way, takes no worker yet.
 * - `empty`: takes workers and has none.
 * - `at_work`: has a worker, also one that is on its way in or out.
 * - `closed`: has no worker and takes none any more: a spot notice, a crash between closing and ending it, or a boot that never
 *   came to its end (`boot-watch.ts`).
 */
export type InstanceState = 'booting' | 'empty' | 'at_work' | 'closed';

export interface Instance {
  readonly instanceId: string;
  readonly state: InstanceState;
}

export interface InstanceGroup {
  readonly name: string;
  readonly market: Market;
  /** Instances that were asked for. */
  readonly desired: number;
  readonly max: number;
  readonly instances: readonly Instance[];
  /** EC2 had nothing for it when it was last asked. */
  readonly isShort: boolean;
}

export interface InstanceRules {
  /** Workers that share the card of one instance. */
  readonly workersPerInstance: number;
  /** So many instances are on-demand before any is spot. */
  readonly onDemandFirst: number;
  /** Of the instances beyond those, the share that should be spot; rounded towards on-demand. */
  readonly spotPercent: number;
}

export interface InstancePlan {
  /** What groups are to be asked for instead of what they are. */
  readonly resize: readonly { readonly group: string; readonly desired: number }[];
  /** To be ended, and their groups to be asked for one less each. */
  readonly end: readonly string[];
  /** To be ended; their groups launch others in their places. */
  readonly replace: readonly string[];
}

interface Room {
  readonly group: InstanceGroup;
  /** By the share, whatever stands. */
  readonly target: number;
  /** Counted on: what was asked for, or of a group that is short what it got. */
  count: number;
}

export function planInstances(
  view: { readonly workers: number; readonly groups: readonly InstanceGroup[] },
  rules: InstanceRules,
): InstancePlan {
  const wanted = Math.ceil(view.workers / rules.workersPerInstance);
  const rooms = view.groups.map((group) => roomOf(group, view.groups, wanted, rules));
  const standing = rooms.reduce((sum, { count }) => sum + count, 0);
  grow(rooms, wanted - standing);
  const spare = Math.max(0, standing - wanted);
  const { calledOff, ended } = shrink(rooms, spare);
  const isEnded = new Set(ended);
  return {
    resize: rooms.flatMap(({ group, count }) => {
      const desired = count - (calledOff.get(group.name) ?? 0);
      return desired === group.desired ? [] : [{ group: group.name, desired }];
    }),
    end: ended,
    replace: view.groups
      .flatMap(({ instances }) => instances)
      .filter(({ state, instanceId }) => state === 'closed' && !isEnded.has(instanceId))
      .map(({ instanceId }) => instanceId),
  };
}

/** A group that is short keeps its order where no other can take it over: EC2 may have something in a moment. */
function roomOf(
  group: InstanceGroup,
  groups: readonly InstanceGroup[],
  wanted: number,
  { onDemandFirst, spotPercent }: InstanceRules,
): Room {
  const spot = Math.floor((Math.max(0, wanted - onDemandFirst) * spotPercent) / 100);
  const target = group.market === 'on_demand' ? wanted - spot : spot;
  const canBeReplaced = groups.some(
    (other) => other !== group && !other.isShort && other.desired < other.max,
  );
  const isCut = group.isShort && canBeReplaced;
  return { group, target, count: isCut ? Math.min(group.desired, group.instances.length) : group.desired };
}

/** One by one to the group that is furthest behind its share and has room. */
function grow(rooms: readonly Room[], missing: number): void {
  const behind = ({ target, count }: Room) => target - count;
  for (let left = missing; left > 0; left -= 1) {
    const open = rooms.filter(({ group, count }) => count < group.max);
    const willing = open.filter(({ group }) => !group.isShort);
    const [next] = (willing.length > 0 ? willing : open).toSorted((a, b) => behind(b) - behind(a));
    if (next === undefined) return;
    next.count += 1;
  }
}

/** What stands empty longest is not known; within a group the last named goes first. */
function shrink(rooms: readonly Room[], spare: number) {
  let left = spare;
  const calledOff = new Map<string, number>();
  const ended: string[] = [];
  const ahead = rooms.toSorted((a, b) => b.count - b.target - (a.count - a.target));
  for (const { group, count } of ahead) {
    const unlaunched = Math.min(left, Math.max(0, count - group.instances.length));
    calledOff.set(group.name, unlaunched);
    left -= unlaunched;
  }
  for (const state of ['closed', 'booting', 'empty'] as const) {
    for (const { group } of ahead) {
      const idle = group.instances.filter((instance) => instance.state === state).toReversed();
      const chosen = idle.slice(0, left).map(({ instanceId }) => instanceId);
      ended.push(...chosen);
      left -= chosen.length;
    }
  }
  return { calledOff, ended };
}
