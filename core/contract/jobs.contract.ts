/** Promises of the `Jobs` port. */
import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../job/job.ts';
import { jobClasses, lineEntryOf } from '../job/job.ts';
import type { Transition } from '../job/transitions.ts';
import {
  cancelWaiting,
  claim,
  fail,
  giveBack,
  jobError,
  reclaim,
  renew,
  requestCancel,
  succeed,
  tryAgain,
  waitForMemory,
} from '../job/transitions.ts';
import { jobLimits } from '../limits.ts';
import type { ApplyOutcome, JobListAsk } from '../ports/jobs.ts';
import { fullJob, sampleJob, sampleNowMs } from '../samples.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

const now = sampleNowMs;

export function jobsContract(scene: Scene): void {
  describe('Jobs', () => {
    describe('create and get', () => createAndGet(scene));
    describe('apply', () => applyUnderGuard(scene));
    describe('line', () => line(scene));
    describe('lapsed and count', () => lapsedAndCount(scene));
    describe('list', () => list(scene));
    describe('retention', () => retention(scene));
  });
}

function createAndGet(scene: Scene): void {
  it('creates a job once; a second create of its id answers `exists` and changes nothing', async () => {
    const job = await freshJob(scene);

    expect(await scene.ports.jobs.create(job)).toBe('created');
    expect(await scene.ports.jobs.create({ ...job, model: 'other' })).toBe('exists');

    expect(await stored(scene, job)).toEqual(job);
  });

  it('creates a job exactly once under 32 parallel callers', async () => {
    const job = await freshJob(scene);

    const outcomes = await atOnce(32, () => scene.ports.jobs.create(job));

    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
  });

  it("answers null for a missing job and for another tenant's job alike", async () => {
    const job = await createdJob(scene);

    expect(await scene.ports.jobs.get(job.tenantId, scene.jobId())).toBeNull();
    expect(await scene.ports.jobs.get(scene.tenantId(), job.jobId)).toBeNull();
    expect(await scene.ports.jobs.get(scene.tenantId(), job.jobId, { consistent: true })).toBeNull();
  });

  it('keeps jobs of the same id under two tenants apart', async () => {
    const mine = await createdJob(scene);
    const theirs = await createdJob(scene, { tenantId: scene.tenantId(), jobId: mine.jobId, model: 'other' });

    await applied(scene, mine, claimOf(mine, 'worker-1'));

    expect(await stored(scene, theirs)).toEqual(theirs);
    expect((await stored(scene, mine))?.attempt).toBe(1);
  });

  it('creates no job under a reservation that was forbidden before, and one under another', async () => {
    const job = sampleJob({ tenantId: await scene.tenant(), jobId: scene.jobId(), reservation: 'a.1.first' });
    const { tenantId, jobId } = job;

    expect(await scene.ports.jobs.forbid(tenantId, jobId, 'a.1.first')).toBe('forbidden');
    expect(await scene.ports.jobs.forbid(tenantId, jobId, 'a.1.second')).toBe('forbidden');
    expect(await scene.ports.jobs.create(job)).toBe('exists');
    expect(await scene.ports.jobs.create({ ...job, reservation: 'a.1.second' })).toBe('exists');
    expect(await scene.ports.jobs.get(tenantId, jobId, { consistent: true })).toBeNull();

    const third = { ...job, reservation: 'a.1.third' };
    expect(await scene.ports.jobs.create(third)).toBe('created');
    expect(await scene.ports.jobs.get(tenantId, jobId, { consistent: true })).toEqual(third);
  });

  it('creates no job under any reservation once all of them were forbidden', async () => {
    const tenantId = scene.tenantId();
    const job = sampleJob({ tenantId, jobId: scene.jobId(), pool: await scene.pool() });
    const { jobs } = scene.ports;

    expect(await jobs.forbidAll(tenantId, job.jobId)).toBe('forbidden');
    expect(await jobs.forbidAll(tenantId, job.jobId)).toBe('forbidden');
    expect(await jobs.create(job)).toBe('exists');
    expect(await jobs.create({ ...job, reservation: 'a.1.other' })).toBe('exists');
    expect(await jobs.get(tenantId, job.jobId, { consistent: true })).toBeNull();
    expect(await jobs.forbidAll(scene.tenantId(), job.jobId)).toBe('forbidden');
    const there = { ...job, jobId: scene.jobId() };
    await jobs.create(there);
    expect(await jobs.forbidAll(tenantId, there.jobId)).toBe('exists');
  });

  it('forbids nothing once the job is there', async () => {
    const job = sampleJob({ tenantId: await scene.tenant(), jobId: scene.jobId() });
    await scene.ports.jobs.create(job);

    expect(await scene.ports.jobs.forbid(job.tenantId, job.jobId, job.reservation)).toBe('exists');

    expect(await scene.ports.jobs.get(job.tenantId, job.jobId, { consistent: true })).toEqual(job);
  });

  it('lets either the job or its prohibition come to be, whichever of 16 parallel pairs', async () => {
    const tenantId = await scene.tenant();

    const outcomes = await atOnce(16, async () => {
      const job = sampleJob({ tenantId, jobId: scene.jobId() });
      return Promise.all([
        scene.ports.jobs.create(job),
        scene.ports.jobs.forbid(tenantId, job.jobId, job.reservation),
      ]);
    });

    for (const [created, forbidden] of outcomes) expect(created === 'created').toBe(forbidden === 'exists');
  });

  it('returns a record with every field filled as it was stored', async () => {
    const { tenantId, jobId, pool } = await freshJob(scene);
    const job = await createdJob(scene, fullJob({ tenantId, jobId, pool }));

    expect(await stored(scene, job)).toEqual(job);
    await scene.eventually(async () => {
      expect(await scene.ports.jobs.get(job.tenantId, job.jobId)).toEqual(job);
    });
  });

  it('hands out copies: changing one changes nothing stored', async () => {
    const job = await createdJob(scene);

    const copy = await stored(scene, job);
    // A store may also hand out what refuses to be changed.
    if (copy !== null) Reflect.set(copy.metadata, 'changed', 'yes');
    job.metadata.changed = 'yes';

    expect((await stored(scene, job))?.metadata).toEqual({});
  });
}

