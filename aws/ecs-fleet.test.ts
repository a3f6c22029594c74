import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '#core/errors.ts';
import { fleetLimits } from '#core/limits.ts';
import type { Pools } from '#core/ports/pools.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryPools } from '#sim/memory/memory-pools.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { RecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import type { Cloud, CloudGroup, CloudInstance } from './cloud-under-test.ts';
import { startCloud } from './cloud-under-test.ts';
import type { EcsFleet } from './ecs-fleet.ts';
import { createEcsFleet } from './ecs-fleet.ts';
import type { FleetClients } from './fleet-clients.ts';
import { createFleetClients } from './fleet-clients.ts';
import { fleetSchema } from './fleet-env.ts';

let cloud: Cloud;
let clients: FleetClients;
const clock = createManualClock();
let metrics: RecordingMetrics;
let pools: Pools;

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  cloud = await startCloud();
  metrics = createRecordingMetrics();
  pools = createMemoryPools();
  clients = createFleetClients({ region: 'eu-central-1', endpoint: cloud.endpoint });
});

afterEach(() => {
  clients.close();
  cloud.close();
  vi.unstubAllEnvs();
});

const demo = {
  service: 'workers',
  groups: { on_demand: 'warm', spot: 'cheap' },
  workersMax: 4,
  idleTimeoutMs: 1,
};

function fleet(given: Partial<typeof demo & { spotPercent: number }> = {}) {
  const config = fleetSchema.parse({ cluster: 'pilotlight', pools: { demo: { ...demo, ...given } } });
  return createEcsFleet({ ...clients, fleet: config, clock, log: createRecordingLog(), metrics, pools });
}

/** As the scaler asks, which has just looked. */
async function ask(told: EcsFleet, desired: number) {
  const { desired: before } = await told.status('demo');
  return told.setDesired('demo', desired, before);
}

const instance = (id: string, given: Partial<CloudInstance> = {}): CloudInstance => ({
  id,
  lifecycle: 'InService',
  status: 'ACTIVE',
  tasks: 0,
  ...given,
});

function group(name: string, instances: CloudInstance[], given: Partial<CloudGroup> = {}): void {
  const desired = instances.filter(({ lifecycle }) => !/Warmed|Terminating/.test(lifecycle)).length;
  const rest = { max: 4, suspended: ['AZRebalance'], activity: null };
  cloud.groups.set(name, { ...rest, desired, ...given, instances });
}

