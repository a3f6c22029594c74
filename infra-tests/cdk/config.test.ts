import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../cdk/config.ts';
import { parseConfig } from '../../cdk/config.ts';
import { config as shipped } from '../../pilotlight.config.ts';
import { examples, manifests } from './synthesized.ts';

const good: ConfigInput = {
  region: 'us-east-1',
  pools: { demo: { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 2 } },
};

function faultsOf(input: unknown): Readonly<Record<string, string>> {
  const outcome = parseConfig(input, manifests);
  return outcome.kind === 'valid'
    ? {}
    : Object.fromEntries(outcome.faults.map(({ path, message }) => [path, message]));
}

const withPool = (pool: object) => ({ ...good, pools: { demo: { ...good.pools.demo, ...pool } } });

describe('a config', () => {
  it.each(Object.entries({ ...examples, 'that ships': shipped }))('%s is valid', (_, config) => {
    expect(faultsOf(config)).toEqual({});
  });

  it('is filled in with defaults', () => {
    expect(parseConfig(good, manifests)).toMatchObject({
      kind: 'valid',
      config: {
        name: 'pilotlight',
        onDestroy: 'keep',
        plans: {},
        pools: { demo: { workersMin: 0, warmInstances: 0, spotPercent: 0, idleMinutes: 5, diskGb: 100 } },
        api: { requestsPerSecond: 100, ownsAccountLogRole: true },
        logDays: 30,
      },
    });
  });

  it('tells every fault at once, each by its path', () => {
    const faults = faultsOf({
      region: 'mars',
      pools: {
        'z-image': { instanceType: 'g5.xlarge', models: ['z-image-turbo'], workersMax: 1, warmInstances: 2 },
        demo: { instanceType: 'p3.2xlarge', models: ['pilotlight-shapes'], workersMax: 0 },
        newbie: {
          instanceType: 'g6e.xlarge',
          models: ['newbie-image', 'no-such-model'],
          workersMax: 1,
          workersMin: 3,
        },
      },
      plans: {
        studio: { limits: { weight: 0, open_jobs_max: 5 } },
        solo: { limits: { weight: 1, open_jobs_max: 5 }, models: ['fake'] },
      },
      alarms: { email: 'nobody' },
      unknown: true,
    });

    expect(Object.keys(faults).toSorted()).toEqual([
      'alarms.email',
      'plans.solo.models.0',
      'plans.studio.limits.weight',
      'pools.demo.instanceType',
      'pools.demo.workersMax',
      'pools.newbie.models.1',
      'pools.newbie.workersMin',
      'pools.z-image.models.0',
      'pools.z-image.warmInstances',
      'region',
      'unknown',
    ]);
  });

  it.each([
    ['that is nothing', undefined],
    ['that is a list', []],
    ['whose pools are text', { region: 'us-east-1', pools: 'demo' }],
    ['whose pool is null', { region: 'us-east-1', pools: { demo: null } }],
    ['without a pool', { region: 'us-east-1', pools: {} }],
  ])('%s is refused, and breaks nothing', (_, config) => {
    expect(Object.keys(faultsOf(config)).length).toBeGreaterThan(0);
  });
});