function applyUnderGuard(scene: Scene): void {
  it('stores the patch and answers the whole new record when the guard holds', async () => {
    const job = await createdJob(scene);
    const transition = claimOf(job, 'worker-1');

    const outcome = await apply(scene, job, transition);

    expect(outcome).toEqual({ kind: 'applied', job: { ...job, ...transition.patch } });
    expect(await stored(scene, job)).toEqual({ ...job, ...transition.patch });
  });

  it('stores every field a transition can write', async () => {
    const job = await createdJob(scene);
    const { tenantId, jobId, createdAtMs, reservation, fingerprint, ...patch } = fullJob({ pool: job.pool });

    await applied(scene, job, { guard: { attempt: 0, place: 'line' }, patch, effects: [] });

    expect(await stored(scene, job)).toEqual({ ...job, ...patch });
  });

  it('refuses when the attempt is another one, and changes nothing', async () => {
    const leased = await claimedJob(scene);

    const stale = fail({ ...leased, attempt: leased.attempt - 1 }, now, jobError('model_error'));
    const early = fail({ ...leased, attempt: leased.attempt + 1 }, now, jobError('model_error'));

    expect(await apply(scene, leased, stale)).toEqual({ kind: 'refused' });
    expect(await apply(scene, leased, early)).toEqual({ kind: 'refused' });
    expect(await stored(scene, leased)).toEqual(leased);
  });

  it('refuses when the job is at another place, and changes nothing', async () => {
    const waiting = await createdJob(scene);
    const leased = await claimedJob(scene);

    expect(await apply(scene, waiting, fail(waiting, now, jobError('model_error')))).toEqual({
      kind: 'refused',
    });
    expect(await apply(scene, leased, cancelWaiting(leased, now))).toEqual({ kind: 'refused' });
    expect(await stored(scene, waiting)).toEqual(waiting);
    expect(await stored(scene, leased)).toEqual(leased);
  });

  it("refuses for a missing job and for another tenant's job alike", async () => {
    const job = await createdJob(scene);
    const { guard, patch } = claimOf(job, 'worker-1');

    const missing = await scene.ports.jobs.apply(job.tenantId, scene.jobId(), guard, patch);
    const foreign = await scene.ports.jobs.apply(scene.tenantId(), job.jobId, guard, patch);

    expect(missing).toEqual({ kind: 'refused' });
    expect(foreign).toEqual({ kind: 'refused' });
    expect(await stored(scene, job)).toEqual(job);
  });

  it('lets a job be taken over only once its lease has run out', async () => {
    const leased = await claimedJob(scene, 'worker-1', now);
    const expiresAtMs = now + jobLimits.leaseMs;

    expect(await apply(scene, leased, reclaim(leased, 'worker-2', expiresAtMs - 1))).toEqual({
      kind: 'refused',
    });
    expect(await apply(scene, leased, reclaim(leased, 'worker-2', expiresAtMs))).toEqual({ kind: 'refused' });
    const taken = await applied(scene, leased, reclaim(leased, 'worker-2', expiresAtMs + 1));

    expect(taken.attempt).toBe(leased.attempt + 1);
    expect(taken.place).toMatchObject({ kind: 'lease', workerId: 'worker-2' });
  });

  it('refuses a take-over when the lease was renewed meanwhile', async () => {
    const leased = await claimedJob(scene, 'worker-1', now);
    const lateMs = now + jobLimits.leaseMs + 1;

    const renewed = await applied(
      scene,
      leased,
      renew(leased, 'worker-1', lateMs - 2, { step: 1, steps: 4 }),
    );

    expect(await apply(scene, leased, reclaim(leased, 'worker-2', lateMs))).toEqual({ kind: 'refused' });
    expect(await stored(scene, leased)).toEqual(renewed);
  });

  it('fences off the attempt that was taken over: it can no longer finish', async () => {
    const first = await claimedJob(scene, 'worker-1', now);
    const second = await applied(scene, first, reclaim(first, 'worker-2', now + jobLimits.leaseMs + 1));

    const late = await apply(scene, first, fail(first, now, jobError('model_error')));

    expect(late).toEqual({ kind: 'refused' });
    expect(await stored(scene, first)).toEqual(second);
  });

  it('answers `applied` to a retry that sees its own write', async () => {
    const job = await createdJob(scene);
    const transition = claimOf(job, 'worker-1');
    const first = await applied(scene, job, transition);

    const again = await apply(scene, job, transition);

    expect(again).toEqual({ kind: 'applied', job: first });
    expect(await stored(scene, job)).toEqual(first);
  });

  it('sees its own write in nested fields too, and tells a nearly equal one apart', async () => {
    const leased = await claimedJob(scene);
    const { outputs, usage, timings, receipt } = fullJob();
    if (usage === null || timings === null || receipt === null) throw new Error('fullJob fills every field');
    const done = { usage, costUsdMicros: 5, timings, receipt };
    await applied(scene, leased, succeed(leased, now, outputs, done));

    const again = await apply(scene, leased, succeed(leased, now, outputs, done));
    const other = await apply(
      scene,
      leased,
      succeed(leased, now, outputs, { ...done, receipt: { ...receipt, seeds: [1] } }),
    );

    expect(again.kind).toBe('applied');
    expect(other).toEqual({ kind: 'refused' });
  });

  it('sees its own write of a text too, whose output has no sides', async () => {
    const leased = await claimedJob(scene);
    const { outputs, usage, timings, receipt } = fullJob();
    if (usage === null || timings === null || receipt === null) throw new Error('fullJob fills every field');
    const done = { usage, costUsdMicros: 5, timings, receipt };
    const texts = outputs.map((each) => ({ ...each, width: undefined, height: undefined }));
    await applied(scene, leased, succeed(leased, now, texts, done));

    expect((await apply(scene, leased, succeed(leased, now, texts, done))).kind).toBe('applied');
  });

  it('does not take an older write for its own: a claim that was given back stays lost', async () => {
    const job = await createdJob(scene);
    const transition = claimOf(job, 'worker-1');
    const leased = await applied(scene, job, transition);
    const back = await applied(scene, leased, giveBack(leased));

    expect(await apply(scene, job, transition)).toEqual({ kind: 'refused' });
    expect(await stored(scene, job)).toEqual(back);
  });

  it('lets exactly one of 64 parallel claims through', async () => {
    const job = await createdJob(scene);

    const outcomes = await atOnce(64, (index) => apply(scene, job, claimOf(job, `worker-${index}`)));

    const winners = outcomes.filter((outcome) => outcome.kind === 'applied');
    expect(winners).toHaveLength(1);
    expect(winners[0]).toEqual({ kind: 'applied', job: await stored(scene, job) });
  });

  it('lets exactly one of a finish and a take-over through', async () => {
    const leased = await claimedJob(scene, 'worker-1', now);
    const lateMs = now + jobLimits.leaseMs + 1;

    const outcomes = await Promise.all([
      apply(scene, leased, fail(leased, lateMs, jobError('model_error'))),
      apply(scene, leased, reclaim(leased, 'worker-2', lateMs)),
    ]);

    expect(outcomes.filter((outcome) => outcome.kind === 'applied')).toHaveLength(1);
  });

  it('keeps a cancel request through the renewals of a worker that has not seen it', async () => {
    const leased = await claimedJob(scene);
    await applied(scene, leased, requestCancel(leased, now + 1));

    const renewed = await applied(scene, leased, renew(leased, 'worker-1', now + 2, null));

    expect(renewed.cancelRequestedAtMs).toBe(now + 1);
  });
}

