import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Cloud } from '#aws/cloud-under-test.ts';
import { startCloud } from '#aws/cloud-under-test.ts';
import { parseEnv } from '#aws/env.ts';
import type { FleetConfigInput } from '#aws/fleet-env.ts';
import { worldPool } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';
import { scalerEnvSchema } from './env.ts';

const config: FleetConfigInput = {
  cluster: 'pilotlight',
  pools: {
    [worldPool]: { service: 'workers', groups: { on_demand: 'warm' }, workersMax: 2, idleTimeoutMs: 0 },
  },
};

let scene: EntryScene;
let cloud: Cloud;
let handler: (event: unknown) => Promise<void>;

beforeAll(async () => {
  cloud = await startCloud();
  cloud.pool = worldPool;
  scene = await createEntryScene({
    PILOTLIGHT_FLEET: JSON.stringify(config),
    AWS_ENDPOINT_URL_ECS: cloud.endpoint,
    AWS_ENDPOINT_URL_AUTO_SCALING: cloud.endpoint,
  });
  ({ handler } = await import('./entry.ts'));
});

beforeEach(() => {
  cloud.changes.length = 0;
});

afterAll(async () => {
  cloud.close();
  await scene.close();
});

/** As EventBridge sends them: the fields that are read, and some that are not. */
const tick = { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} };
const joined = {
  source: 'aws.ecs',
  'detail-type': 'ECS Container Instance State Change',
  detail: {
    status: 'ACTIVE',
    ec2InstanceId: 'i-1',
    attributes: [{ name: 'pilotlight.pool', value: worldPool }],
  },
};

describe('the scaler function', () => {
  it('lights a pool from zero that a submission woke: an instance and a task, asked for together', async () => {
    cloud.groups.set('warm', { desired: 0, max: 2, instances: [], suspended: [], activity: null });
    await scene.submitJob();
    expect(scene.woken).toEqual([worldPool]);

    await handler({ pool: worldPool });

    expect(cloud.changes).toEqual([
      'SuspendProcesses warm AZRebalance',
      'SetDesiredCapacity warm 1',
      'UpdateService 1',
    ]);
  });

  it('changes nothing at a tick while the instance is on its way, and for a pool that it does not know', async () => {
    cloud.groups.get('warm')?.instances.push({ id: 'i-1', lifecycle: 'Pending', status: null, tasks: 0 });

    await handler(tick);
    await handler({ pool: 'another' });

    expect(cloud.changes).toEqual([]);
  });

  it('has ECS place the worker as soon as the instance joins', async () => {
    const [instance] = cloud.groups.get('warm')?.instances ?? [];
    if (instance === undefined) throw new Error('no instance');
    Object.assign(instance, { lifecycle: 'InService', status: 'ACTIVE' });

    await handler(joined);

    expect(cloud.changes).toEqual(['UpdateService 0', 'UpdateService 1']);
  });

  it('puts the pool out once there is no work, and ends the instance once its worker is gone', async () => {
    const { tenantId } = scene.tenant;
    const { items } = await scene.ports.jobs.list(tenantId, { limit: 10 });
    const { cancel } = await import('#core/flows/cancel.ts');
    for (const { jobId } of items) await cancel(scene.ports, tenantId, jobId);
    await scene.ports.pools.move(worldPool, ['waking'], 'idle', 0);
    cloud.service = { desired: 1, running: 1, pending: 0 };
    const [instance] = cloud.groups.get('warm')?.instances ?? [];
    Object.assign(instance ?? {}, { tasks: 1 });

    await handler(tick);
    expect(cloud.changes).toEqual(['UpdateService 0']);
    Object.assign(instance ?? {}, { tasks: 0 });
    await handler({
      source: 'aws.ecs',
      'detail-type': 'ECS Task State Change',
      detail: { lastStatus: 'STOPPED' },
    });

    expect(cloud.changes).toEqual(['UpdateService 0', 'DRAINING i-1', 'Terminate i-1']);
    expect(cloud.groups.get('warm')?.desired).toBe(0);
  });

  it('fails, so that it is run again, when a pool could not be decided', async () => {
    cloud.service = null;

    await expect(handler(tick)).rejects.toThrow(`no decision for ${worldPool}`);
  });
});

describe('the environment of the scaler', () => {
  const read = (fleet: unknown) =>
    parseEnv(scalerEnvSchema, { ...process.env, PILOTLIGHT_FLEET: JSON.stringify(fleet) }).PILOTLIGHT_FLEET;

  it('fills in what most pools leave out', () => {
    expect(read(config).pools[worldPool]).toMatchObject({
      workersPerInstance: 1,
      spotPercent: 0,
      workersMin: 0,
    });
  });

  it.each([
    ['no group of instances', { groups: {} }, /must name a group/],
    ['no upper bound', { workersMax: undefined }, /workersMax/],
    ['a share above all of it', { spotPercent: 101 }, /spotPercent/],
  ])('is refused with %s, by the path of the fault', (_, given, fault) => {
    const pool = { ...config.pools[worldPool], ...given };

    expect(() => read({ ...config, pools: { [worldPool]: pool } })).toThrow(fault);
  });
});
