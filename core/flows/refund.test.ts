import { describe, expect, it } from 'vitest';
import { createFlowWorld, submission } from '#sim/memory/flow-world.ts';
import { refundNoteName, refundNoteText } from '../admission/refund-note.ts';
import { monthOf, spendCounter } from '../admission/windows.ts';
import { balanceOf } from '../billing/ledger.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim, succeed } from '../job/transitions.ts';
import { jobLimits } from '../limits.ts';
import { fullJob, sampleLedgerEntry } from '../samples.ts';
import { applyTransition } from './apply.ts';
import type { RefundPorts } from './refund.ts';
import { refund } from './refund.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';

const charged = 321;

/** A tenant with one job that ended well and cost `charged`. */
async function setup() {
  const world = await createFlowWorld();
  const { tenantId } = world.tenant;
  const accepted = await submit(world, submission(world.tenant, { input: { prompt: 'a', steps: 50 } }));
  if (accepted.kind !== 'accepted') throw new Error(`expected accepted, got ${accepted.kind}`);
  const { job } = accepted;
  const running = await applyTransition(world, job, claim(lineEntryOf(job), 'worker-1', world.clock.nowMs()));
  const { usage, timings, receipt } = fullJob();
  if (running === null || usage === null || timings === null || receipt === null) throw new Error('no job');
  const end = { usage, timings, receipt, costUsdMicros: charged };
  await applyTransition(world, running, succeed(running, world.clock.nowMs(), [], end));

  const month = monthOf(job.createdAtMs);
  const ask = { tenantId, jobId: job.jobId, usdMicros: null, reason: 'a blurred face' };
  return {
    world,
    job,
    ask,
    month,
    spent: async () => (await world.gates.read(tenantId))?.counters[spendCounter(month)],
    open: async () => (await world.gates.read(tenantId))?.open,
    entries: async () => (await world.ledger.list(tenantId, month)).items,
  };
}

describe('a refund', () => {
  it('gives back the whole charge as an entry of its own, to the bill and to the budget', async () => {
    const { world, job, ask, month, spent, open, entries } = await setup();
    const charge = await world.ledger.charge(ask.tenantId, month, job.jobId);
    expect(await spent()).toBe(charged);

    const outcome = await refund(world, ask);

    expect(outcome).toMatchObject({
      kind: 'refunded',
      entry: { kind: 'refund', usdMicros: -charged, gpuMs: 0, refund: { reason: 'a blurred face' } },
    });
    expect(await world.ledger.charge(ask.tenantId, month, job.jobId)).toEqual(charge);
    expect(balanceOf(await entries())).toBe(0);
    expect(await spent()).toBe(0);
    expect(await open()).toEqual({});
  });

  it('happens once, also when 16 ask at once for different amounts', async () => {
    const { world, ask, spent, open, entries } = await setup();

    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, index) => refund(world, { ...ask, usdMicros: 10 + index })),
    );

    const given = outcomes.map((outcome) => ('entry' in outcome ? outcome.entry.usdMicros : null));
    expect(new Set(given).size).toBe(1);
    expect(outcomes.filter(({ kind }) => kind === 'refunded')).toHaveLength(1);
    expect(balanceOf(await entries())).toBe(charged + (given[0] ?? 0));
    expect(await spent()).toBe(charged + (given[0] ?? 0));
    expect(await open()).toEqual({});
  });

  it('is given once where its note was finished before a lost answer made the client send it again', async () => {
    const { world, ask, spent, open, entries } = await setup();
    const gates: RefundPorts['gates'] = {
      ...world.gates,
      async note(...note) {
        await world.gates.note(...note);
        await sweep(world);
        return world.gates.note(...note);
      },
    };

    const outcome = await refund({ ...world, gates }, { ...ask, usdMicros: 100 });
    await sweep(world);

    expect(outcome).toMatchObject({ kind: 'refunded', entry: { usdMicros: -100 } });
    expect(balanceOf(await entries())).toBe(charged - 100);
    expect(await spent()).toBe(charged - 100);
    expect(await open()).toEqual({});
  });

  it('asked for again gives the first one and changes nothing', async () => {
    const { world, ask, spent } = await setup();
    await refund(world, { ...ask, usdMicros: 21 });

    const again = await refund(world, { ...ask, usdMicros: 300, reason: 'another' });

    expect(again).toMatchObject({
      kind: 'refunded_before',
      entry: { usdMicros: -21, refund: { reason: 'a blurred face' } },
    });
    expect(await spent()).toBe(charged - 21);
  });

  it('never gives back more than was charged', async () => {
    const { world, ask, spent, entries } = await setup();

    expect(await refund(world, { ...ask, usdMicros: charged + 1 })).toEqual({
      kind: 'above_charge',
      chargedUsdMicros: charged,
    });
    expect(await entries()).toHaveLength(1);
    expect(await spent()).toBe(charged);
  });

  it('finds no job of another tenant’s, and no charge where nothing was paid', async () => {
    const { world, ask } = await setup();
    const waiting = await submit(world, submission(world.tenant));
    if (waiting.kind !== 'accepted') throw new Error(`expected accepted, got ${waiting.kind}`);
    const free = sampleLedgerEntry({ jobId: 'job_free', usdMicros: 0, parts: { compute: 0 } });
    await world.ledger.append(free);

    expect(await refund(world, { ...ask, tenantId: 'tenant-b' })).toEqual({ kind: 'no_job' });
    expect(await refund(world, { ...ask, jobId: waiting.job.jobId })).toEqual({ kind: 'no_charge' });
    expect(await refund(world, { ...ask, jobId: 'job_free' })).toEqual({ kind: 'no_charge' });
  });

  it('gives the budget no more than it was charged, where a job cost more than was set aside', async () => {
    const { world, ask, spent } = await setup();
    const dear = sampleLedgerEntry({ jobId: 'job_dear', usdMicros: 900, parts: { compute: 900 } });
    await world.ledger.append({ ...dear, reservedUsdMicros: 100 });

    expect(await refund(world, { ...ask, jobId: 'job_dear' })).toMatchObject({ entry: { usdMicros: -900 } });
    expect(await spent()).toBe(charged - 100);
  });

  it('finds the charge of a job whose record is gone, and leaves budgets long past alone', async () => {
    const { world, ask } = await setup();
    const old = sampleLedgerEntry({ jobId: 'job_old', month: '202908' });
    await world.ledger.append(old);

    expect(await refund(world, { ...ask, jobId: 'job_old' })).toMatchObject({
      kind: 'refunded',
      entry: { month: '202908' },
    });
    expect((await world.gates.read(ask.tenantId))?.counters).not.toHaveProperty([spendCounter('202908')]);
  });
});

