/**
 * The templates as they are, deployed by `cdk` to an emulator: API Gateway, functions, queues, tables and the scaler between one
 * HTTP call and a picture. One deployment lives through this file, from first to last. What is no part of it, and what an
 * emulator cannot show, stands in docs/emulator.md.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ECSClient, ListClustersCommand } from '@aws-sdk/client-ecs';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DescribeParametersCommand, GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropsOf } from '#aws/drops-under-test.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { dropInKey } from '#aws/keys.ts';
import { systemClock } from '#aws/system-clock.ts';
import { assumeBySts } from '#aws/tenant-sessions.ts';
import { createDeployer, type Deployer, type Deployment } from './deployment.ts';
import type { Emulator } from './emulator.ts';
import { emulatedCredentials, emulatedRegion, startEmulator } from './emulator.ts';
import { pythonWithMinistack } from './python-with-ministack.ts';
import { startTasks, type Tasks } from './tasks.ts';

interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const { python, reason } = pythonWithMinistack();
const execute = promisify(execFile);
const root = dirname(dirname(import.meta.dirname));
/** A deployment takes a quarter of a minute; on a machine that is busy with other things, much more. */
const deployWithinMs = 10 * 60_000;
const jobWithinMs = 3 * 60_000;
const pngSignature = [0x89, 0x50, 0x4e, 0x47];

