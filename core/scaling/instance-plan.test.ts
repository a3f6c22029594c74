import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InstanceGroup, InstancePlan, InstanceState } from './instance-plan.ts';
import { planInstances } from './instance-plan.ts';

const rules = { workersPerInstance: 1, onDemandFirst: 0, spotPercent: 0 };
const nothing: InstancePlan = { resize: [], end: [], replace: [] };

/** Instances are named by the group and their place in it; the group asks for as many as it has unless told. */
function group(states: readonly InstanceState[], given: Partial<InstanceGroup> = {}): InstanceGroup {
  const name = given.name ?? 'warm';
  const instances = states.map((state, index) => ({ instanceId: `${name}-${index}`, state }));
  const market = 'on_demand' as const;
  return { name, market, desired: states.length, max: 8, isShort: false, ...given, instances };
}

const spot = (states: readonly InstanceState[], given: Partial<InstanceGroup> = {}) =>
  group(states, { name: 'spot', market: 'spot', ...given });

describe('the plan of instances, growing', () => {
  it('asks for nothing where nothing runs and nothing is wanted', () => {
    expect(planInstances({ workers: 0, groups: [group([]), spot([])] }, rules)).toEqual(nothing);
  });

  it('asks for an instance a worker, and for no more than the group may have', () => {
    expect(planInstances({ workers: 3, groups: [group([])] }, rules).resize).toEqual([
      { group: 'warm', desired: 3 },
    ]);
    expect(planInstances({ workers: 9, groups: [group(['at_work'])] }, rules).resize).toEqual([
      { group: 'warm', desired: 8 },
    ]);
  });

  it('asks for one instance where workers share its card, until it is full', () => {
    const shared = { ...rules, workersPerInstance: 4 };

    expect(planInstances({ workers: 4, groups: [group(['at_work'])] }, shared)).toEqual(nothing);
    expect(planInstances({ workers: 5, groups: [group(['at_work'])] }, shared).resize).toEqual([
      { group: 'warm', desired: 2 },
    ]);
  });

  it('counts on what is on its way, and asks no second time', () => {
    const asked = group(['booting'], { desired: 2 });

    expect(planInstances({ workers: 2, groups: [asked] }, rules)).toEqual(nothing);
  });

  it('shares instances out between the markets, the odd one on demand', () => {
    const half = { ...rules, spotPercent: 50 };

    expect(planInstances({ workers: 3, groups: [group([]), spot([])] }, half).resize).toEqual([
      { group: 'warm', desired: 2 },
      { group: 'spot', desired: 1 },
    ]);
    expect(planInstances({ workers: 1, groups: [group([]), spot([])] }, half).resize).toEqual([
      { group: 'warm', desired: 1 },
    ]);
  });

  it('has so many on demand before any is spot', () => {
    const oneFirst = { ...rules, onDemandFirst: 1, spotPercent: 100 };

    expect(planInstances({ workers: 1, groups: [group([]), spot([])] }, oneFirst).resize).toEqual([
      { group: 'warm', desired: 1 },
    ]);
    expect(planInstances({ workers: 3, groups: [group([]), spot([])] }, oneFirst).resize).toEqual([
      { group: 'warm', desired: 1 },
      { group: 'spot', desired: 2 },
    ]);
  });

  it('fills the other market where one is full', () => {
    const small = spot(['at_work'], { max: 1 });

    expect(
      planInstances({ workers: 3, groups: [group([]), small] }, { ...rules, spotPercent: 100 }).resize,
    ).toEqual([{ group: 'warm', desired: 2 }]);
  });

  it('takes an order that EC2 has nothing for to the other market', () => {
    const dry = spot(['at_work'], { desired: 3, isShort: true });

    const plan = planInstances({ workers: 3, groups: [group([]), dry] }, { ...rules, spotPercent: 100 });

    expect(plan.resize).toEqual([
      { group: 'warm', desired: 2 },
      { group: 'spot', desired: 1 },
    ]);
  });

  it('leaves an order that EC2 has nothing for standing where there is no other market', () => {
    const dry = group([], { desired: 2, isShort: true });

    expect(planInstances({ workers: 2, groups: [dry] }, rules)).toEqual(nothing);
    expect(planInstances({ workers: 3, groups: [dry] }, rules).resize).toEqual([
      { group: 'warm', desired: 3 },
    ]);
  });
});

