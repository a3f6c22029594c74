/** What `storage_gb_max` and traces cost in writes, and clocks that disagree: beyond the conformance suite, over the real adapter. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAdmission } from '#core/admission/gate.ts';
import { keptBytes } from '#core/admission/stored-bytes.ts';
import { gateLimits } from '#core/limits.ts';
import type { Gates } from '#core/ports/gates.ts';
import { sampleDemand, sampleTenant } from '#core/samples.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import type { AwsPorts } from './aws-ports.ts';
import { createAwsPorts } from './aws-ports.ts';
import type { Clients } from './clients.ts';
import { createClients } from './clients.ts';
import { createDynamoGates } from './dynamo-gates.ts';
import { tracesOfItem } from './gate-traces.ts';
import { gateKey } from './keys.ts';

const dayMs = 86_400_000;
const limits = { weight: 1, open_jobs_max: 500, storage_gb_max: 0.000_001 };
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** 2030-03-17, noon. */
const noonMs = Date.UTC(2030, 2, 17, 12);
const today = Math.floor(noonMs / dayMs);

let dataDir: string;
let emulators: Emulators;
let ports: AwsPorts;
let clients: Clients;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-storage-'));
  emulators = await startEmulators({ dataDir, pools: [] });
  ports = createAwsPorts(emulators.config, { log: silent });
  clients = createClients(emulators.config);
});

afterAll(async () => {
  ports.close();
  clients.close();
  await emulators.close();
  await rm(dataDir, { recursive: true });
});

describe('writes for storage_gb_max', () => {
  it('are none beside the one of an admission, and two more when what has gone is first found gone', async () => {
    const tenant = await createTenant();

    const empty = await tenant.admit();
    await tenant.store(today + 1, 999);
    const below = await tenant.admit();
    await tenant.store(today + 3, 1);
    const atLimit = await tenant.admit();
    tenant.at(noonMs + dayMs);
    const afterMidnight = await tenant.admit();
    const next = await tenant.admit();

    expect([empty, below]).toEqual([
      { kind: 'admitted', writes: 1 },
      { kind: 'admitted', writes: 1 },
    ]);
    expect(atLimit).toEqual({ kind: 'refused', writes: 1 });
    expect(afterMidnight).toEqual({ kind: 'admitted', writes: 3 });
    expect(next).toEqual({ kind: 'admitted', writes: 1 });
  });

  it('lose no bytes of jobs that end while what has gone is taken off', async () => {
    const tenant = await createTenant();
    await tenant.store(today + 1, 5_000);
    tenant.at(noonMs + dayMs);

    const [admitted] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => tenant.admit())),
      Promise.all(Array.from({ length: 16 }, () => tenant.store(today + 9, 60))),
    ]);
    await tenant.store(today + 9, 40);

    expect(admitted.map(({ kind }) => kind)).toEqual(admitted.map(() => 'admitted'));
    expect(await tenant.stored()).toMatchObject({ [today + 9]: 1_000 });
    expect((await tenant.admit()).kind).toBe('refused');
  });

  it('forget buckets on the way where a gate never rests, with one write in eight days', async () => {
    const tenant = await createTenant();
    let writes = 0;

    for (let day = 0; day < 40; day += 1) {
      tenant.at(noonMs + day * dayMs);
      await tenant.store(today + day + 1, 10);
      writes += (await tenant.admit()).writes;
    }

    expect(Object.keys(await tenant.stored()).length).toBeLessThan(18);
    expect(writes).toBeLessThanOrEqual(40 + 40 / 8);
  });
});

describe('traces of what was released', () => {
  it('are dropped by one write in fifty once no copy comes any more, where a gate never rests', async () => {
    const tenant = await createTenant();
    for (let count = 0; count < 60; count += 1) await tenant.store(today + 3, 1);
    const before = await tenant.traces();

    tenant.at(noonMs + gateLimits.traceKeptMs);
    const first = await tenant.admit();
    const second = await tenant.admit();

    expect([before, await tenant.traces()]).toEqual([60, 0]);
    expect([first.writes, second.writes]).toEqual([2, 1]);
  });
});

