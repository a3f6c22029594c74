/** Faults of the machine under a stack of real processes: short forms of `npm run bench -- kills`, one of each kind. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobSchema } from '#core/api/job-resource.ts';
import { createdTenantSchema } from '#core/api/tenancy-resource.ts';
import { jobLimits } from '#core/limits.ts';
import { inspect } from '../bench/aftermath.ts';
import { drained } from '../bench/client.ts';
import type { Clocks } from '../bench/faults/clock.ts';
import { movableClocks } from '../bench/faults/clock.ts';
import type { Disk } from '../bench/faults/disk.ts';
import { mountSmallDisk } from '../bench/faults/disk.ts';
import { signal } from '../bench/faults/signals.ts';
import type { LocalStack } from '../bench/local-stack.ts';
import { StackNotStarted, startLocalStack } from '../bench/local-stack.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const waitMs = 60_000;
const testMs = 120_000;

let folder: string;
let dataDir: string;
let stack: LocalStack | undefined;
let disk: Disk | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-test-'));
  dataDir = join(folder, 'data');
  mkdirSync(dataDir);
});

afterEach(async () => {
  // Whatever a failed test left: killed, never waited for.
  await stack?.kill();
  stack = undefined;
  disk?.unmount();
  disk = undefined;
  // What was just killed may still be writing.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

async function start(args: readonly string[] = [], clocks?: Clocks): Promise<LocalStack> {
  stack = await startLocalStack(dataDir, ['--no-first-job', ...args], clocks?.process);
  return stack;
}

async function submit(to: LocalStack, input: object, key?: string) {
  const answer = await fetch(`${to.url}/v1/jobs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${to.key}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    // A deadline that no jump of a clock passes.
    body: JSON.stringify({ model: 'fake', input: { prompt: 'x', ...input }, deadline_s: 3 * 24 * 60 * 60 }),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

async function accepted(to: LocalStack, input: object): Promise<string> {
  return jobSchema.parse((await submit(to, input)).body).id;
}

async function read(from: LocalStack, id: string) {
  const answer = await fetch(`${from.url}/v1/jobs/${id}`, {
    headers: { authorization: `Bearer ${from.key}` },
  });
  return jobSchema.parse(await answer.json());
}

const statusOf = async (from: LocalStack, id: string) => (await read(from, id)).status;

/** A runner has begun with it: claimed alone, a job may still wait for its model. */
async function isAtWork(from: LocalStack, id: string): Promise<void> {
  await expect
    .poll(async () => (await read(from, id)).progress?.step ?? 0, { timeout: waitMs })
    .toBeGreaterThan(0);
}

/** Stops the stack in good order and reads what it left, apart from it. */
async function leftBy(ended: LocalStack, jobIds: readonly string[]) {
  await ended.stop();
  stack = undefined;
  return await inspect(dataDir, jobIds);
}

const oneSecond = { steps: 10, step_ms: 100 };
const twoSeconds = { steps: 20, step_ms: 100 };
/** Of the machine's own time: a process that stands still tells nothing that could be waited for. */
const stillMs = 3_000;

describe('kill -9 of a runner', () => {
  it('costs its job an attempt, and its worker lives', { timeout: testMs }, async () => {
    const up = await start();
    const id = await accepted(up, twoSeconds);
    await isAtWork(up, id);
    const [worker] = up.workerIds();

    for (const pid of up.runnerIds()) signal(pid, 'SIGKILL');

    await expect.poll(() => statusOf(up, id), { timeout: waitMs }).toBe('succeeded');
    expect((await read(up, id)).attempts).toBe(2);
    expect(up.workerIds()).toEqual([worker]);
    expect((await leftBy(up, [id])).faults).toEqual([]);
  });
});

