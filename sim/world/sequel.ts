/**
 * What comes days after all has come to rest: jobs are past their retention, or a month is closed by several at once
 * while everything may fail again. Days pass in one leap: nothing happens in them.
 */
import type { CloseOutcome } from '#core/flows/close-month.ts';
import { closeMonth } from '#core/flows/close-month.ts';
import { readCosts } from '#core/flows/read-costs.ts';
import { costLimits } from '#core/limits.ts';
import { exponentialMs } from '../random.ts';
import { refundOne, submitOnce } from './client.ts';
import { violate } from './history.ts';
import { checkClosed, checkNotClosed, closedMonth } from './month-checker.ts';
import { checkRetention, isGone } from './retention-checker.ts';
import { monthEndMs, oneOf } from './scenario.ts';
import type { World } from './world.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** Some jobs are kept for a day and some for nine. */
const retentionLeapMs = 2 * day;

/** `heal` ends every failing, and resolves when all has come to rest again. */
export async function runSequel(world: World, heal: () => Promise<void>): Promise<void> {
  const { history, scenario } = world;
  if (scenario.sequel === null || history.violations.length > 0) return;
  // What dead workers had sent by then has arrived.
  await world.loop.run(world.loop.clock.nowMs() + minute);
  if (scenario.sequel === 'month') await closeTheMonth(world, heal);
  else await outliveRetention(world, heal);
}

/** The same requests once more, two days later: a job that is gone is answered as one that never was, and not made again. */
async function outliveRetention(world: World, heal: () => Promise<void>): Promise<void> {
  const { loop, history, random } = world;
  loop.leap(loop.clock.nowMs() + retentionLeapMs);
  await checkRetention(world);
  world.relapse();
  const gone = new Set(
    [...history.stored.values()].filter((job) => job.retryOf === null && isGone(world, job)).map(opOf),
  );
  const keyed = [...history.keyed].filter(() => random() < 0.5);
  await drive(
    world,
    keyed.map(async (ask) => {
      const answers = await submitOnce(world, ask);
      const made = answers.find(({ kind }) => kind === 'accepted' || kind === 'replayed');
      if (made !== undefined && gone.has(ask.metadata.op ?? ''))
        violate(history, 'I3', `${ask.metadata.op} was charged, is gone, and was ${made.kind} again`);
    }),
  );
  await heal();
  await checkRetention(world);
}

function opOf({ metadata }: { readonly metadata: Readonly<Record<string, string>> }): string {
  return metadata.op ?? '';
}

async function closeTheMonth(world: World, heal: () => Promise<void>): Promise<void> {
  const { loop, random, scenario } = world;
  const told: CloseOutcome[] = [];
  await drive(world, [closeOnce(world, told)]);
  await checkNotClosed(world, told);
  loop.leap(monthEndMs + costLimits.closeAfterMs + Math.floor((random() - 0.3) * 10 * minute));
  world.relapse();
  const closers = Array.from({ length: 2 + Math.floor(random() * 2) }, () => closeUntilClosed(world, told));
  await drive(world, [...closers, beside(world)]);
  await heal();
  // Of clocks that are behind, too: the month closes once theirs says so.
  await loop.run(loop.clock.nowMs() + scenario.skewMsMax + 10 * minute);
  await drive(world, [closeOnce(world, told)]);
  await checkClosed(world, told);
  await checkRetention(world);
}

const closeTriesMax = 6;

/** As the daily tick does it, and an operator who does not get an answer. */
async function closeUntilClosed(world: World, told: CloseOutcome[]): Promise<void> {
  for (let tries = 0; tries < closeTriesMax; tries += 1) {
    const outcome = await closeOnce(world, told);
    if (outcome === 'closed' && world.random() < 0.7) return;
    await world.loop.clock.sleep(exponentialMs(world.random, 20_000));
  }
}

async function closeOnce(world: World, told: CloseOutcome[]): Promise<CloseOutcome['kind'] | 'unknown'> {
  const { process, ports } = world.closer();
  const { catalog, costs, log } = world;
  const { clock } = process;
  const served = await process.serve(() => closeMonth({ ...ports, catalog, clock, costs, log }, closedMonth));
  if (served.kind !== 'answered') return 'unknown';
  told.push(served.value);
  return served.value.kind;
}

/** Refunds of the month that is being closed, and looks at where it stands. */
async function beside(world: World): Promise<void> {
  const { loop, random, scenario, catalog, costs } = world;
  for (let done = 0; done < 6; done += 1) {
    await loop.clock.sleep(exponentialMs(random, 5_000));
    const { tenantId } = oneOf(random, scenario.tenants as [(typeof scenario.tenants)[number]]);
    if (random() < 0.7) await refundOne(world, tenantId);
    const { process, ports } = world.api('costs');
    const { clock } = process;
    await process.serve(() => readCosts({ ...ports, catalog, clock, costs }, closedMonth));
  }
}

/** Ends by itself: every call of a process either ends or never does because the process died, which is noticed. */
const driveMsMax = 60 * minute;

/** Lets time go on until all of it is done. */
async function drive({ loop, history }: World, work: readonly Promise<unknown>[]): Promise<void> {
  let isDone = false;
  void Promise.all(work).then(() => {
    isDone = true;
  });
  const untilMs = loop.clock.nowMs() + driveMsMax;
  await loop.run(untilMs, () => isDone || history.violations.length > 0);
}