describe('status', () => {
  it('tells the tasks that were asked for and those that run', async () => {
    cloud.service = { desired: 3, running: 2, pending: 1 };

    expect(await fleet().status('demo')).toEqual({ desired: 3, running: 2 });
  });

  it('is refused for a pool without a fleet, and for a service that is not there', async () => {
    await expect(fleet().status('other')).rejects.toThrow(/pool other has no fleet/);
    cloud.service = null;

    await expect(fleet().status('demo')).rejects.toThrow(/there is no service workers/);
  });

  it('says unavailable when ECS is out of reach', async () => {
    cloud.close();
    const answer = fleet().status('demo');

    await expect(answer).rejects.toBeInstanceOf(AppError);
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('setDesired, for more workers', () => {
  it('asks for instances first and then for tasks', async () => {
    group('warm', []);
    group('cheap', []);

    await ask(fleet(), 2);

    expect(cloud.changes).toEqual(['SetDesiredCapacity warm 2', 'UpdateService 2']);
  });

  it('keeps a group from moving instances between zones before it has any', async () => {
    group('warm', [], { suspended: [] });
    group('cheap', []);

    await ask(fleet(), 1);

    expect(cloud.changes).toEqual([
      'SuspendProcesses warm AZRebalance',
      'SetDesiredCapacity warm 1',
      'UpdateService 1',
    ]);
  });

  it('counts no instance that waits in the warm pool or is on its way out', async () => {
    group('warm', [
      instance('w', { lifecycle: 'Warmed:Stopped' }),
      instance('t', { lifecycle: 'Terminating' }),
    ]);
    group('cheap', []);

    await ask(fleet(), 1);

    expect(cloud.changes).toEqual(['SetDesiredCapacity warm 1', 'UpdateService 1']);
  });

  it('changes nothing the second time', async () => {
    group('warm', []);
    group('cheap', []);
    await ask(fleet(), 2);
    cloud.changes.length = 0;

    await ask(fleet(), 2);

    expect(cloud.changes).toEqual([]);
  });

  it('asks for nothing by a look that somebody else has asked since', async () => {
    group('warm', [instance('a', { tasks: 1 })]);
    group('cheap', []);
    cloud.service = { desired: 3, running: 1, pending: 0 };

    expect(await fleet().setDesired('demo', 2, 1)).toBe('elsewhere');
    expect(await fleet().setDesired('demo', 3, 1)).toBe('set');

    expect(cloud.changes).toEqual(['SetDesiredCapacity warm 3']);
  });

  it('goes on where an earlier call ended half way', async () => {
    group('warm', []);
    group('cheap', []);
    cloud.failures.set('UpdateService', { code: 'ServerException', message: 'later' });
    await expect(ask(fleet(), 2)).rejects.toThrow(/later/);

    await ask(fleet(), 2);

    expect(cloud.changes).toEqual(['SetDesiredCapacity warm 2', 'UpdateService 2']);
  });
});

describe('setDesired, where EC2 has no spot instances', () => {
  const isShort = { desired: 2, activity: { status: 'Failed', atMs: clock.nowMs() } } as const;

  it('takes the order to the on-demand group', async () => {
    group('warm', []);
    group('cheap', [], isShort);

    await ask(fleet({ spotPercent: 100 }), 2);

    expect(cloud.changes).toEqual([
      'SetDesiredCapacity warm 2',
      'SetDesiredCapacity cheap 0',
      'UpdateService 2',
    ]);
  });

  it('tells of each launch that failed once, however often it is looked at', async () => {
    group('warm', []);
    const looking = fleet({ spotPercent: 100 });
    for (const atMs of [clock.nowMs() - 60_000, clock.nowMs() - 60_000, clock.nowMs()]) {
      group('cheap', [], { desired: 2, activity: { status: 'Failed', atMs } });
      await ask(looking, 2);
    }

    expect(metrics.samples()).toEqual(['boots_failed{pool=demo} 1', 'boots_failed{pool=demo} 1']);
  });

  it('believes in spot again when the failure is old, or a launch went well since', async () => {
    const atMs = clock.nowMs() - fleetLimits.shortForMs;
    for (const activity of [
      { status: 'Failed', atMs },
      { status: 'Successful', atMs: clock.nowMs() },
    ] as const) {
      cloud.changes.length = 0;
      group('warm', []);
      group('cheap', [], { desired: 2, activity });

      await ask(fleet({ spotPercent: 100 }), 2);

      expect(cloud.changes).not.toContain('SetDesiredCapacity warm 2');
    }
  });
});

describe('setDesired, for fewer workers', () => {
  it('asks for fewer tasks first, and ends no instance with a task on it', async () => {
    group('warm', [instance('a', { tasks: 1 }), instance('b', { tasks: 1 })]);
    group('cheap', []);
    cloud.service = { desired: 2, running: 2, pending: 0 };

    await ask(fleet(), 0);

    expect(cloud.changes).toEqual(['UpdateService 0']);
    expect(cloud.groups.get('warm')?.desired).toBe(2);
  });

  it('ends an empty instance by its name, after it was closed to tasks, and asks its group for one less', async () => {
    group('warm', [instance('a', { tasks: 1 }), instance('b')]);
    group('cheap', []);
    cloud.service = { desired: 2, running: 1, pending: 0 };

    await ask(fleet(), 1);

    expect(cloud.changes).toEqual(['UpdateService 1', 'DRAINING b', 'Terminate b']);
    expect(cloud.groups.get('warm')?.desired).toBe(1);
  });

  it('keeps an instance that a task came to while it was closed', async () => {
    group('warm', [instance('b')]);
    group('cheap', []);
    cloud.service = { desired: 1, running: 0, pending: 0 };
    cloud.onClosing = (closing) => {
      closing.tasks = 1;
    };

    await ask(fleet(), 0);

    expect(cloud.changes).toEqual(['UpdateService 0', 'DRAINING b', 'ACTIVE b']);
  });

  it('ends one that has not joined the cluster yet, without closing it', async () => {
    group('warm', [instance('a', { lifecycle: 'Pending', status: null })]);
    group('cheap', []);
    cloud.service = { desired: 1, running: 0, pending: 0 };

    await ask(fleet(), 0);

    expect(cloud.changes).toEqual(['UpdateService 0', 'Terminate a']);
  });

  it('goes on when an instance is gone by then, and fails when it is not allowed to end it', async () => {
    group('warm', [instance('a'), instance('b')]);
    group('cheap', []);
    cloud.service = { desired: 2, running: 0, pending: 0 };
    cloud.failures.set('TerminateInstanceInAutoScalingGroup', {
      code: 'ScalingActivityInProgress',
      message: 'busy',
    });

    await ask(fleet(), 0);

    expect(cloud.changes).toEqual(['UpdateService 0', 'DRAINING a', 'DRAINING b', 'Terminate a']);

    cloud.failures.set('TerminateInstanceInAutoScalingGroup', {
      code: 'AccessDenied',
      message: 'not allowed',
    });
    await expect(ask(fleet(), 0)).rejects.toThrow(/not allowed/);
  });
});

describe('level', () => {
  it('ends instances whose workers have left since fewer were asked for', async () => {
    group('warm', [instance('a', { tasks: 1 }), instance('b')]);
    group('cheap', []);
    cloud.service = { desired: 1, running: 1, pending: 0 };

    await fleet().level('demo');

    expect(cloud.changes).toEqual(['DRAINING b', 'Terminate b']);
  });

  it('has an instance replaced that takes no tasks any more and is needed', async () => {
    group('cheap', [instance('s', { status: 'DRAINING' })]);
    group('warm', []);
    cloud.service = { desired: 1, running: 0, pending: 0 };

    await fleet().level('demo');

    expect(cloud.changes).toEqual(['Terminate s replaced']);
    expect(cloud.groups.get('cheap')?.desired).toBe(1);
  });

  it('makes ECS look for a place where an instance has room and a worker has none', async () => {
    group('warm', [instance('a', { tasks: 1 }), instance('b')]);
    group('cheap', []);
    cloud.service = { desired: 2, running: 1, pending: 0 };

    await fleet().level('demo');

    expect(cloud.changes).toEqual(['UpdateService 1', 'UpdateService 2']);
  });

  it.each([
    ['every worker has a place', { desired: 1, running: 0, pending: 1 }, instance('a')],
    ['no instance has joined', { desired: 1, running: 0, pending: 0 }, instance('a', { status: null })],
  ])('leaves the service alone while %s', async (_, service, only) => {
    group('warm', [only]);
    group('cheap', []);
    cloud.service = service;

    await fleet().level('demo');

    expect(cloud.changes).toEqual([]);
  });

  it('has no effect right after the fleet was told, and has the next time', async () => {
    group('warm', [instance('a')]);
    group('cheap', []);
    const told = fleet();
    await ask(told, 1);
    cloud.changes.length = 0;

    await told.level('demo');
    expect(cloud.changes).toEqual([]);
    await told.level('demo');
    expect(cloud.changes).toEqual(['UpdateService 0', 'UpdateService 1']);
  });

  it('is refused when a group of the pool is not there', async () => {
    group('warm', []);

    await expect(fleet().level('demo')).rejects.toThrow(/there is no Auto Scaling group cheap/);
  });
});

describe('an instance that never joins the cluster', () => {
  const silent = (id: string) => instance(id, { status: null });

  async function pass(ms: number): Promise<void> {
    await clock.advance(ms);
    await fleet().level('demo');
  }

  beforeEach(() => {
    group('cheap', []);
    cloud.service = { desired: 1, running: 0, pending: 0 };
  });

  it('is ended for another one to be launched in its place, once no boot lasts as long', async () => {
    group('warm', [silent('a')]);
    await pass(0);
    await pass(fleetLimits.joinMs - 1);
    expect(cloud.changes).toEqual([]);

    await pass(1);

    expect(cloud.changes).toEqual(['Terminate a replaced']);
    expect(metrics.samples()).toEqual(['boots_failed{pool=demo} 1']);
  });

  it('is left alone before it is in service: its group still waits for it', async () => {
    group('warm', [instance('a', { lifecycle: 'Pending', status: null })]);
    await pass(0);
    await pass(fleetLimits.joinMs);

    expect(cloud.changes).toEqual([]);
  });

  it('is not followed by more than so many, and is told of then', async () => {
    for (const id of ['a', 'b', 'c', 'd']) {
      group('warm', [silent(id)]);
      await pass(0);
      await pass(fleetLimits.joinMs);
    }

    expect(cloud.changes).toEqual(['Terminate a replaced', 'Terminate b replaced', 'Terminate c replaced']);
    expect(metrics.samples().at(-1)).toBe('instances_stuck{pool=demo} 1');
  });

  it('is replaced again once another one joined meanwhile', async () => {
    for (const id of ['a', 'b', 'c']) {
      group('warm', [silent(id)]);
      await pass(0);
      await pass(fleetLimits.joinMs);
    }
    cloud.changes.length = 0;
    cloud.service = { desired: 2, running: 1, pending: 0 };
    group('warm', [silent('d'), instance('e', { tasks: 1, registeredAtMs: clock.nowMs() + 1_000 })]);

    await pass(0);
    await pass(fleetLimits.joinMs);

    expect(cloud.changes).toEqual(['Terminate d replaced']);
  });

  it('is ended and not replaced where nobody needs it, and counts as no try', async () => {
    group('warm', [silent('a')]);
    await pass(0);
    cloud.service = { desired: 0, running: 0, pending: 0 };
    await pass(fleetLimits.joinMs);

    expect(cloud.changes).toEqual(['Terminate a']);
    expect((await pools.read('demo')).boots.replaced).toEqual([]);
  });

  it('is ended again after a failure, as the same try', async () => {
    group('warm', [silent('a')]);
    await pass(0);
    cloud.failures.set('TerminateInstanceInAutoScalingGroup', { code: 'InternalFailure', message: 'later' });
    await expect(pass(fleetLimits.joinMs)).rejects.toThrow(/later/);

    await pass(60_000);

    expect(cloud.changes).toEqual(['Terminate a replaced']);
    expect((await pools.read('demo')).boots.replaced).toHaveLength(1);
  });

  it('waits for the next look where another scaler wrote its count of tries meanwhile', async () => {
    group('warm', [silent('a')]);
    await pass(0);
    const { noteBoots } = pools;
    pools.noteBoots = async () => 'conflict';
    await pass(fleetLimits.joinMs);
    expect(cloud.changes).toEqual([]);

    pools.noteBoots = noteBoots;
    await pass(60_000);

    expect(cloud.changes).toEqual(['Terminate a replaced']);
  });
});
