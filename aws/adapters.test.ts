/** What the conformance suite cannot reach: answers that only AWS gives, and stored things that are not ours. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { BatchGetCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAdmission } from '#core/admission/gate.ts';
import type { JobRecord } from '#core/job/job.ts';
import { keptUntilMs } from '#core/job/job.ts';
import { cancelWaiting } from '#core/job/transitions.ts';
import { jobLimits } from '#core/limits.ts';
import type { LogFields } from '#core/ports/process.ts';
import { sampleJob, sampleTenant } from '#core/samples.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import type { AwsPorts } from './aws-ports.ts';
import { createAwsPorts } from './aws-ports.ts';
import type { Clients } from './clients.ts';
import { awsConfigSchema, createClients } from './clients.ts';
import { createDynamoGates } from './dynamo-gates.ts';
import { createDynamoTenants } from './dynamo-tenants.ts';
import { batchGet } from './items.ts';
import { createJsonLog } from './json-log.ts';
import { jobKey, tenantKey } from './keys.ts';
import { systemClock } from './system-clock.ts';

const minuteMs = 60_000;
const limits = { weight: 1, open_jobs_max: 500, requests_per_minute: 5 };

let dataDir: string;
let emulators: Emulators;
let ports: AwsPorts;
let clients: Clients;
const logged: [string, LogFields | undefined][] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-adapters-'));
  emulators = await startEmulators({ dataDir, pools: ['pool-a'] });
  const note = (event: string, fields?: LogFields) => logged.push([event, fields]);
  ports = createAwsPorts(awsConfigSchema.parse(emulators.config), {
    log: { info: note, warn: note, error: note },
  });
  clients = createClients(emulators.config);
});

afterAll(async () => {
  ports.close();
  clients.close();
  await emulators.close();
  await rm(dataDir, { recursive: true });
});

describe('tickets', () => {
  it('deletes and logs a message that is no ticket, and delivers the others', async () => {
    await clients.queues.send(
      new SendMessageBatchCommand({
        QueueUrl: emulators.config.queueUrls['pool-a'],
        Entries: ['nonsense', '{"jobId":7}'].map((MessageBody, index) => ({ Id: `${index}`, MessageBody })),
      }),
    );
    await ports.tickets.send({ pool: 'pool-a', tenantId: 'acme', jobId: 'job-1' });

    const held = await ports.tickets.receive('pool-a', 10, 0);

    expect(held.map(({ jobId }) => jobId)).toEqual(['job-1']);
    expect(logged.filter(([event]) => event === 'ticket_unreadable')).toHaveLength(2);
    expect(await ports.tickets.depth('pool-a')).toEqual({ visible: 0, hidden: 1 });
  });
});

describe('the time to live of a job', () => {
  const retentionMs = 2 * 86_400_000;
  const nowMs = 1_900_000_000_001;

  async function ttlOf({ tenantId, jobId }: JobRecord): Promise<unknown> {
    const Key = { ...jobKey(tenantId, jobId) };
    const command = new GetCommand({ TableName: emulators.config.table, Key, ConsistentRead: true });
    return (await clients.documents.send(command)).Item?.ttl;
  }

  it('starts long after its end may be, and becomes its retention when it ends', async () => {
    const job = sampleJob({ tenantId: `tenant-${ports.ids.nonce()}`, retentionMs });
    await ports.jobs.create(job);

    const before = await ttlOf(job);
    const { guard, patch } = cancelWaiting(job, nowMs);
    await ports.jobs.apply(job.tenantId, job.jobId, guard, patch);

    expect(before).toBe((job.startByMs + jobLimits.keptMs) / 1000);
    expect(await ttlOf(job)).toBe((keptUntilMs({ finishedAtMs: nowMs, retentionMs }) ?? 0) / 1000);
  });

  it('is the default for a job from before its retention was noted', async () => {
    const job = sampleJob({ tenantId: `tenant-${ports.ids.nonce()}` });
    await ports.jobs.create(job);
    await clients.documents.send(
      new UpdateCommand({
        TableName: emulators.config.table,
        Key: { ...jobKey(job.tenantId, job.jobId) },
        UpdateExpression: 'REMOVE retentionMs, retention_seconds, filesUntilMs',
      }),
    );

    const { guard, patch } = cancelWaiting(job, nowMs);
    const outcome = await ports.jobs.apply(job.tenantId, job.jobId, guard, patch);

    expect(outcome).toMatchObject({ kind: 'applied', job: { retentionMs: jobLimits.keptMs } });
    expect(await ttlOf(job)).toBe(Math.ceil((nowMs + jobLimits.keptMs) / 1000));
  });
});

describe('tenants', () => {
  async function created() {
    const tenant = sampleTenant({ tenantId: `tenant-${ports.ids.nonce()}` });
    await ports.tenants.create(tenant);
    return tenant;
  }

  /** Tenants over a connection that breaks at the commands that `breaksAt` names. */
  function breaking(breaksAt: (command: unknown) => boolean) {
    const documents = stub((command) => {
      if (breaksAt(command)) throw new Error('connection lost');
      // The commands are those of the real client: only the way to it is cut.
      return clients.documents.send(command as Parameters<typeof clients.documents.send>[0]);
    });
    return createDynamoTenants({ documents, table: emulators.config.table, clock: systemClock });
  }

  it('closes the gate before the record says so, and resuming mends what a crash left', async () => {
    const tenant = await created();
    const broken = breaking((command) => command instanceof PutCommand);

    await expect(broken.update({ ...tenant, status: 'suspended', version: 2 })).rejects.toThrow();

    expect(await ports.tenants.get(tenant.tenantId)).toEqual(tenant);
    expect(await ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'suspended' });
    await ports.tenants.update({ ...tenant, version: 2 });
    expect(await ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'active' });
  });

  it('opens the gate after the record says so, and the next update mends what a crash left', async () => {
    const tenant = await created();
    await ports.tenants.update({ ...tenant, status: 'suspended', version: 2 });
    const broken = breaking((command) => command instanceof UpdateCommand);

    await expect(broken.update({ ...tenant, version: 3 })).rejects.toThrow();

    expect(await ports.tenants.get(tenant.tenantId)).toMatchObject({ status: 'active', version: 3 });
    expect(await ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'suspended' });
    await ports.tenants.update({ ...tenant, version: 4 });
    expect(await ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'active' });
  });

  it('goes on with a tenant whose creation broke off', async () => {
    const tenant = sampleTenant({ tenantId: `tenant-${ports.ids.nonce()}` });
    let puts = 0;
    const broken = breaking((command) => {
      if (command instanceof PutCommand) puts += 1;
      return puts === 3;
    });
    await expect(broken.create(tenant)).rejects.toThrow();
    expect(await ports.tenants.get(tenant.tenantId)).toBeNull();

    expect(await ports.tenants.create(tenant)).toBe('created');
  });

  it('reads and changes a record that was written before versions were counted', async () => {
    const { models: _models, version: _version, ...old } = await created();
    const item = { ...tenantKey(old.tenantId), ...old };
    await clients.documents.send(new PutCommand({ TableName: emulators.config.table, Item: item }));

    const tenant = await ports.tenants.get(old.tenantId);
    expect(tenant).toMatchObject({ models: null, version: 0 });

    if (tenant === null) throw new Error('the tenant is gone');
    expect(await ports.tenants.update({ ...tenant, plan: 'vip', version: 1 })).toBe('updated');
    expect(await ports.tenants.update({ ...tenant, plan: 'pro', version: 1 })).toBe('conflict');
  });
});

