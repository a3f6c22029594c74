/** Planted bugs: workers that a tenant has kept up ahead of its work. */
import type { Mutant } from './mutant.ts';

export const warmupsMutants: readonly Mutant[] = [
  {
    name: 'warm-up-paid-for-by-each-try',
    mistake: 'the id of a warm-up does not follow from the idempotency key',
    file: 'core/flows/warm-up.ts',
    find: `: ['key', idempotencyKey];`,
    replace: `: ['key', idempotencyKey, Math.random()];`,
  },
  {
    name: 'warm-up-cap-not-looked-at',
    mistake: 'money for warm-ups is counted and not compared with the cap',
    file: 'core/admission/warmup-ask.ts',
    find: `limits.warmup_usd_micros_per_day ?? unbounded`,
    replace: `unbounded`,
  },
  {
    name: 'warm-up-pays-for-its-own-time-again',
    mistake: 'a second warm-up pays from now and not from the end of the first',
    file: 'core/flows/warm-up.ts',
    find: `const fromMs = Math.max(nowMs, standing?.untilMs ?? 0);`,
    replace: `const fromMs = nowMs;`,
  },
  {
    name: 'warm-up-never-ends',
    mistake: 'a pool is kept up by a warm-up that is over',
    file: 'core/scaling/pool-orders.ts',
    find: `.filter(({ untilMs }) => nowMs < untilMs)`,
    replace: `.filter(({ untilMs }) => nowMs < untilMs || untilMs > 0)`,
  },
  {
    name: 'warm-up-keeps-nobody-up',
    mistake: 'the scaler does not count what tenants pay for',
    file: 'core/scaling/pool-orders.ts',
    find: `standingWarmups(orders, nowMs).length > 0 ? 1 : 0`,
    replace: `standingWarmups(orders, nowMs).length < 0 ? 1 : 0`,
  },
  {
    name: 'warm-up-left-half-done',
    mistake: 'the sweep leaves the note of a warm-up that died',
    file: 'core/flows/sweep.ts',
    find: `    await finishWarmUp(ports, tenantId, { name: jobId, text: token });
    return 'settled';`,
    replace: `    return 'open';`,
  },
  {
    name: 'warm-up-money-is-kept',
    mistake: 'a warm-up that the pool did not take stays counted in the budget',
    file: 'core/flows/finish-warm-up.ts',
    find: `note === null || isPaid ? []`,
    replace: `note === null || entry !== null ? []`,
  },
];