describe('clocks that disagree', () => {
  it('by a moment around midnight do not make each other recount', async () => {
    const tenant = await createTenant();
    await tenant.store(today + 1, 1_000);
    const midnightMs = (today + 1) * dayMs;
    tenant.at(midnightMs + 1_000);
    await tenant.admit();

    const results = [];
    for (const skewMs of [-500, 500, -500, 500]) {
      tenant.at(midnightMs + skewMs);
      results.push(await tenant.admit());
    }

    expect(results).toEqual(results.map(() => ({ kind: 'admitted', writes: 1 })));
  });

  it('by a month let one admit that is ahead, and nobody else', async () => {
    const tenant = await createTenant();
    await tenant.store(today + 5, 1_000);
    tenant.at(noonMs + 10 * dayMs);
    const ahead = await tenant.admit();
    tenant.at(noonMs);

    const back = await tenant.admit();

    expect(ahead.kind).toBe('admitted');
    expect(back.kind).toBe('refused');
  });
});

describe('over any history of days that pass', () => {
  const anyMove = fc.oneof(
    fc.record({
      kind: fc.constant('store' as const),
      days: fc.integer({ min: -2, max: 4 }),
      bytes: fc.nat(600),
    }),
    fc.record({ kind: fc.constant('admit' as const) }),
    fc.record({ kind: fc.constant('pass' as const), days: fc.integer({ min: 0, max: 3 }) }),
  );

  it('admits while the sum of what has not gone is below the limit, and refuses at it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyMove, { maxLength: 25 }), async (moves) => {
        const tenant = await createTenant();
        const results: { day: number; bytes: number }[] = [];
        let nowMs = noonMs;
        for (const move of moves) {
          const day = Math.floor(nowMs / dayMs);
          if (move.kind === 'pass') nowMs += move.days * dayMs;
          else if (move.kind === 'store' && move.bytes > 0) {
            await tenant.store(day + move.days, move.bytes);
            results.push({ day: day + move.days, bytes: move.bytes });
          } else if (move.kind === 'admit') {
            const kept = results.reduce((sum, each) => sum + (each.day > day ? each.bytes : 0), 0);
            expect(keptBytes(await tenant.stored(), nowMs)).toBe(kept);
            expect((await tenant.admit()).kind).toBe(kept < 1_000 ? 'admitted' : 'refused');
          }
          tenant.at(nowMs);
        }
      }),
      { numRuns: 30 },
    );
  });
});

/** A tenant whose gate counts its writes and is asked at an instant that the test sets. */
async function createTenant() {
  const tenantId = `tenant-${ports.ids.nonce()}`;
  await ports.tenants.create(sampleTenant({ tenantId }));
  let nowMs = noonMs;
  let writes = 0;
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const { table } = emulators.config;
  const send = (command: unknown) => {
    if (command instanceof UpdateCommand) writes += 1;
    return clients.documents.send(command as UpdateCommand);
  };
  // Only `send` is ever called; anything else on it is undefined and fails loudly.
  const documents = { send } as unknown as DynamoDBDocumentClient;
  const gates: Gates = createDynamoGates({ documents, table, clock, log: silent });
  const ask = (bounds: typeof limits | Omit<typeof limits, 'storage_gb_max'>) =>
    planAdmission(
      bounds,
      sampleDemand({ jobId: ports.ids.next('job'), nonce: ports.ids.nonce(), line: 'demo' }),
      nowMs,
    );
  return {
    at(ms: number) {
      nowMs = ms;
    },
    async admit() {
      const before = writes;
      const { kind } = await gates.admit(tenantId, ask(limits));
      return { kind, writes: writes - before };
    },
    /** As a job would that ends and leaves so many bytes until the day begins. */
    async store(day: number, bytes: number) {
      const asked = ask({ weight: 1, open_jobs_max: 500 });
      await gates.admit(tenantId, asked);
      await gates.release(tenantId, asked.jobId, {
        token: asked.token,
        corrections: [],
        finishTag: null,
        stored: { bucket: String(day), bytes },
      });
    },
    async traces() {
      const command = new GetCommand({ TableName: table, Key: { ...gateKey(tenantId) } });
      const { Item = {} } = await clients.documents.send(command);
      return Object.keys(tracesOfItem(Item)).length;
    },
    stored: async () => (await gates.read(tenantId))?.stored ?? {},
  };
}
