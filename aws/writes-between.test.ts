/**
 * Writes that another process makes between a read and the write that follows from it: the conditions of the second are
 * all that tells. The conformance suite meets such moments only by chance.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAdmission } from '#core/admission/gate.ts';
import type { CachedResult } from '#core/cache/cached-result.ts';
import { digest } from '#core/canonical.ts';
import { allPages } from '#core/contract/scene.ts';
import { webhookLimits } from '#core/limits.ts';
import {
  fullJob,
  sampleDelivery,
  sampleEndpoint,
  sampleJob,
  sampleNowMs,
  sampleTenant,
} from '#core/samples.ts';
import type { DeliveryRecord } from '#core/webhook/delivery.ts';
import { claimed, delivered, deliveriesOf } from '#core/webhook/delivery.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import type { AwsPorts } from './aws-ports.ts';
import { createAwsPorts } from './aws-ports.ts';
import type { Clients } from './clients.ts';
import { awsConfigSchema, createClients } from './clients.ts';
import { createDynamoDeliveries } from './dynamo-deliveries.ts';
import { createDynamoGates } from './dynamo-gates.ts';
import { createDynamoResults } from './dynamo-results.ts';
import { createDynamoStreams } from './dynamo-streams.ts';
import { turnKey } from './keys.ts';

let dataDir: string;
let emulators: Emulators;
let ports: AwsPorts;
let clients: Clients;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-between-'));
  emulators = await startEmulators({ dataDir, pools: [] });
  const quiet = () => undefined;
  ports = createAwsPorts(awsConfigSchema.parse(emulators.config), {
    log: { info: quiet, warn: quiet, error: quiet },
  });
  clients = createClients(emulators.config);
});

afterAll(async () => {
  ports.close();
  clients.close();
  await emulators.close();
  await rm(dataDir, { recursive: true });
});

/** The adapters' options, over a client that lets `meanwhile` happen before the first write that fits. */
function interrupted(fits: (command: UpdateCommand) => boolean, meanwhile: () => Promise<unknown>) {
  let isOver = false;
  const documents = {
    async send(command: UpdateCommand) {
      const isNow = !isOver && fits(command);
      if (isNow) {
        isOver = true;
        await meanwhile();
      }
      return clients.documents.send(command);
    },
    // Only `send` is ever called; anything else on it is undefined and fails loudly.
  } as unknown as DynamoDBDocumentClient;
  return { documents, table: emulators.config.table, clock: ports.clock, log: ports.log };
}

const isUpdate = (command: UpdateCommand) => command instanceof UpdateCommand;
const isDelete = (command: unknown) => command instanceof DeleteCommand;
const newTenantId = () => `tenant-${ports.ids.nonce()}`;

describe('a gate that is laid to rest', () => {
  it('stays listed for a reservation that came in between', async () => {
    const { tenantId } = sampleTenant({ tenantId: newTenantId() });
    await ports.tenants.create(sampleTenant({ tenantId }));
    const demand = { jobId: 'job', nonce: '0', line: 'l', tagCost: 1, images: 1, tokens: 1, gpuMs: 0 };
    const nowMs = ports.clock.nowMs();
    const limits = { weight: 1, open_jobs_max: 5 };
    const ask = planAdmission(limits, { ...demand, storesFiles: true, reservedUsdMicros: 1 }, nowMs);
    const between = interrupted(isUpdate, () => ports.gates.admit(tenantId, ask));

    await createDynamoGates(between).rest(tenantId, nowMs);

    expect(await allPages((cursor) => ports.gates.listOpen(cursor))).toContain(tenantId);
  });
});