describe.skipIf(python === null)(`the deployed product on an emulator (${reason})`, () => {
  let folder: string;
  let emulator: Emulator;
  let deployer: Deployer;
  let deployment: Deployment;
  let tasks: Tasks;
  let tenantKey: string;
  let jobId: string;
  const said: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pilotlight-emulator-'));
    emulator = await startEmulator({ python: python ?? '', folder });
    deployer = await createDeployer(emulator, folder);
    deployment = await deployer.deploy('emulated.config.ts');
    const write = (text: string) => void said.push(text);
    tasks = startTasks(emulator, createJsonLog(systemClock, {}, write), write);
  }, deployWithinMs);

  afterAll(async () => {
    await tasks?.stop();
    await emulator?.close();
    await rm(folder, { recursive: true, force: true });
  }, deployWithinMs);

  async function call(key: string, route: string, body?: unknown) {
    const [method, path] = route.split(' ');
    const answer = await fetch(`${deployment.url}${path}`, {
      method: method ?? '',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: an answer is JSON of whatever shape its route has.
    return { status: answer.status, headers: answer.headers, json: (await answer.json()) as any };
  }

  async function endOf(id: string) {
    const giveUpAtMs = performance.now() + jobWithinMs;
    for (;;) {
      const { json } = await call(tenantKey, `GET /v1/jobs/${id}`);
      if (!['queued', 'running'].includes(json.status)) return json;
      if (performance.now() > giveUpAtMs) throw new Error(`${json.status}: ${said.join('').slice(-2_000)}`);
      await sleep(500);
    }
  }

  function workerCredentials(): AwsCredentials {
    const given = tasks.variables('demo');
    return {
      accessKeyId: given?.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: given?.AWS_SECRET_ACCESS_KEY ?? '',
      sessionToken: given?.AWS_SESSION_TOKEN ?? '',
    };
  }

  /** Tries until it does not throw. */
  async function eventually<T>(act: () => Promise<T>): Promise<T> {
    const giveUpAtMs = performance.now() + jobWithinMs;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (performance.now() > giveUpAtMs) throw error;
      }
      await sleep(500);
    }
  }

  /** Of the picture. Followed without the key: on AWS the two are different hosts, and the key stays at the first. */
  async function linkAt(path: string): Promise<string> {
    const headers = { authorization: `Bearer ${tenantKey}` };
    const answer = await fetch(`${deployment.url}${path}`, { headers, redirect: 'manual' });
    return answer.headers.get('location') ?? '';
  }

  /** What a command that looks at the account says, as JSON, however it ends. */
  async function look(...words: string[]) {
    const config = 'infra-tests/emulator/emulated.config.ts';
    const command = ['cli/pilotlight.mjs', ...words, '--config', config, '--json'];
    const env = { ...emulator.env, PATH: process.env.PATH };
    const { stdout } = await execute(process.execPath, command, { cwd: root, env }).catch((error) => error);
    return JSON.parse(stdout);
  }

  /** The status of each check. What an emulator does not have is unknown. */
  async function diagnosis(): Promise<Record<string, string>> {
    const { findings } = await look('doctor');
    return Object.fromEntries(
      findings.map(({ check, subject, status }: Record<string, string>) => [`${check} ${subject}`, status]),
    );
  }

  it('answers through API Gateway, and finds its table and queue', async () => {
    const { status, json } = await call('', 'GET /health');

    expect(status).toBe(200);
    expect(json.dependencies).toEqual({ table: 'ok', queue: 'ok' });
  });

  it('is healthy as far as the doctor can see an emulator', { timeout: jobWithinMs }, async () => {
    // On a machine with other work the emulator may answer later than the doctor waits: then it looks again.
    await expect.poll(diagnosis, { timeout: jobWithinMs - 60_000, interval: 1_000 }).toMatchObject({
      'account us-east-1': 'ok',
      'clock this machine': 'ok',
      'bootstrap us-east-1': 'ok',
      'ami us-east-1': 'ok',
      'weights pilotlight-shapes': 'ok',
    });
  });

  it('lets nobody in by a wrong key', async () => {
    expect((await call('wrong', 'GET /v1/jobs')).status).toBe(401);
  });

  it("makes a tenant with the operator's key that the deployment stored", async () => {
    const { status, json } = await call(deployment.operatorKey, 'POST /admin/v1/tenants', {
      id: 'acme',
      plan: 'pro',
    });

    expect(status).toBe(201);
    tenantKey = json.key.secret;
  });

  it('takes a job while no worker runs', async () => {
    expect(tasks.workerIds()).toEqual([]);

    const { status, headers, json } = await call(tenantKey, 'POST /v1/jobs', {
      model: 'pilotlight-shapes',
      input: { prompt: 'a red ring above a blue square', seed: 1 },
    });

    expect(status).toBe(202);
    expect(json.status).toBe('queued');
    jobId = json.id;
    expect(headers.get('location')).toBe(`/v1/jobs/${jobId}`);
  });

  it(
    'has its scaler ask ECS for a worker, and the worker of that task draw the picture, each by its own role',
    async () => {
      const job = await endOf(jobId);

      expect(job).toMatchObject({ status: 'succeeded', error: null });
      expect(tasks.workerIds()).toHaveLength(1);
      const link = await linkAt(job.output[0].url);
      const picture = await fetch(link);
      expect(picture.headers.get('content-type')).toBe('image/png');
      expect([...(await picture.bytes()).slice(0, 4)]).toEqual(pngSignature);
      expect((await fetch(link.replace(/(?<=X-Amz-Expires=)\d+/, '$&0'))).status).toBe(403);
    },
    jobWithinMs * 2,
  );

  it('tells by `jobs logs` what its functions wrote of the job', { timeout: jobWithinMs }, async () => {
    const { data } = await eventually(async () => {
      const answer = await look('jobs', 'logs', jobId);
      if (answer.data.length === 0) throw new Error('no line has come yet');
      return answer;
    });

    const accepted = data.find(
      ({ fields }: { fields: { event?: string } }) => fields?.event === 'job.accepted',
    );
    expect(accepted).toMatchObject({ source: expect.stringContaining('pilotlight-api'), fields: { jobId } });
  });

  it('has the function that streams tell how the job ended, to whoever follows it', async () => {
    const answer = await fetch(`${deployment.url}/v1/jobs/${jobId}/events`, {
      headers: { authorization: `Bearer ${tenantKey}` },
    });

    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = (await answer.text()).matchAll(/^event: (\w+)$/gm);
    const names = [...events].map(([, event]) => event);
    expect(names[0]).toBe('state');
    expect(names.slice(-2)).toEqual(['output', 'done']);
  });

  it(
    'makes a batch of a file that is dropped in the bucket, and leaves its results beside it',
    async () => {
      const { endpoint } = emulator;
      const settings = { endpoint, region: emulatedRegion, credentials: emulatedCredentials };
      const { drop, collect } = dropsOf(
        new S3Client({ ...settings, forcePathStyle: true }),
        deployment.bucket,
      );
      const body = { model: 'pilotlight-shapes', input: { prompt: 'a blue square' } };
      const line = { custom_id: 'one', method: 'POST', url: '/v1/jobs', body };

      await drop('acme', 'nightly/a b.jsonl', Buffer.from(`${JSON.stringify(line)}\nno line\n`));

      const status = await eventually(() => collect('acme', 'nightly/a b.status.json'));
      expect(JSON.parse(Buffer.from(status).toString())).toMatchObject({
        status: 'completed',
        batch: { request_counts: { total: 2, completed: 1, failed: 1 } },
      });
      const output = Buffer.from(await collect('acme', 'nightly/a b.output.jsonl')).toString();
      expect(JSON.parse(output)).toMatchObject({ custom_id: 'one', response: { status_code: 200 } });
    },
    jobWithinMs * 2,
  );

  it('lets a worker reach the files of a tenant by a session of that tenant alone', async () => {
    const settings = { endpoint: emulator.endpoint, region: emulatedRegion };
    const asWorker = new STSClient({ ...settings, credentials: workerCredentials() });
    const assume = assumeBySts(asWorker, tasks.variables('demo')?.PILOTLIGHT_TENANT_ROLE ?? '');
    const readAs = async (credentials: AwsCredentials) => {
      const blobs = new S3Client({ ...settings, credentials, forcePathStyle: true });
      const Key = dropInKey('acme', 'nightly/a b.jsonl');
      return (await blobs.send(new GetObjectCommand({ Bucket: deployment.bucket, Key }))).ContentLength;
    };

    expect(await readAs(await assume('acme'))).toBeGreaterThan(0);
    await expect(readAs(await assume('other'))).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(readAs(workerCredentials())).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('lets a worker read no secret, as its role does not say that it may', async () => {
    const asWorker = new SSMClient({
      endpoint: emulator.endpoint,
      region: emulatedRegion,
      credentials: workerCredentials(),
    });

    const read = asWorker.send(new GetParameterCommand({ Name: '/pilotlight/operator-key' }));

    await expect(read).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it(
    'keeps tenants, keys and jobs when it is deployed again, changed',
    async () => {
      await deployer.deploy('changed.config.ts');

      const { json: job } = await call(tenantKey, `GET /v1/jobs/${jobId}`);
      expect(job.status).toBe('succeeded');
      const { json: plans } = await call(deployment.operatorKey, 'GET /admin/v1/plans');
      expect(plans.data.map(({ name }: { name: string }) => name)).toContain('studio');
    },
    deployWithinMs,
  );

  it(
    'leaves nothing of its stacks behind when it is destroyed',
    async () => {
      await tasks.stop();

      await deployer.destroy();

      expect(await whatIsLeft(emulator)).toEqual({
        tables: [],
        queues: [],
        functions: [],
        clusters: [],
        secrets: [],
        buckets: [expect.stringMatching(/^cdk-/)],
      });
    },
    deployWithinMs,
  );
});

async function whatIsLeft({ endpoint }: Emulator) {
  const settings = { endpoint, region: emulatedRegion, credentials: emulatedCredentials };
  const { TableNames } = await new DynamoDBClient(settings).send(new ListTablesCommand({}));
  const { QueueUrls = [] } = await new SQSClient(settings).send(new ListQueuesCommand({}));
  const { Functions = [] } = await new LambdaClient(settings).send(new ListFunctionsCommand({}));
  const { clusterArns } = await new ECSClient(settings).send(new ListClustersCommand({}));
  const ssm = new SSMClient(settings);
  const { Parameters = [] } = await ssm.send(new DescribeParametersCommand({}));
  const { Buckets = [] } = await new S3Client(settings).send(new ListBucketsCommand({}));
  return {
    tables: TableNames,
    queues: QueueUrls,
    functions: Functions.map(({ FunctionName }) => FunctionName),
    clusters: clusterArns,
    secrets: Parameters.flatMap(({ Name = '' }) => (Name.startsWith('/pilotlight/') ? [Name] : [])),
    buckets: Buckets.map(({ Name }) => Name),
  };
}