function line(scene: Scene): void {
  it('shows the jobs of a pool and class by tag, lowest first, as many as asked for', async () => {
    const pool = await scene.pool();
    // Of different lengths, so that an order by text shows.
    for (const tag of [1_000_000_000_000_000, 9, 100, 0, 10]) await createdJob(scene, { pool, tag });

    await scene.eventually(async () => {
      const tags = (await scene.ports.jobs.line(pool, 'interactive', 10)).map((entry) => entry.tag);
      expect(tags).toEqual([0, 9, 10, 100, 1_000_000_000_000_000]);
    });
    expect((await scene.ports.jobs.line(pool, 'interactive', 2)).map((entry) => entry.tag)).toEqual([0, 9]);
  });

  it('shows each entry as its record has it', async () => {
    const job = await createdJob(scene, {
      weightedImages: 0.5,
      class: 'batch',
      memoryMb: 8_000,
      allotmentMb: 15_000,
      runningJobsMax: 2,
      isolation: 'process',
    });

    await inLine(scene, job, [lineEntryOf(job)]);
  });

  it('keeps classes and pools apart', async () => {
    const interactive = await createdJob(scene);
    const batch = await createdJob(scene, { pool: interactive.pool, class: 'batch' });

    await inLine(scene, interactive, [lineEntryOf(interactive)]);
    await inLine(scene, batch, [lineEntryOf(batch)]);
    expect(await scene.ports.jobs.line(await scene.pool(), 'interactive', 10)).toEqual([]);
  });

  it('holds jobs of equal tags side by side', async () => {
    const job = await createdJob(scene);
    await createdJob(scene, { pool: job.pool, tag: job.tag });
    await createdJob(scene, { pool: job.pool, tag: job.tag, tenantId: scene.tenantId(), jobId: job.jobId });

    await scene.eventually(async () => {
      expect(await scene.ports.jobs.line(job.pool, 'interactive', 10)).toHaveLength(3);
    });
  });

  it('drops a job when it is claimed, and shows it again under the same tag when it is given back', async () => {
    const job = await createdJob(scene);
    const leased = await applied(scene, job, claimOf(job, 'worker-1'));
    await inLine(scene, job, []);

    const back = await applied(scene, leased, giveBack(leased));

    await inLine(scene, job, [{ ...lineEntryOf(job), attempt: 1 }]);
    expect(back.tag).toBe(job.tag);
  });

  it('shows a job again under the same tag when an attempt failed and another may go better', async () => {
    const job = await createdJob(scene);
    const leased = await applied(scene, job, claimOf(job, 'worker-1'));

    const again = await applied(scene, leased, tryAgain(leased, jobError('nan_output')));

    await inLine(scene, job, [lineEntryOf(again)]);
    expect(again).toMatchObject({ tag: job.tag, attempt: 1 });
  });

  it('shows a job that waits for memory, and until when', async () => {
    const job = await createdJob(scene);
    const leased = await applied(scene, job, claimOf(job, 'worker-1'));

    const held = await applied(scene, leased, waitForMemory(leased, jobError('out_of_memory'), now));

    await inLine(scene, job, [{ ...lineEntryOf(held), notBeforeMs: now + jobLimits.memoryWaitMs }]);
    expect(await stored(scene, job)).toEqual(held);
  });

  it('shows a terminal job in no line, among no lapsed leases and in no count', async () => {
    const waiting = await createdJob(scene);
    const leased = await claimedJob(scene, 'worker-1', now, { pool: waiting.pool });

    await applied(scene, waiting, cancelWaiting(waiting, now));
    await applied(scene, leased, fail(leased, now, jobError('model_error')));

    await scene.eventually(async () => {
      for (const jobClass of jobClasses) {
        expect(await scene.ports.jobs.line(waiting.pool, jobClass, 10)).toEqual([]);
      }
      expect(await scene.ports.jobs.lapsed(waiting.pool, now * 2, 10)).toEqual([]);
      expect(await scene.ports.jobs.count(waiting.pool)).toEqual({ waiting: 0, leased: 0 });
    });
  });
}