describe('a crash in a refund', () => {
  const killed = () => Promise.reject(new Error('killed'));

  /** The ports of a process that dies as it makes this call, before or after the call has its effect. */
  const dying: readonly [string, (world: RefundPorts) => RefundPorts][] = [
    ['before the ledger', (world) => ({ ...world, ledger: { ...world.ledger, append: killed } })],
    [
      'after the ledger',
      (world) => ({
        ...world,
        ledger: { ...world.ledger, append: (entry) => world.ledger.append(entry).then(killed) },
      }),
    ],
    ['before the note goes', (world) => ({ ...world, gates: { ...world.gates, release: killed } })],
    [
      'after the note went',
      (world) => ({
        ...world,
        gates: { ...world.gates, release: (...of) => world.gates.release(...of).then(killed) },
      }),
    ],
  ];

  it.each(dying)('%s is mended by the sweep, once', async (_when, die) => {
    const { world, ask, spent, open, entries } = await setup();
    await expect(refund(die(world), { ...ask, usdMicros: 21 })).rejects.toThrow('killed');

    await Promise.all([sweep(world), sweep(world)]);
    await sweep(world);

    expect(balanceOf(await entries())).toBe(charged - 21);
    expect(await spent()).toBe(charged - 21);
    expect(await open()).toEqual({});
  });

  it.each(dying)('%s is mended by asking again', async (_when, die) => {
    const { world, ask, spent, open, entries } = await setup();
    await expect(refund(die(world), { ...ask, usdMicros: 21 })).rejects.toThrow('killed');

    const again = await refund(world, { ...ask, usdMicros: 21 });
    await sweep(world);

    expect(again).toMatchObject({ kind: 'refunded_before', entry: { usdMicros: -21 } });
    expect(balanceOf(await entries())).toBe(charged - 21);
    expect(await spent()).toBe(charged - 21);
    expect(await open()).toEqual({});
  });

  it('and a note that nobody can read is dropped by the sweep', async () => {
    const { world, ask, spent, open } = await setup();
    await world.gates.note(ask.tenantId, refundNoteName(ask.jobId), 'not a note');
    const nothing = { month: '203003', usdMicros: 5, budgetUsdMicros: 5, reason: '', atMs: 1, token: 'x' };
    await world.gates.note(ask.tenantId, refundNoteName('job_none'), refundNoteText(nothing));

    await sweep(world);

    expect(await open()).toEqual({});
    expect(await spent()).toBe(charged);
  });

  it('does not hold the gate awake for longer than it takes', async () => {
    const { world, ask } = await setup();
    await refund(world, ask);
    await world.clock.advance(jobLimits.keptMs);

    await sweep(world);

    expect((await world.gates.listOpen()).items).toEqual([]);
  });
});