describe('SIGSTOP', () => {
  it('of a worker past its lease: another takes the job over, and the one that wakes finishes nothing', {
    timeout: testMs,
  }, async () => {
    const clocks = movableClocks(join(folder, 'clocks'));
    const up = await start(['--max-workers', '2'], clocks);
    const id = await accepted(up, twoSeconds);
    await isAtWork(up, id);
    const [asleep = 0] = up.workerIds();
    signal(asleep, 'SIGSTOP');

    // For a worker that starts now, the lease ran out long ago. More jobs than one worker holds call for another.
    clocks.set('worker', 2 * jobLimits.leaseMs);
    const others = await Promise.all(Array.from({ length: 9 }, () => accepted(up, { steps: 1, step_ms: 0 })));
    await expect.poll(() => statusOf(up, id), { timeout: waitMs }).toBe('succeeded');
    const taken = await read(up, id);
    clocks.reset();
    signal(asleep, 'SIGCONT');
    // Its own attempt ends in a refused write; then it takes work again.
    await expect.poll(() => drained(up, waitMs), { timeout: waitMs }).toBe(true);

    const left = await leftBy(up, [id, ...others]);
    expect(taken.attempts).toBe(2);
    expect(left).toMatchObject({ succeeded: 10, faults: [] });
  });

  it('of the platform, and its stores with it, past the leases of all that runs: each job ends once, charged once', {
    timeout: testMs,
  }, async () => {
    const clocks = movableClocks(join(folder, 'clocks'));
    const up = await start([], clocks);
    const id = await accepted(up, twoSeconds);
    await isAtWork(up, id);
    const pid = up.process.pid ?? 0;

    signal(pid, 'SIGSTOP');
    let isAnswered = false;
    const held = submit(up, oneSecond).finally(() => {
      isAnswered = true;
    });
    // By the clock of everybody it stands still for two leases; by the machine's for longer than the call of the model takes,
    // so that the worker tells its end to a store that keeps silent.
    for (const role of ['platform', 'worker', 'runner'] as const) clocks.set(role, 2 * jobLimits.leaseMs);
    await delay(stillMs);
    const wasAnswered = isAnswered;
    signal(pid, 'SIGCONT');

    const heldId = jobSchema.parse((await held).body).id;
    for (const each of [id, heldId]) {
      await expect.poll(() => statusOf(up, each), { timeout: waitMs }).toBe('succeeded');
    }
    expect(wasAnswered).toBe(false);
    expect(await drained(up, waitMs)).toBe(true);
    expect(await leftBy(up, [id, heldId])).toMatchObject({ succeeded: 2, faults: [] });
  });

  it('of a runner past its pongs: it is replaced, and its job runs again', { timeout: testMs }, async () => {
    const up = await start();
    const id = await accepted(up, twoSeconds);
    await isAtWork(up, id);
    const [asleep = 0] = up.runnerIds();

    signal(asleep, 'SIGSTOP');

    await expect.poll(() => statusOf(up, id), { timeout: waitMs }).toBe('succeeded');
    expect((await read(up, id)).attempts).toBe(2);
    expect(up.runnerIds()).not.toContain(asleep);
    expect((await leftBy(up, [id])).faults).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('a disk without room', () => {
  it('refuses with 503, loses and charges nothing, and goes on when there is room', {
    timeout: testMs,
  }, async () => {
    disk = mountSmallDisk(dataDir, 48);
    const up = await start();
    const pid = up.process.pid ?? 0;
    const before = await accepted(up, { steps: 2, step_ms: 10 });
    await expect.poll(() => statusOf(up, before), { timeout: waitMs }).toBe('succeeded');
    expect(await drained(up, waitMs)).toBe(true);

    disk.fill(pid);
    // The write that finds the disk full may have taken effect all the same: asked again, its key goes on from there.
    // What still found room is accepted, and answered so for ever: each try has a key of its own.
    const keys: string[] = [];
    await expect
      .poll(
        async () => {
          keys.push(`key-${keys.length}`);
          return (await submit(up, {}, keys.at(-1) ?? '')).status;
        },
        { timeout: waitMs },
      )
      .toBe(503);
    const refused = await submit(up, {}, 'the-same-key');
    const readable = await statusOf(up, before);
    disk.free(pid);
    for (const key of [...keys, 'the-same-key']) {
      await expect.poll(async () => (await submit(up, {}, key)).status, { timeout: waitMs }).toBe(202);
    }

    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'unavailable', retryable: true } } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(readable).toBe('succeeded');
    expect(await drained(up, waitMs)).toBe(true);
    expect((await leftBy(up, [before])).faults).toEqual([]);
    const log = readFileSync(join(dataDir, 'pilotlight.log'), 'utf8');
    expect(log).toMatch(/"store\.write_failed".*(No space left|File too large)/);
    expect(log).toContain('"store.writes_again"');
  });

  it('lets no stack start, and says so in one line', { timeout: testMs }, async () => {
    disk = mountSmallDisk(dataDir, 48);
    // A limit on one process says nothing about the next.
    if (disk.kind !== 'tmpfs') return;
    disk.fill(0);

    const refusal = await start().catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(StackNotStarted);
    expect(refusal).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^There is no room left .*$/),
    });
  });
});

describe('a clock that jumps', () => {
  it('under every process, by minutes or a day, to and fro: each job ends once, charged once', {
    timeout: testMs,
  }, async () => {
    const clocks = movableClocks(join(folder, 'clocks'));
    const up = await start([], clocks);
    const jobs: string[] = [];

    for (const offsetMs of [dayMs, -dayMs, 5 * minuteMs, -5 * minuteMs]) {
      const id = await accepted(up, oneSecond);
      jobs.push(id);
      await isAtWork(up, id);
      for (const role of ['platform', 'worker', 'runner'] as const) clocks.set(role, offsetMs);
      jobs.push(await accepted(up, oneSecond));
      await expect.poll(() => statusOf(up, id), { timeout: waitMs }).toBe('succeeded');
      clocks.reset();
    }

    expect(await drained(up, waitMs)).toBe(true);
    expect(await leftBy(up, jobs)).toMatchObject({ succeeded: 8, faults: [] });
  });

  it('admits no more than the plan in any minute that it enters, nor anew in one that it comes back to', {
    timeout: testMs,
  }, async () => {
    const clocks = movableClocks(join(folder, 'clocks'));
    const up = await start([], clocks);
    const perMinute = 3;
    const key = await keyOf(up, { id: 'bounded', plan: 'vip', requests_per_minute: perMinute });
    const admitted = new Map<string, number>();

    for (const offsetMs of [0, dayMs, 0, -5 * minuteMs, 0, dayMs]) {
      clocks.set('platform', offsetMs);
      for (let count = 0; count < 2 * perMinute; count += 1) {
        const { status, body } = await submit({ ...up, key }, { steps: 1, step_ms: 0 });
        if (status === 429) continue;
        const minute = jobSchema.parse(body).created_at.slice(0, 16);
        admitted.set(minute, (admitted.get(minute) ?? 0) + 1);
      }
    }
    clocks.reset();

    expect(admitted.size).toBeGreaterThanOrEqual(3);
    expect(Math.max(...admitted.values())).toBe(perMinute);
  });
});

/** Makes the tenant and answers its key. */
async function keyOf(of: LocalStack, tenant: object): Promise<string> {
  const answer = await fetch(`${of.url}/admin/v1/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${of.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(tenant),
  });
  return createdTenantSchema.parse(await answer.json()).key.secret;
}