describe('a pool is refused', () => {
  it('of an instance type without a card, with those that there are', () => {
    expect(faultsOf(withPool({ instanceType: 'm7i.large' }))['pools.demo.instanceType']).toMatch(
      /must be one of g4dn\.xlarge/,
    );
  });

  it('with more warm instances, or more kept workers, than it may have workers', () => {
    expect(faultsOf(withPool({ warmInstances: 3, workersMin: 4 }))).toEqual({
      'pools.demo.warmInstances': 'must not be above workersMax, which is 2',
      'pools.demo.workersMin': 'must not be above workersMax, which is 2',
    });
  });

  it('whose card cannot hold a model and one job of it, with the figures', () => {
    const pools = { 'z-image': { instanceType: 'g6.xlarge', models: ['z-image-turbo'], workersMax: 1 } };

    expect(faultsOf({ ...good, pools })).toEqual({
      'pools.z-image.models.0':
        'z-image-turbo needs 24500 MB for its weights and one job; 21600 MB of the l4-24 of g6.xlarge can be planned into',
    });
    const offloaded = { instanceType: 'g6.xlarge', models: ['z-image-turbo-24gb'], workersMax: 1 };
    expect(faultsOf({ ...good, pools: { 'z-image-24gb': offloaded } })).toEqual({});
  });

  it('whose workers share a card that only one of them would have room on', () => {
    const shared = {
      instanceType: 'g6e.xlarge',
      models: ['z-image-turbo'],
      workersMax: 2,
      workersPerCard: 2,
    };

    expect(faultsOf({ ...good, pools: { 'z-image': { ...shared, workersPerCard: 1 } } })).toEqual({});
    expect(faultsOf({ ...good, pools: { 'z-image': shared } })['pools.z-image.models.0']).toMatch(
      /needs 24500 MB .* 21600 MB/,
    );
  });

  it('whose workers share an instance that has too little memory for so many', () => {
    expect(faultsOf(withPool({ workersPerCard: 7 }))).toEqual({});
    expect(faultsOf(withPool({ workersPerCard: 8 }))).toEqual({
      'pools.demo.workersPerCard':
        'leaves each worker 1802 MiB of the memory of g4dn.xlarge; 2048 are the least',
    });
  });

  it.each(['pilotlight:latest', 'ghcr.io/us/pilotlight@sha256:short', ''])(
    'whose image "%s" is not named by a digest',
    (image) => {
      expect(faultsOf(withPool({ image }))['pools.demo.image']).toMatch(/by its digest/);
    },
  );

  it('with a model that there is none of', () => {
    expect(faultsOf(withPool({ models: ['sdxl'] }))).toEqual({
      'pools.demo.models.0': 'there is no model sdxl',
    });
  });

  it('with a model whose manifest names another pool', () => {
    expect(faultsOf(withPool({ models: ['fake'] }))).toEqual({
      'pools.demo.models.0': 'fake is of the pool fake, as its manifest says',
    });
  });

  it('with a model that is placed already', () => {
    expect(faultsOf(withPool({ models: ['pilotlight-shapes', 'pilotlight-shapes'] }))).toEqual({
      'pools.demo.models.1': 'pilotlight-shapes is at pools.demo.models.0 already',
    });
  });
});

describe('a plan is refused', () => {
  const limits = { weight: 2, open_jobs_max: 5 };
  const withPlan = (plan: object) => faultsOf({ ...good, plans: { studio: plan } });

  it('with a model that no pool serves', () => {
    expect(withPlan({ limits, models: ['pilotlight-shapes', 'z-image-turbo'] })).toEqual({
      'plans.studio.models.1': 'no pool serves a model z-image-turbo',
    });
  });

  it('with limits that contradict each other', () => {
    expect(withPlan({ limits: { ...limits, running_jobs_max: 9 } })).toEqual({
      'plans.studio.limits.running_jobs_max': 'must not be above open_jobs_max, which is 5',
    });
  });

  it('with an isolation that AWS does not have', () => {
    expect(withPlan({ limits: { ...limits, isolation: 'pool' } })).toEqual({
      'plans.studio.limits.isolation': 'pool is taken by a local stack only',
    });
  });
});

describe('a secret in a config', () => {
  it.each([
    ['key of this platform', `plk_abcdefgh_${'a1B2c3D4'.repeat(5)}xyz_000000`],
    ['AWS access key', `AKIA${'Q2'.repeat(8)}`],
    ['AWS secret key', 'aB3/'.repeat(10)],
    ['private key', `${'-----'}BEGIN PRIVATE KEY-----`],
    ['token of a forge', `hf_${'a1B2'.repeat(9)}`],
    ['signed token', 'eyJhbGciOi.eyJzdWIi.c2ln'],
    ['random digits', '0123456789abcdef'.repeat(4)],
    ['address with a password', 'https://user:word@login.example.com'],
  ])('that is %s is refused by its path, and never quoted', (_, secret) => {
    const faults = faultsOf({ ...good, oidc: { issuer: 'https://login.example.com', audience: secret } });

    expect(faults['oidc.audience']).toMatch(/secrets do not belong in a config/);
    expect(JSON.stringify(faults)).not.toContain(secret);
  });

  it('is refused by the name of its field, whatever it looks like', () => {
    expect(faultsOf({ ...good, oidc: { issuer: 'https://a.example', clientSecret: 'x' } })).toMatchObject({
      'oidc.clientSecret': expect.stringMatching(/named like a secret/),
    });
  });

  it('is none where a key is named by its ARN', () => {
    const kms = 'arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555';

    expect(faultsOf({ ...good, kms })).toEqual({});
  });
});

describe('a budget', () => {
  it('needs somebody to tell', () => {
    expect(faultsOf({ ...good, budget: { usdPerMonth: 10 } })).toEqual({
      alarms: 'is required beside budget: it says who is told',
    });
  });
});