function lapsedAndCount(scene: Scene): void {
  it('lists only leases that ran out before the instant, oldest first, as many as asked for', async () => {
    const pool = await scene.pool();
    const middle = await claimedJob(scene, 'worker-1', now + 2_000, { pool });
    const oldest = await claimedJob(scene, 'worker-1', now + 1_000, { pool, class: 'batch' });
    const onTheDot = await claimedJob(scene, 'worker-1', now + 3_000, { pool });
    await createdJob(scene, { pool });
    await claimedJob(scene, 'worker-1', now);
    const atMs = now + 3_000 + jobLimits.leaseMs;

    await scene.eventually(async () => {
      const entries = await scene.ports.jobs.lapsed(pool, atMs, 10);
      expect(entries).toEqual([lineEntryOf(oldest), lineEntryOf(middle)]);
    });
    expect(await scene.ports.jobs.lapsed(pool, atMs, 1)).toEqual([lineEntryOf(oldest)]);
    expect((await scene.ports.jobs.lapsed(pool, atMs + 1, 10)).at(-1)).toEqual(lineEntryOf(onTheDot));
  });

  it('stops listing a lease that was renewed or taken over', async () => {
    const pool = await scene.pool();
    const renewed = await claimedJob(scene, 'worker-1', now, { pool });
    const taken = await claimedJob(scene, 'worker-1', now, { pool });
    const lateMs = now + jobLimits.leaseMs + 1;

    await applied(scene, renewed, renew(renewed, 'worker-1', lateMs, null));
    await applied(scene, taken, reclaim(taken, 'worker-2', lateMs));

    await scene.eventually(async () => {
      expect(await scene.ports.jobs.lapsed(pool, lateMs, 10)).toEqual([]);
    });
  });

  it('counts what waits and what is leased, both classes together', async () => {
    const pool = await scene.pool();
    await createdJob(scene, { pool });
    await createdJob(scene, { pool, class: 'batch' });
    await claimedJob(scene, 'worker-1', now, { pool });

    await scene.eventually(async () => {
      expect(await scene.ports.jobs.count(pool)).toEqual({ waiting: 2, leased: 1 });
    });
    expect(await scene.ports.jobs.count(await scene.pool())).toEqual({ waiting: 0, leased: 0 });
  });
}