describe('gates', () => {
  it('names the refusal from the old item that came with it, without a read', async () => {
    const ask = plan(ports.ids.next('job'));
    const old = { status: 'active', open: {}, ...Object.fromEntries(full(ask)), 'finish#pool-a': 9 };
    const documents = stub((command) => {
      if (!(command instanceof UpdateCommand)) throw new Error('nothing but the one update was expected');
      expect(command.input.ReturnValuesOnConditionCheckFailure).toBe('ALL_OLD');
      throw new ConditionalCheckFailedException({ message: '', $metadata: {}, Item: marshall(old) });
    });
    const gates = createDynamoGates({ documents, table: 't', clock: systemClock, log: ports.log });

    const outcome = await gates.admit('acme', ask);

    expect(outcome).toMatchObject({
      kind: 'refused',
      refusal: { limit: 'requests_per_minute', used: 5, max: 5 },
      gate: { finishTags: { 'pool-a': 9 } },
    });
  });

  it('stays small when it never rests: windows long past are dropped on the way', async () => {
    const tenantId = 'tenant-busy';
    await ports.tenants.create(sampleTenant({ tenantId }));
    const nowMs = ports.clock.nowMs();

    for (let minutes = 60; minutes >= 0; minutes -= 1) {
      await ports.gates.admit(tenantId, plan(ports.ids.next('job'), nowMs - minutes * minuteMs));
    }

    const gate = await ports.gates.read(tenantId);
    expect(Object.keys(gate?.counters ?? {}).length).toBeLessThan(30);
    expect(Object.keys(gate?.open ?? {})).toHaveLength(61);
  });

  it('stays small under a limit a second too, with less than one tidying write in ten admissions', async () => {
    const tenantId = 'tenant-steady';
    await ports.tenants.create(sampleTenant({ tenantId }));
    const nowMs = ports.clock.nowMs();
    const steady = { ...limits, requests_per_minute: 500, requests_per_second: 5 };
    let writes = 0;
    const documents = clients.documents;
    const counting = stub((command) => {
      if (command instanceof UpdateCommand) writes += 1;
      return documents.send(command as UpdateCommand);
    });
    const gates = createDynamoGates({
      documents: counting,
      table: emulators.config.table,
      clock: ports.clock,
      log: ports.log,
    });

    for (let seconds = 120; seconds > 0; seconds -= 1) {
      await gates.admit(tenantId, plan(ports.ids.next('job'), nowMs - seconds * 1000, steady));
    }

    const gate = await ports.gates.read(tenantId);
    expect(Object.keys(gate?.counters ?? {}).length).toBeLessThan(40);
    expect(Object.keys(gate?.open ?? {})).toHaveLength(120);
    expect(writes).toBeLessThanOrEqual(132);
  });
});

