/** Planted bugs: what a job costs, who pays it, and what is given back. */
import type { Mutant } from './mutant.ts';

export const moneyMutants: readonly Mutant[] = [
  {
    name: 'settle-in-other-order',
    mistake: 'the reservation goes before the ledger entry is written',
    file: 'core/flows/settle.ts',
    find: `  const appended = await ports.ledger.append(entry);
  await announce(ports, job);
  const released = await release(ports, job, job.reservation, entry, storedOf(entry));`,
    replace: `  const released = await release(ports, job, job.reservation, entry, storedOf(entry));
  const appended = await ports.ledger.append(entry);
  await announce(ports, job);`,
  },
  {
    name: 'no-ledger-entry',
    mistake: 'a settled job is never charged',
    file: 'core/flows/settle.ts',
    find: `await ports.ledger.append(entry)`,
    replace: `'appended' as const`,
  },
  {
    name: 'charged-again-by-each-settle',
    mistake: 'the ledger entry has an id of its own instead of the job',
    file: 'core/billing/ledger.ts',
    find: `    jobId: job.jobId,
    kind: 'charge',`,
    replace: `    jobId: job.jobId + Math.random(),
    kind: 'charge',`,
  },
  {
    name: 'no-true-up',
    mistake: 'what was set aside beyond what was spent is kept',
    file: 'core/flows/settle.ts',
    find: `corrections: trueUp(reserved, spent),`,
    replace: `corrections: [],`,
  },
  {
    name: 'failure-is-charged',
    mistake: 'a job that failed costs what was set aside',
    file: 'core/job/transitions.ts',
    find: `status: 'failed', finishedAtMs: nowMs, error, costUsdMicros: 0`,
    replace: `status: 'failed', finishedAtMs: nowMs, error, costUsdMicros: job.reservedUsdMicros`,
  },
  {
    name: 'slow-card-is-charged',
    mistake: 'GPU time beyond the prediction is charged',
    file: 'core/flows/end-job.ts',
    find: `return Math.min(job.reservedUsdMicros, gpuCostUsdMicros(gpuMs, perHour));`,
    replace: `return gpuCostUsdMicros(gpuMs, perHour);`,
  },
  {
    name: 'expired-is-charged',
    mistake: 'a job that never started costs something',
    file: 'core/job/transitions.ts',
    find: `    error: jobError('deadline_exceeded'),
    costUsdMicros: 0,`,
    replace: `    error: jobError('deadline_exceeded'),
    costUsdMicros: 1,`,
  },
  {
    name: 'refund-of-more-than-the-charge',
    mistake: 'what is given back is not compared with what was charged',
    file: 'core/billing/ledger.ts',
    find: `const given = usdMicros === 0 ? 0 : -usdMicros;`,
    replace: `const given = usdMicros === 0 ? 0 : -2 * usdMicros;`,
  },
  {
    name: 'every-refund-note-corrects',
    mistake: 'the budget gets back what another try of the refund gave',
    seed: 1_530,
    file: 'core/flows/refund.ts',
    find: `const corrections = note === null || entry === null ? []`,
    replace: `const corrections = note === null ? []`,
  },
  {
    name: 'late-copy-comes-back',
    mistake: 'what was released leaves no trace that lasts, so a copy of its write brings it back',
    seed: 5_468,
    file: 'core/admission/traces.ts',
    find: `Math.abs(nowMs - second * 1000) >= gateLimits.traceKeptMs;`,
    replace: `Math.abs(nowMs - second * 1000) >= 0;`,
  },
  {
    name: 'refund-left-half-done',
    mistake: 'the sweep leaves the note of a refund that died',
    file: 'core/flows/sweep.ts',
    find: `    await finishRefund(ports, tenantId, { name: jobId, text: token });
    return 'settled';`,
    replace: `    return 'open';`,
  },
  {
    name: 'wrong-tenant-pays',
    mistake: 'the ledger entry names another tenant',
    file: 'core/billing/ledger.ts',
    find: `    tenantId: job.tenantId,
    month`,
    replace: `    tenantId: 'tenant-0',
    month`,
  },
  {
    name: 'refund-twice',
    mistake: 'a refund is entered by the note that it came from, so each note gives back',
    file: 'sim/memory/memory-ledger.ts',
    find: `return jobKey(entry.jobId, entry.kind);`,
    replace: `return jobKey(entry.jobId, entry.kind + (entry.refund?.token ?? ''));`,
  },
  {
    name: 'settle-before-finish',
    mistake: 'a job is settled before its end is stored, which may be refused',
    file: 'core/flows/apply.ts',
    find: `  const outcome = await ports.jobs.apply(`,
    replace: `  if (effects.some(({ kind }) => kind === 'settle')) await settle(ports, { ...(await ports.jobs.get(job.tenantId, job.jobId, { consistent: true })), ...patch });
  const outcome = await ports.jobs.apply(`,
  },
];