function list(scene: Scene): void {
  it('lists the newest first, page by page, never more than the limit a page', async () => {
    const tenantId = scene.tenantId();
    const pool = await scene.pool();
    const orders = [3, 1, 7, 2, 6, 5, 4];
    for (const order of orders) await createdJob(scene, { tenantId, pool, createdAtMs: now + order });

    await scene.eventually(async () => {
      expect((await listed(scene, tenantId, { limit: 2 })).map((job) => job.createdAtMs - now)).toEqual([
        7, 6, 5, 4, 3, 2, 1,
      ]);
    });
    const first = await scene.ports.jobs.list(tenantId, { limit: 2 });
    expect(first.items.length).toBeLessThanOrEqual(2);
    expect(first.cursor).not.toBeNull();
  });

  it('lists jobs created in the same millisecond, each once', async () => {
    const tenantId = scene.tenantId();
    const pool = await scene.pool();
    const jobs = await atOnce(5, () => createdJob(scene, { tenantId, pool }));

    await scene.eventually(async () => {
      const ids = (await listed(scene, tenantId, { limit: 2 })).map((job) => job.jobId);
      expect(ids.toSorted()).toEqual(jobs.map((job) => job.jobId).toSorted());
    });
  });

  it('keeps its place when newer jobs arrive between two pages', async () => {
    const tenantId = scene.tenantId();
    const pool = await scene.pool();
    for (const order of [1, 2, 3]) await createdJob(scene, { tenantId, pool, createdAtMs: now + order });
    await scene.eventually(async () => {
      expect(await listed(scene, tenantId, { limit: 10 })).toHaveLength(3);
    });
    const first = await scene.ports.jobs.list(tenantId, { limit: 2 });

    await createdJob(scene, { tenantId, pool, createdAtMs: now + 9 });
    const rest = await allPages((cursor) =>
      scene.ports.jobs.list(tenantId, { limit: 2, cursor: cursor ?? first.cursor ?? '' }),
    );

    expect([...first.items, ...rest].map((job) => job.createdAtMs - now)).toEqual([3, 2, 1]);
  });

  it('shows a tenant nothing of another', async () => {
    await createdJob(scene);

    expect(await scene.ports.jobs.list(scene.tenantId(), { limit: 10 })).toEqual({ items: [], cursor: null });
  });

  it.each<[string, Omit<JobListAsk, 'limit'>, string[]]>([
    ['status', { status: 'running' }, ['c']],
    ['model', { model: 'm1' }, ['c', 'a']],
    ['class', { class: 'batch' }, ['d', 'b']],
    ['a flag', { flag: 'jailbreak' }, ['d', 'a']],
    ['every metadata pair asked for', { metadata: { team: 'x', run: '1' } }, ['d']],
    ['creation after an instant, that instant left out', { createdAfterMs: now + 2 }, ['d', 'c']],
    ['several at once', { model: 'm2', class: 'batch', metadata: { team: 'x' } }, ['d', 'b']],
    ['what nothing matches', { model: 'm1', class: 'batch' }, []],
  ])('filters by %s', async (_title, filter, expected) => {
    const tenantId = scene.tenantId();
    const pool = await scene.pool();
    const put = (label: string, order: number, overrides: Partial<JobRecord>) =>
      createdJob(scene, {
        tenantId,
        pool,
        createdAtMs: now + order,
        ...overrides,
        metadata: { label, ...overrides.metadata },
      });
    await put('a', 1, { model: 'm1', flags: ['jailbreak'], metadata: { team: 'x' } });
    await put('b', 2, { model: 'm2', class: 'batch', metadata: { team: 'x', run: '2' } });
    const third = await put('c', 3, { model: 'm1' });
    const flags = ['operator_terms', 'jailbreak'];
    await put('d', 4, { model: 'm2', class: 'batch', flags, metadata: { team: 'x', run: '1' } });
    await applied(scene, third, claimOf(third, 'worker-1'));

    await scene.eventually(async () => {
      const labels = (await listed(scene, tenantId, { ...filter, limit: 1 })).map(
        (job) => job.metadata.label,
      );
      expect(labels).toEqual(expected);
    });
  });
}

