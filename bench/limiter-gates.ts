/** The gates of the product under parallel submitters, with every real request to the table counted. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAwsPorts } from '#aws/aws-ports.ts';
import type { Clients } from '#aws/clients.ts';
import { createClients } from '#aws/clients.ts';
import { createDynamoGates } from '#aws/dynamo-gates.ts';
import { planAdmission } from '#core/admission/gate.ts';
import { readToken, trueUp } from '#core/admission/reservation.ts';
import type { Gates } from '#core/ports/gates.ts';
import { sampleTenant } from '#core/samples.ts';
import type { PlanLimits } from '#core/tenancy/plans.ts';
import { startEmulators } from '#local/emulators.ts';

export interface LimiterRun {
  readonly what: string;
  readonly submitters: number;
  readonly asked: number;
  readonly allowed: number;
  readonly allowedEach: number;
  readonly admitted: number;
  readonly perTenant: readonly number[];
  /** Requests that change the table, made by calls that ended in an admission; the SDK's own retries included. */
  readonly acceptWrites: number;
  readonly seconds: number;
}

interface Submitting {
  readonly what: string;
  readonly tenants: number;
  readonly submittersEach: number;
  readonly limits: PlanLimits;
  readonly allowedEach: number;
  readonly releases: boolean;
}

/** Every limit at once, so that every counter is in the condition; the day's is the tightest. */
const everyLimit: PlanLimits = {
  weight: 1,
  requests_per_second: 100_000,
  requests_per_minute: 1_000_000,
  images_per_minute: 1_000_000,
  tokens_per_minute: 1_000_000_000,
  storage_gb_max: 1_000,
  gpu_seconds_per_month: 1_000_000_000,
  budget_usd_micros_per_month: 1_000_000_000_000,
  open_jobs_max: 500,
};

export async function startGatesUnderTest() {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
  const emulators = await startEmulators({ dataDir, pools: [] });
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const ports = createAwsPorts(emulators.config, { log: silent });
  const counted = createClients(emulators.config);
  const writes = countWrites(counted);
  const table = emulators.config.table;
  const gates = createDynamoGates({ documents: counted.documents, table, clock: ports.clock, log: silent });
  const submit = submitter(ports, gates, writes);
  return {
    run: ({ tenants, submittersEach, limit }: { tenants: number; submittersEach: number; limit: number }) =>
      submit({
        what: tenants === 1 ? 'pilotlight, one tenant' : `pilotlight, ${tenants} tenants`,
        tenants,
        submittersEach,
        limits: { ...everyLimit, requests_per_day: limit },
        allowedEach: limit,
        releases: true,
      }),
    /** Nothing ends: the places of open jobs are what is fought for. */
    runOpen: ({ submitters, openJobsMax }: { submitters: number; openJobsMax: number }) =>
      submit({
        what: `pilotlight, ${openJobsMax} open jobs`,
        tenants: 1,
        submittersEach: submitters,
        limits: { ...everyLimit, open_jobs_max: openJobsMax },
        allowedEach: openJobsMax,
        releases: false,
      }),
    async close() {
      ports.close();
      counted.close();
      await emulators.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

function submitter(ports: ReturnType<typeof createAwsPorts>, gates: Gates, writes: WriteCount) {
  return async ({ what, tenants, submittersEach, limits, allowedEach, releases }: Submitting) => {
    const tenantIds = Array.from({ length: tenants }, () => `bench-${ports.ids.nonce()}`);
    for (const tenantId of tenantIds) await ports.tenants.create(sampleTenant({ tenantId }));
    const asksEach = 2 * allowedEach;
    const startedAtMs = performance.now();
    const results = await Promise.all(
      tenantIds.map(async (tenantId) => {
        let asked = 0;
        const sums = { admitted: 0, writes: 0 };
        const submitting = async () => {
          while (asked < asksEach) {
            asked += 1;
            const ask = planAdmission(limits, demand(ports), ports.clock.nowMs());
            const { value, count } = await writes.during(() => gates.admit(tenantId, ask));
            if (value.kind !== 'admitted') continue;
            sums.admitted += 1;
            sums.writes += count;
            if (releases) await endJob(ports.gates, tenantId, ask);
          }
        };
        await Promise.all(Array.from({ length: submittersEach }, submitting));
        return sums;
      }),
    );
    const seconds = (performance.now() - startedAtMs) / 1000;
    const perTenant = results.map(({ admitted }) => admitted);
    return {
      what,
      submitters: tenants * submittersEach,
      asked: tenants * asksEach,
      allowed: tenants * allowedEach,
      allowedEach,
      admitted: perTenant.reduce((sum, each) => sum + each, 0),
      perTenant,
      acceptWrites: results.reduce((sum, each) => sum + each.writes, 0),
      seconds,
    };
  };
}

function demand(ports: ReturnType<typeof createAwsPorts>) {
  const prediction = {
    images: 1,
    tokens: 12,
    storesFiles: true,
    gpuMs: 800,
    reservedUsdMicros: 400,
    tagCost: 800_000,
  };
  return { jobId: ports.ids.next('job'), nonce: ports.ids.nonce(), line: 'demo', ...prediction };
}

/** Through a client that is not counted: what a settlement writes is another question. */
async function endJob(gates: Gates, tenantId: string, ask: ReturnType<typeof planAdmission>): Promise<void> {
  const reserved = readToken(ask.token);
  if (reserved === null) throw new Error('the token of an ask reads back');
  await gates.release(tenantId, ask.jobId, {
    token: ask.token,
    corrections: trueUp(reserved, { usdMicros: 250, gpuMs: 500 }),
    stored: { bucket: '40000', bytes: 150_000 },
    finishTag: { line: ask.line, delta: -300_000 },
  });
}

interface WriteCount {
  during<T>(act: () => Promise<T>): Promise<{ readonly value: T; readonly count: number }>;
}

/** Counts requests as they leave, below the SDK's retries, for the call that they belong to. */
function countWrites({ documents }: Clients): WriteCount {
  const calls = new AsyncLocalStorage<{ count: number }>();
  documents.middlewareStack.add(
    (next, context) => async (args) => {
      const call = calls.getStore();
      if (call !== undefined && /^(Update|Put|Delete)/.test(context.commandName ?? '')) call.count += 1;
      return next(args);
    },
    { step: 'deserialize', name: 'countWrites', priority: 'low' },
  );
  return {
    async during(act) {
      const call = { count: 0 };
      const value = await calls.run(call, act);
      return { value, count: call.count };
    },
  };
}
