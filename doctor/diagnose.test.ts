/** The doctor against AWS's own protocols, through the SDK's own clients. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { captureIo } from '../cli/captured-io.ts';
import { main } from '../cli/main.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';
import { startCloud } from './cloud-under-test.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './finding.ts';

const ami = '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id';
const bootstrap = '/cdk-bootstrap/hnb659fds/version';
const onDemand = 'L-DB2E81BA';
const spot = 'L-3819A6DF';
const concurrency = 'L-B99A9384';
const digest = `sha256:${'1'.repeat(64)}`;
const registry = '111122223333.dkr.ecr.us-east-1.amazonaws.com';
/** As the deployment names what it built: by the hash of its source. */
const builtTag = 'a'.repeat(64);
const built = `${registry}/cdk-hnb659fds-container-assets-111122223333-us-east-1:${builtTag}`;

let cwd: string;
let configFile: string;
let written = 0;
let cloud: CloudUnderTest;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pilotlight-doctor-'));
  cloud = await startCloud();
  vi.stubEnv('AWS_ENDPOINT_URL', cloud.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  cloud.parameters.set(bootstrap, '30').set(ami, 'ami-1');
  cloud.quotas.set(onDemand, 8).set(concurrency, 1_000);
  cloud.zones = ['us-east-1c', 'us-east-1a', 'us-east-1b', 'us-east-1d'];
  cloud.offerings.set('g4dn.xlarge', ['us-east-1b', 'us-east-1d']);
  cloud.bucket = 'files';
  cloud.pools = ['demo'];
  cloud.services.set('demo', built);
  cloud.images.add(builtTag);
  await useConfig({ instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 2 });
});

afterEach(async () => {
  cloud.close();
  vi.unstubAllEnvs();
  await rm(cwd, { recursive: true });
});

async function useConfig(pool: object, name = 'demo', more: object = {}): Promise<void> {
  const config = { region: 'us-east-1', pools: { [name]: pool }, ...more };
  // A module is read once: each config is a file of its own.
  written += 1;
  configFile = `pilotlight-${written}.config.mjs`;
  await writeFile(join(cwd, configFile), `export const config = ${JSON.stringify(config)};`);
}

const look = (nowMs = Date.now) => diagnose({ configFile, cwd, nowMs });

async function found(check: Finding['check'], subject?: string): Promise<Finding | undefined> {
  return (await look()).find((each) => each.check === check && (subject ?? each.subject) === each.subject);
}

describe('of an account that has everything', () => {
  it('the doctor finds nothing to do', async () => {
    const findings = await look();

    expect(findings.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'account ok',
      'clock ok',
      'bootstrap ok',
      'quota ok',
      'quota ok',
      'ami ok',
      'zones ok',
      'image ok',
      'weights ok',
    ]);
    expect(findings.filter(({ todo }) => todo !== null)).toEqual([]);
  });
});