/** A job of a tenant and a pool that nothing else uses. */
function retention(scene: Scene): void {
  const retentionMs = 24 * 60 * 60 * 1000;
  const succeeded = { status: 'succeeded', place: { kind: 'done' }, retentionMs } as const;
  const pastEndMs = () => scene.clock.nowMs() - retentionMs - 1_000;

  it('answers for a job that was created as ended until its retention is over, and then as for a missing one', async () => {
    const tenantId = await scene.tenant();
    const kept = await createdJob(scene, {
      ...succeeded,
      tenantId,
      finishedAtMs: pastEndMs() + 60_000,
    });
    const past = await createdJob(scene, { ...succeeded, tenantId, finishedAtMs: pastEndMs() });

    expect(await stored(scene, kept)).toEqual(kept);
    expect(await stored(scene, past)).toBeNull();
    await scene.eventually(async () => {
      expect(await listed(scene, tenantId, { limit: 10 })).toEqual([kept]);
    });
    expect(await scene.ports.jobs.get(tenantId, past.jobId)).toBeNull();
  });

  it('answers as for a missing job once one that ended later is past it, and lets another of its id be created', async () => {
    const tenantId = await scene.tenant();
    const job = await createdJob(scene, { tenantId, retentionMs });
    const cancel = cancelWaiting(job, pastEndMs());
    await scene.ports.jobs.apply(tenantId, job.jobId, cancel.guard, cancel.patch);

    expect(await stored(scene, job)).toBeNull();
    const next = { ...job, reservation: 'a.1.next', model: 'other' };
    expect(await scene.ports.jobs.create(next)).toBe('created');
    expect(await scene.ports.jobs.create(next)).toBe('exists');
    expect(await stored(scene, job)).toEqual(next);
  });

  it('forbids a reservation in the place of a job past it, which then creates none, and another one still does', async () => {
    const tenantId = await scene.tenant();
    const past = await createdJob(scene, { ...succeeded, tenantId, finishedAtMs: pastEndMs() });
    const next = { ...past, reservation: 'a.1.next', finishedAtMs: scene.clock.nowMs() };

    expect(await scene.ports.jobs.forbid(tenantId, past.jobId, 'a.1.next')).toBe('forbidden');

    expect(await scene.ports.jobs.create(next)).toBe('exists');
    expect(await stored(scene, past)).toBeNull();
    expect(await scene.ports.jobs.create({ ...next, reservation: 'a.1.third' })).toBe('created');
  });

  it('forbids nothing in the place of one that has ended and is kept', async () => {
    const tenantId = await scene.tenant();
    const job = await createdJob(scene, { tenantId, retentionMs });
    const cancel = cancelWaiting(job, scene.clock.nowMs());
    await scene.ports.jobs.apply(tenantId, job.jobId, cancel.guard, cancel.patch);

    expect(await scene.ports.jobs.forbid(tenantId, job.jobId, 'a.1.next')).toBe('exists');

    expect(await stored(scene, job)).toMatchObject({ jobId: job.jobId, status: 'canceled' });
  });

  it('keeps a job that has not ended, however old, and creates no other in its place and forbids none', async () => {
    const ancient = { retentionMs, createdAtMs: 1, startByMs: 2 };
    const job = await createdJob(scene, { tenantId: await scene.tenant(), ...ancient });

    expect(await stored(scene, job)).toEqual(job);
    expect(await scene.ports.jobs.create(job)).toBe('exists');
    expect(await scene.ports.jobs.forbid(job.tenantId, job.jobId, 'a.1.next')).toBe('exists');
    expect(await stored(scene, job)).toEqual(job);
  });
}