describe('jobs', () => {
  it('keeps any JSON as input: numbers and depths that the table has no type for', async () => {
    let deep: unknown = 'end';
    for (let depth = 0; depth < 100; depth += 1) deep = [deep];
    const input = sampleJob({
      input: JSON.parse(JSON.stringify({ n: 1e300, e: 5e-324, '': '', deep })),
    }).input;
    const job = sampleJob({ tenantId: 'acme', jobId: ports.ids.next('job'), input });

    await ports.jobs.create(job);

    expect(await ports.jobs.get('acme', job.jobId)).toEqual(job);
  });

  it('reads line entries of an index that was made before it held the cost of a tag and the place', async () => {
    const { tenantId, jobId, tag, ...job } = sampleJob({ tenantId: 'acme', pool: 'pool-old' });
    const { tagCost: _, place: __, ...old } = { ...job, fair_tag: tag, tag, line: 'pool-old#interactive' };
    const Item = { ...jobKey(tenantId, jobId), ...old };
    await clients.documents.send(new PutCommand({ TableName: emulators.config.table, Item }));

    expect(await ports.jobs.line('pool-old', 'interactive', 10)).toMatchObject([
      { jobId, tag, tagCost: job.predictedGpuMs * 1000, workerId: null },
    ]);
  });

  it('says that a stored record is broken by the path, never by the value', async () => {
    const key = jobKey('acme', ports.ids.next('job'));
    const Item = { ...key, input: '{}', model: 7, metadata: { secret: 'do not log' } };
    await clients.documents.send(new PutCommand({ TableName: emulators.config.table, Item }));

    const reading = ports.jobs.get('acme', key.sk.slice(2));

    await expect(reading).rejects.toThrow(/stored job does not fit its schema at .*model/);
    await expect(reading).rejects.not.toThrow(/do not log/);
  });

  it("refuses another tenant's cursor", async () => {
    for (const jobId of ['job-1', 'job-2']) await ports.jobs.create(sampleJob({ tenantId: 'mine', jobId }));
    const { cursor } = await ports.jobs.list('mine', { limit: 1 });
    if (cursor === null) throw new Error('two jobs are more than one page of one');

    await expect(ports.jobs.list('theirs', { limit: 1, cursor })).rejects.toMatchObject({
      code: 'invalid_request',
      options: { param: 'cursor' },
    });
  });
});