describe('the doctor', () => {
  it('refuses the credentials of another account than the config names', async () => {
    await useConfig({ instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 2 }, 'demo', {
      account: '999988887777',
    });

    expect(await found('account')).toMatchObject({
      status: 'wrong',
      todo: expect.stringContaining('999988887777'),
    });
  });

  it.each([
    [20_000, 'ok', null],
    [120_000, 'wrong', 'from 300 s on AWS refuses'],
    [-900_000, 'wrong', 'AWS refuses what it signs'],
  ] as const)(
    'compares the clock of this machine with that of AWS: %d ms ahead',
    async (aheadMs, status, todo) => {
      cloud.aheadMs = aheadMs;

      const finding = await found('clock');

      expect(finding?.status).toBe(status);
      if (todo !== null) expect(finding?.todo).toContain(todo);
    },
  );

  it.each([null, '5'])('says how to bootstrap a region whose bootstrap is %s', async (version) => {
    if (version === null) cloud.parameters.delete(bootstrap);
    else cloud.parameters.set(bootstrap, version);

    expect(await found('bootstrap')).toMatchObject({
      status: 'wrong',
      todo: 'Run: npx cdk bootstrap aws://ACCOUNT/us-east-1',
    });
  });

  it('says what a quota lets start, and the command that asks for more', async () => {
    cloud.quotas.set(onDemand, 4);
    const little = await found('quota', 'Running On-Demand G and VT instances');
    cloud.quotas.delete(onDemand);
    cloud.defaultQuotas.set(onDemand, 0);
    const none = await found('quota', 'Running On-Demand G and VT instances');

    expect(little).toMatchObject({ status: 'wrong', found: '4 vCPUs, 8 at most are asked for' });
    expect(little?.todo).toMatch(/^It starts, and ends below `workersMax`\./);
    expect(little?.todo).toContain('--quota-code L-DB2E81BA --desired-value 8');
    expect(none?.todo).toMatch(/^Nothing of it starts\./);
  });

  it('looks at the quota of Spot where a pool has any, and at that of Lambda always', async () => {
    cloud.quotas.set(concurrency, 10).set(spot, 0);
    await useConfig({
      instanceType: 'g4dn.xlarge',
      models: ['pilotlight-shapes'],
      workersMax: 2,
      spotPercent: 50,
    });

    expect(await found('quota', 'All G and VT Spot Instance Requests')).toMatchObject({ status: 'wrong' });
    expect(await found('quota', 'Lambda concurrent executions')).toMatchObject({
      status: 'wrong',
      found: '10 at once, 102 at most are asked for',
    });
  });

  it('tells a type that the region lacks from one that is in zones without a subnet', async () => {
    cloud.offerings.set('g4dn.xlarge', ['us-east-1d']);
    const elsewhere = await found('zones');
    cloud.offerings.delete('g4dn.xlarge');
    const nowhere = await found('zones');

    expect(elsewhere).toMatchObject({
      status: 'wrong',
      todo: expect.stringContaining('in us-east-1d alone'),
    });
    expect(nowhere).toMatchObject({ status: 'wrong', todo: expect.stringContaining('another `region`') });
  });

  it('says so where ECS has no GPU image', async () => {
    cloud.parameters.delete(ami);

    expect(await found('ami')).toMatchObject({ status: 'wrong' });
  });

  it('follows the image that the deployment built from the deployed task into ECR', async () => {
    const there = await found('image');
    cloud.images.delete(builtTag);
    const gone = await found('image');
    cloud.services.delete('demo');
    const noService = await found('image');

    expect(there).toMatchObject({ status: 'ok', found: built });
    expect(gone).toMatchObject({ status: 'wrong', found: `there is no ${built}` });
    expect(gone?.todo).toContain('npx cdk deploy --all');
    expect(noService).toMatchObject({ status: 'wrong', found: 'there is no service demo' });
  });

  it.each([
    [
      'there is a deployment',
      () => {
        cloud.bucket = null;
      },
    ],
    [
      'the pool is in it',
      () => {
        cloud.pools = [];
      },
    ],
  ])('can see no image that is to be built before %s', async (_, undo) => {
    undo();

    expect(await found('image')).toMatchObject({ status: 'later', todo: expect.stringContaining('Docker') });
  });

  it('looks for the image that is deployed, and for the one that the config names now', async () => {
    const named = `${registry}/worker@${digest}`;
    const pool = { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 1, image: named };
    await useConfig(pool);
    const images = async () => (await look()).filter(({ check }) => check === 'image');
    const before = await images();
    cloud.services.set('demo', named);
    cloud.images.add(digest);

    expect(before.map(({ status, found }) => `${status} ${found}`)).toEqual([
      `ok ${built}`,
      `wrong there is no ${named}`,
    ]);
    expect((await images()).map(({ status, found }) => `${status} ${found}`)).toEqual([`ok ${named}`]);
  });

  it('looks for the image that a pool names, and cannot for one that is in another registry', async () => {
    cloud.bucket = null;
    const own = `${registry}/worker@${digest}`;
    const pool = { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 1 };
    await useConfig({ ...pool, image: own });
    const missing = await found('image');
    cloud.images.add(digest);
    const there = await found('image');
    await useConfig({ ...pool, image: `public.ecr.aws/pilotlight/worker@${digest}` });

    expect(missing).toMatchObject({ status: 'wrong', todo: expect.stringContaining('Push it') });
    expect(there).toMatchObject({ status: 'ok' });
    expect(await found('image')).toMatchObject({ status: 'unknown' });
  });

  it('follows weights into the bucket: before the first deployment, without a list, with a file cut short, and whole', async () => {
    const pool = { instanceType: 'g6e.xlarge', models: ['z-image-turbo'], workersMax: 1 };
    await useConfig(pool, 'z-image');
    const folder = 'models/z-image-turbo';
    cloud.bucket = null;
    const before = await found('weights');
    cloud.bucket = 'files';
    const none = await found('weights');
    const revision = /\/z-image-turbo\/([^/]+)\//.exec(none?.found ?? '')?.[1];
    const list = { files: { 'weights/a.safetensors': { sha256: 'a'.repeat(64), bytes: 3 } } };
    cloud.objects.set(`${folder}/${revision}/weights.json`, Buffer.from(JSON.stringify(list)));
    cloud.objects.set(`${folder}/${revision}/weights/a.safetensors`, new Uint8Array(2));
    const short = await found('weights');
    cloud.objects.set(`${folder}/${revision}/weights/a.safetensors`, new Uint8Array(3));

    expect(before).toMatchObject({
      status: 'later',
      todo: expect.stringContaining('After the first deployment.'),
    });
    expect(none).toMatchObject({ status: 'wrong', todo: expect.stringContaining('aws s3 sync') });
    expect(short).toMatchObject({ status: 'wrong', found: expect.stringContaining('weights/a.safetensors') });
    expect(await found('weights')).toMatchObject({
      status: 'ok',
      found: expect.stringContaining('1 files in s3://files/'),
    });
  });

  it('goes on where it may not look, and says what it lacks', async () => {
    cloud.denied.add('GetServiceQuota').add('DescribeAvailabilityZones');

    const findings = await look();

    const unknown = findings.filter(({ status }) => status === 'unknown');
    expect(unknown.map(({ check }) => check)).toEqual(['quota', 'zones']);
    for (const { todo } of unknown) expect(todo).toContain('ReadOnlyAccess');
    expect(findings.filter(({ status }) => status === 'ok')).toHaveLength(6);
  });
});