describe('the plan of instances, shrinking', () => {
  it('ends an instance that stands empty, and none with a worker on it', () => {
    const groups = [group(['at_work', 'empty', 'at_work'])];

    expect(planInstances({ workers: 1, groups }, rules)).toEqual({ ...nothing, end: ['warm-1'] });
    expect(planInstances({ workers: 0, groups: [group(['at_work'])] }, rules)).toEqual(nothing);
  });

  it('calls off what is not launched before it ends what is on its way, and that before what stands empty', () => {
    const groups = [group(['empty', 'booting'], { desired: 4 })];

    expect(planInstances({ workers: 3, groups }, rules)).toEqual({
      ...nothing,
      resize: [{ group: 'warm', desired: 3 }],
    });
    expect(planInstances({ workers: 1, groups }, rules)).toEqual({
      ...nothing,
      resize: [{ group: 'warm', desired: 2 }],
      end: ['warm-1'],
    });
  });

  it('ends first where there are more than the share of the market', () => {
    const groups = [group(['empty', 'empty']), spot(['empty', 'empty'])];

    expect(planInstances({ workers: 2, groups }, { ...rules, spotPercent: 100 }).end).toEqual([
      'warm-1',
      'warm-0',
    ]);
  });

  it('moves nothing that runs only because the share says otherwise', () => {
    const groups = [group(['at_work', 'empty']), spot([])];

    expect(planInstances({ workers: 2, groups }, { ...rules, spotPercent: 100 })).toEqual(nothing);
  });
});

describe('the plan of instances, for one that takes no workers any more', () => {
  it('has it replaced while it is needed', () => {
    expect(planInstances({ workers: 1, groups: [group(['closed'])] }, rules)).toEqual({
      ...nothing,
      replace: ['warm-0'],
    });
  });

  it('ends it first once there are too many', () => {
    expect(planInstances({ workers: 1, groups: [group(['closed', 'empty'])] }, rules)).toEqual({
      ...nothing,
      end: ['warm-0'],
    });
  });
});

describe('any plan of instances', () => {
  const state = fc.constantFrom<InstanceState>('booting', 'empty', 'at_work', 'closed');
  const anyGroup = (name: string, market: 'on_demand' | 'spot') =>
    fc
      .record({ states: fc.array(state, { maxLength: 5 }), more: fc.nat(3), room: fc.nat(4) })
      .map(({ states, more, room }) => {
        const desired = states.length + more;
        return group(states, { name, market, desired, max: desired + room });
      });
  const anyView = fc.record({
    workers: fc.nat(12),
    groups: fc.tuple(anyGroup('warm', 'on_demand'), anyGroup('spot', 'spot')),
  });
  const anyRules = fc.record({
    workersPerInstance: fc.integer({ min: 1, max: 3 }),
    onDemandFirst: fc.nat(3),
    spotPercent: fc.nat(100),
  });

  it('ends no instance at work, names none twice, and passes no bound of a group', () => {
    fc.assert(
      fc.property(anyView, anyRules, (view, given) => {
        const plan = planInstances(view, given);

        const ended = [...plan.end, ...plan.replace];
        const atWork = view.groups.flatMap(({ instances }) =>
          instances.filter((each) => each.state === 'at_work'),
        );
        expect(atWork.filter(({ instanceId }) => ended.includes(instanceId))).toEqual([]);
        expect(new Set(ended).size).toBe(ended.length);
        for (const after of carriedOut(view.groups, plan)) {
          expect(after.desired).toBeLessThanOrEqual(after.max);
          expect(after.desired).toBeGreaterThanOrEqual(after.instances.length);
        }
      }),
    );
  });

  it('leaves as many as are wanted, or as the groups may have, or as are at work', () => {
    fc.assert(
      fc.property(anyView, anyRules, (view, given) => {
        const after = carriedOut(view.groups, planInstances(view, given));

        const total = after.reduce((sum, { desired }) => sum + desired, 0);
        const atWork = after.flatMap(({ instances }) => instances.filter((each) => each.state === 'at_work'));
        const room = view.groups.reduce((sum, { max }) => sum + max, 0);
        const wanted = Math.ceil(view.workers / given.workersPerInstance);
        expect(total).toBe(Math.min(room, Math.max(wanted, atWork.length)));
      }),
    );
  });

  it('has nothing left to do once it was carried out', () => {
    fc.assert(
      fc.property(anyView, anyRules, (view, given) => {
        const after = carriedOut(view.groups, planInstances(view, given));

        expect(planInstances({ ...view, groups: after }, given)).toEqual(nothing);
      }),
    );
  });
});

/** What the groups are after it: what was to be replaced is launched anew by its group. */
function carriedOut(groups: readonly InstanceGroup[], plan: InstancePlan): InstanceGroup[] {
  const gone = new Set([...plan.end, ...plan.replace]);
  return groups.map((each) => {
    const resized = plan.resize.find(({ group: name }) => name === each.name)?.desired ?? each.desired;
    const ended = each.instances.filter(({ instanceId }) => plan.end.includes(instanceId)).length;
    const instances = each.instances.filter(({ instanceId }) => !gone.has(instanceId));
    return { ...each, desired: resized - ended, instances };
  });
}