describe('a turn of deliveries', () => {
  const at = (ms: number) => sampleNowMs + ms;
  const turnsBy = (nowMs: number) => allPages((cursor) => ports.deliveries.turns(nowMs, cursor));

  function deliveryAt(tenantId: string, ms: number): DeliveryRecord {
    const ended = { status: 'canceled', place: { kind: 'done' }, finishedAtMs: at(ms) } as const;
    const job = sampleJob({ tenantId, jobId: ports.ids.next('job'), ...ended });
    return deliveriesOf(job, [sampleEndpoint({ tenantId })])[0] ?? sampleDelivery();
  }

  /** Whose turn comes at `ms`, and who has nothing to send for half a minute. */
  async function earlyTurn(ms: number): Promise<string> {
    const tenantId = newTenantId();
    const delivery = deliveryAt(tenantId, ms);
    await ports.deliveries.put(delivery);
    await ports.deliveries.put({ ...claimed(delivery, at(ms)), nextAtMs: at(30_000) });
    return tenantId;
  }

  it('is not put off past a delivery that came in between', async () => {
    const tenantId = await earlyTurn(0);
    const between = interrupted(isUpdate, () => ports.deliveries.put(deliveryAt(tenantId, 5)));

    await createDynamoDeliveries(between).rest(tenantId, at(1));

    expect(await turnsBy(at(5))).toContain(tenantId);
  });

  it('comes for a delivery during whose put it was put off, by a look at an index that did not show it', async () => {
    const tenantId = await earlyTurn(0);
    const isCounting = ({ input }: UpdateCommand) => input.ConditionExpression?.includes(' <= ') ?? false;
    const putOff = new UpdateCommand({
      TableName: emulators.config.table,
      Key: { ...turnKey(tenantId) },
      UpdateExpression: 'SET tag = :tag',
      ExpressionAttributeValues: { ':tag': at(30_000) },
    });
    const between = interrupted(isCounting, () => clients.documents.send(putOff));

    await createDynamoDeliveries(between).put(deliveryAt(tenantId, 5));

    expect(await turnsBy(at(5))).toContain(tenantId);
  });

  it('is not forgotten with a delivery that came in between', async () => {
    const tenantId = newTenantId();
    const first = deliveryAt(tenantId, 0);
    await ports.deliveries.put(first);
    await ports.deliveries.put(delivered(first, { atMs: at(1), durationMs: 1, status: 200, error: null }));
    const between = interrupted(isDelete, () => ports.deliveries.put(deliveryAt(tenantId, 5)));

    await createDynamoDeliveries(between).rest(tenantId, ports.clock.nowMs() + webhookLimits.turnKeptMs + 1);

    expect(await turnsBy(Number.MAX_SAFE_INTEGER)).toContain(tenantId);
  });
});

describe('a kept result', () => {
  it('is spared where it was used in between', async () => {
    const { outputs, receipt } = fullJob();
    if (receipt === null) throw new Error('a full job has a receipt');
    const tenantId = newTenantId();
    const nowMs = sampleNowMs;
    const entryAt = (name: string, storedAtMs: number): CachedResult => {
      const times = { storedAtMs, expiresAtMs: nowMs + 60_000, filesUntilMs: nowMs + 90_000 };
      return { tenantId, key: digest(name), jobId: ports.ids.next('job'), outputs, receipt, ...times };
    };
    const how = { entriesMax: 1, nowMs };
    await ports.results.put(entryAt('old', nowMs), how);
    const between = interrupted(isDelete, () => ports.results.touch(tenantId, digest('old'), nowMs + 10));

    await createDynamoResults(between).put(entryAt('new', nowMs + 5), how);

    expect(await ports.results.get(tenantId, digest('old'), nowMs)).not.toBeNull();
  });
});

describe('the place of a stream', () => {
  it('stays taken where it was taken anew in between', async () => {
    const tenantId = newTenantId();
    const nowMs = sampleNowMs;
    const place = { max: 1, nowMs: nowMs + 10, untilMs: nowMs + 60_000 };
    await ports.streams.open(tenantId, 'first', { ...place, nowMs, untilMs: nowMs + 10 });
    const isClearing = ({ input }: UpdateCommand) => input.UpdateExpression?.startsWith('REMOVE') ?? false;
    const between = interrupted(isClearing, () => ports.streams.open(tenantId, 'first', place));

    expect(await createDynamoStreams(between).open(tenantId, 'second', place)).toBe('full');
  });
});