describe('pilotlight doctor', () => {
  async function run(...args: readonly string[]) {
    const io = captureIo({ cwd });
    const code = await main(['doctor', '--config', configFile, ...args], io);
    return { code, out: io.stdout(), err: io.stderr() };
  }

  it('ends with 0 where there is nothing to do, and tells all of it to programs', async () => {
    const { code, out } = await run('--json');

    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ object: 'diagnosis', healthy: true });
    expect(JSON.parse(out).findings).toHaveLength(9);
  });

  it('ends with 1 where something is wrong, with a line that says what to do', async () => {
    cloud.parameters.delete(bootstrap);

    const { code, out } = await run();

    expect(code).toBe(1);
    expect(out).toContain('WRONG');
    expect(out).toContain('- bootstrap us-east-1: Run: npx cdk bootstrap aws://ACCOUNT/us-east-1');
  });

  it('ends with 2 and every fault of the config, before it asks AWS for anything', async () => {
    await useConfig({ instanceType: 'p9.huge', models: ['none'], workersMax: 0 });

    const { code, err } = await run();

    expect(code).toBe(2);
    expect(err).toContain('pools.demo.instanceType');
    expect(err).toContain('pools.demo.workersMax');
  });

  it('shows in its help how to look at another config', async () => {
    const { code, out } = await run('--help');

    expect(code).toBe(0);
    expect(out).toContain('pilotlight doctor --config cdk/examples/agency.ts');
  });
});