describe('reading many items', () => {
  const keys = ['a', 'b'].map((pk) => ({ pk, sk: 's' }));

  it('asks again for keys that the table left unread', async () => {
    const asked: number[] = [];
    const documents = stub((command) => {
      if (!(command instanceof BatchGetCommand)) throw new Error('only batch reads were expected');
      const [first, ...rest] = command.input.RequestItems?.t?.Keys ?? [];
      asked.push(rest.length + 1);
      return {
        Responses: { t: [first] },
        UnprocessedKeys: rest.length === 0 ? {} : { t: { Keys: rest } },
      };
    });

    expect(await batchGet(documents, 't', keys, hastyClock)).toEqual(keys);
    expect(asked).toEqual([2, 1]);
  });

  it('gives up as `unavailable` when the table reads nothing', async () => {
    const documents = stub(() => ({ UnprocessedKeys: { t: { Keys: keys } } }));

    await expect(batchGet(documents, 't', keys, hastyClock)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('blobs', () => {
  it('never reads outside the tenant, whatever the path', async () => {
    const { bucket } = emulators.config;
    const Key = 'tenants/theirs/a.png';
    await clients.blobs.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'secret' }));

    for (const path of ['../theirs/a.png', '/../theirs/a.png', './../theirs/a.png']) {
      await expect(ports.blobs.get('mine', path)).rejects.toMatchObject({ code: 'not_found' });
      await expect(ports.blobs.link('mine', path, 60)).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});

describe('the log', () => {
  it('writes one JSON line per event', () => {
    const lines: string[] = [];
    const log = createJsonLog({ nowMs: () => 0 }, { component: 'worker' }, (line) => lines.push(line));

    log.warn('ticket_unreadable', { pool: 'a\nb' });

    expect(lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"ticket_unreadable","component":"worker","pool":"a\\nb"}\n',
    ]);
  });
});

const hastyClock = { nowMs: () => 0, sleep: () => Promise.resolve() };

function plan(jobId: string, nowMs = ports.clock.nowMs(), bounds: PlanLimits = limits) {
  const demand = {
    jobId,
    nonce: 'nonce000',
    line: 'pool-a',
    tagCost: 1,
    images: 1,
    tokens: 1,
    storesFiles: true,
    gpuMs: 0,
    reservedUsdMicros: 1,
  };
  return planAdmission(bounds, demand, nowMs);
}

/** Every counter of the ask, filled to its limit. */
function full(ask: ReturnType<typeof plan>): [string, number][] {
  return ask.counters.map(({ name, max }) => [`count#${name}`, max]);
}

/** A document client that answers by `answer` alone. */
function stub(answer: (command: unknown) => unknown): DynamoDBDocumentClient {
  // Only `send` is ever called; anything else on it is undefined and fails loudly.
  return { send: async (command: unknown) => answer(command) } as unknown as DynamoDBDocumentClient;
}