async function freshJob(scene: Scene, overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
  const pool = overrides.pool ?? (await scene.pool());
  return sampleJob({ tenantId: scene.tenantId(), jobId: scene.jobId(), ...overrides, pool });
}

async function createdJob(scene: Scene, overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
  const job = await freshJob(scene, overrides);
  await scene.ports.jobs.create(job);
  return job;
}

async function claimedJob(
  scene: Scene,
  workerId = 'worker-1',
  atMs = now,
  overrides: Partial<JobRecord> = {},
): Promise<JobRecord> {
  const job = await createdJob(scene, overrides);
  return applied(scene, job, claim(lineEntryOf(job), workerId, atMs));
}

function claimOf(job: JobRecord, workerId: string): Transition {
  return claim(lineEntryOf(job), workerId, now);
}

function apply(scene: Scene, job: JobRecord, { guard, patch }: Transition): Promise<ApplyOutcome> {
  return scene.ports.jobs.apply(job.tenantId, job.jobId, guard, patch);
}

async function applied(scene: Scene, job: JobRecord, transition: Transition): Promise<JobRecord> {
  const outcome = await apply(scene, job, transition);
  if (outcome.kind !== 'applied') throw new Error(`a patch to ${job.jobId} was refused`);
  return outcome.job;
}

function stored(scene: Scene, job: JobRecord): Promise<JobRecord | null> {
  return scene.ports.jobs.get(job.tenantId, job.jobId, { consistent: true });
}

async function inLine(scene: Scene, job: JobRecord, expected: unknown[]): Promise<void> {
  await scene.eventually(async () => {
    expect(await scene.ports.jobs.line(job.pool, job.class, 10)).toEqual(expected);
  });
}

function listed(scene: Scene, tenantId: string, ask: JobListAsk): Promise<JobRecord[]> {
  return allPages((cursor) =>
    scene.ports.jobs.list(tenantId, { ...ask, ...(cursor === undefined ? {} : { cursor }) }),
  );
}
