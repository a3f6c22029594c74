/**
 * Planted bugs: one change each to the product's own source, made as it is loaded. A simulator that finds nothing says
 * something only if it finds these. `find` must stand in the file exactly once, so that none outlives what it breaks.
 */
import { adapterMutants } from './adapter-mutants.ts';
import { monthMutants } from './month-mutants.ts';
import { webhookMutants } from './webhook-mutants.ts';

export interface Mutant {
  readonly name: string;
  /** What somebody who writes it would have got wrong. */
  readonly mistake: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** A world that has found it, of one that takes hundreds to find: looked at first. */
  readonly seed?: number;
}

export function mutantOf(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new Error(`no mutant ${name}; --mutant list names them`);
  return mutant;
}

export const mutants: readonly Mutant[] = [
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
    name: 'no-fencing',
    mistake: 'a write does not ask for the attempt it belongs to',
    file: 'sim/memory/memory-jobs.ts',
    find: `if (job.attempt !== guard.attempt || job.place.kind !== guard.place) return false;`,
    replace: `if (job.place.kind !== guard.place) return false;`,
  },
  {
    name: 'no-place-condition',
    mistake: 'a write does not ask where the job is',
    file: 'sim/memory/memory-jobs.ts',
    find: `if (job.attempt !== guard.attempt || job.place.kind !== guard.place) return false;`,
    replace: `if (job.attempt !== guard.attempt) return false;`,
  },
  {
    name: 'claim-without-a-new-attempt',
    mistake: 'a second claim carries the fencing token of the first',
    file: 'core/job/transitions.ts',
    find: `attempt: attempt + 1,`,
    replace: `attempt: Math.max(1, attempt),`,
  },
  {
    name: 'lease-never-renewed',
    mistake: 'the pulse of a running batch writes nothing',
    seed: 35,
    file: 'core/flows/pulse.ts',
    find: `return !own.lost && (own.dirty || !isFresh(own.writtenAtMs, jobLimits.renewMs, nowMs));`,
    replace: `return own.lost && nowMs < 0;`,
  },
  {
    name: 'attempts-without-end',
    mistake: 'a job whose workers keep dying is tried again as often as it likes',
    file: 'core/job/transitions.ts',
    find: `if (attemptsSpent(job) > jobLimits.attemptsMax) {`,
    replace: `if (attemptsSpent(job) < 0) {`,
  },
  {
    name: 'success-before-upload',
    mistake: 'a job succeeds while its results are on their way',
    file: 'core/flows/end-job.ts',
    find: `await ports.blobs.put(`,
    replace: `void ports.blobs.put(`,
  },
  {
    name: 'result-path-without-attempt',
    mistake: 'two attempts write their results to one place',
    file: 'core/flows/end-job.ts',
    find: `job.attempt}/`,
    replace: `0}/`,
  },
  {
    name: 'result-of-a-batch-mate',
    mistake: 'outcomes of a batch are taken by order instead of by id',
    file: 'core/flows/run.ts',
    find: `outcomes.get(job.jobId)`,
    replace: `[...outcomes.values()][0]`,
  },
  {
    name: 'batch-of-unlike-jobs',
    mistake: 'mates are chosen without their batch key',
    file: 'core/dispatch/choose-batch.ts',
    find: `entry.batchKey === head.batchKey &&`,
    replace: ``,
  },
  {
    name: 'lost-ticket-never-sent-again',
    mistake: 'the sweep does not count tickets',
    file: 'core/flows/sweep.ts',
    find: `if (missing <= 0) return 0;`,
    replace: `if (missing <= 0 || pool !== '') return 0;`,
  },
  {
    name: 'reservation-never-swept',
    mistake: 'the sweep leaves reservations of submissions that died',
    file: 'core/flows/sweep.ts',
    find: `if (ageMs < sweepLimits.graceMs) return 'open';`,
    replace: `if (ageMs >= 0) return 'open';`,
  },
  {
    name: 'terminal-job-never-settled',
    mistake: 'the sweep leaves the reservation of a job whose worker died between its last two writes',
    file: 'core/flows/sweep.ts',
    find: `    await settle(ports, job);
    await remember(ports, job);
    return 'settled';`,
    replace: `    return 'open';`,
  },
  {
    name: 'sweep-releases-what-is-still-coming',
    mistake: 'a submission that was held up creates its job after its reservation went',
    seed: 561,
    file: 'core/flows/sweep.ts',
    find: `if (job === null && (await ports.jobs.forbid(tenantId, jobId, token)) === 'exists') return 'open';`,
    replace: ``,
  },
  {
    name: 'two-jobs-for-one-key',
    mistake: 'the job id does not follow from the idempotency key',
    file: 'core/flows/checked-request.ts',
    find: `derivedJobId(ask.tenant.tenantId, idempotencyKey)`,
    replace: `ports.ids.next('job')`,
  },
  {
    name: 'another-body-is-a-replay',
    mistake: 'the fingerprint of a repeated key is not compared',
    file: 'core/flows/submit.ts',
    find: `return job.fingerprint === checked.fingerprint ?`,
    replace: `return job.fingerprint !== '' ?`,
  },
  {
    name: 'admission-sets-nothing-aside',
    mistake: 'the price of a job is not taken from the budget',
    file: 'core/flows/checked-request.ts',
    find: `    gpuMs: checked.work.predictedGpuMs,
    reservedUsdMicros: checked.reservedUsdMicros,`,
    replace: `    gpuMs: checked.work.predictedGpuMs,
    reservedUsdMicros: 0,`,
  },
  {
    name: 'prompt-in-the-log',
    mistake: 'a log line of a failed step carries the input',
    file: 'core/flows/ring.ts',
    find: `...jobNames(job), pool: job.pool,`,
    replace: `...jobNames(job), pool: String(job.input.prompt),`,
  },
  {
    name: 'cache-forgets-the-input',
    mistake: 'the key of a cached result leaves out what was asked for',
    file: 'core/cache/cached-result.ts',
    find: `canonicalJson([id, revision, input, `,
    replace: `canonicalJson([id, revision, `,
  },
  {
    name: 'cached-result-is-priced',
    mistake: 'a result that was made before sets aside its price again',
    file: 'core/flows/checked-request.ts',
    find: `work, reservedUsdMicros: 0, tagCost: 0, hit: found.hit`,
    replace: `work, tagCost: 0, hit: found.hit`,
  },
  {
    name: 'one-open-job-too-many',
    mistake: 'the cap on open jobs is compared with the wrong sign',
    file: 'core/admission/gate.ts',
    find: `if (open >= ask.openJobsMax) {`,
    replace: `if (open > ask.openJobsMax) {`,
  },
  {
    name: 'window-looks-back-only',
    mistake: 'a window is asked whether it was full before, not whether this request fits',
    file: 'core/admission/gate.ts',
    find: `used + add > max ?`,
    replace: `used > max ?`,
  },
  {
    name: 'window-not-counted',
    mistake: 'an admission does not raise its counters',
    file: 'core/admission/gate.ts',
    find: `counters[name] = (counters[name] ?? 0) + add;`,
    replace: `counters[name] = counters[name] ?? add;`,
  },
  {
    name: 'deadline-not-looked-at',
    mistake: 'a job that waited past its deadline is started all the same',
    file: 'core/job/transitions.ts',
    find: `return entry.attempt === 0 && nowMs > entry.startByMs;`,
    replace: `return entry.attempt === 0 && nowMs < 0;`,
  },
  {
    name: 'memory-not-waited-for',
    mistake: 'a job that ran out of memory is tried again at once',
    file: 'core/job/transitions.ts',
    find: `return notBeforeMs !== null && nowMs < notBeforeMs &&`,
    replace: `return notBeforeMs !== null && nowMs < 0 &&`,
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
    name: 'no-cap-on-workers',
    mistake: 'demand alone says how many workers there are',
    file: 'core/scaling/policy.ts',
    find: `Math.min(bounds.workersMax, Math.max(workersMin, workers))`,
    replace: `Math.max(workersMin, workers)`,
  },
  {
    name: 'never-in',
    mistake: 'an idle pool keeps its workers',
    file: 'core/scaling/policy.ts',
    find: `return isIdleLongEnough ? clamp(0) : clamp(view.desired);`,
    replace: `return isIdleLongEnough ? clamp(view.desired) : clamp(view.desired);`,
  },
  {
    name: 'small-work-is-no-work',
    mistake: 'no worker is asked for while few jobs wait',
    file: 'core/scaling/policy.ts',
    find: `if (view.openJobs > 0) {`,
    replace: `if (view.openJobs > 2) {`,
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
    seed: 1138,
    file: 'core/flows/refund.ts',
    find: `const corrections = note === null || entry === null ? []`,
    replace: `const corrections = note === null ? []`,
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
    name: 'pause-never-ends',
    mistake: 'a worker that held back does not look again',
    file: 'core/flows/work.ts',
    find: `while (!ask.stopping.aborted && isHeldBack(`,
    replace: `while (!ask.stopping.aborted || isHeldBack(`,
  },
  {
    name: 'drain-never-ends',
    mistake: 'an emptied pool stays held back',
    file: 'core/flows/scale.ts',
    find: `  await ports.pools.order(pool, { kind: 'end_drain', atMs: orders.drainingAtMs });
`,
    replace: ``,
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
    name: 'running-jobs-not-counted',
    mistake: 'a claim takes no place among the running jobs of its tenant',
    file: 'core/flows/claim.ts',
    find: `if (runningJobsMax === null) return true;`,
    replace: `if (runningJobsMax !== 0) return true;`,
  },
  {
    name: 'lost-claim-frees-the-place',
    mistake: 'a claim that lost its race frees the place, which is the place of whoever won',
    file: 'core/flows/claim.ts',
    find: `if (job === null) passed.lost.add(entry.jobId);`,
    replace: `if (job === null) passed.lost.add(entry.jobId), await ports.gates.stop(entry.tenantId, entry.jobId, entry.attempt + 1);`,
  },
  {
    name: 'place-never-freed',
    mistake: 'a job that ends keeps its place among the running ones',
    file: 'core/flows/settle.ts',
    find: `endsRunning: job.runningJobsMax !== null,`,
    replace: `endsRunning: false,`,
  },
  {
    name: 'allotment-not-kept',
    mistake: 'a batch is held to the card and not to the allotments of its tenants',
    file: 'core/dispatch/packing.ts',
    find: `    sumMb(own) <= Math.min(...allotments) &&`,
    replace: ``,
  },
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
    seed: 86,
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
  {
    name: 'stored-bytes-not-counted',
    mistake: 'what a job stored is not counted when it ends',
    file: 'core/flows/settle.ts',
    find: `await release(ports, job, job.reservation, entry, storedOf(entry));`,
    replace: `await release(ports, job, job.reservation, entry);`,
  },
  {
    name: 'cached-result-counted-again',
    mistake: 'the files of a cached result are counted for each job that names them',
    file: 'core/billing/ledger.ts',
    find: `job.receipt?.cachedFrom === undefined ? job.outputs`,
    replace: `job.receipt?.cachedFrom !== null ? job.outputs`,
  },
  {
    name: 'storage-not-asked',
    mistake: 'a job is admitted whatever its tenant keeps',
    seed: 124,
    file: 'core/admission/gate.ts',
    find: `const isBound = storageGb !== undefined && demand.storesFiles;`,
    replace: `const isBound = storageGb !== undefined && !demand.storesFiles;`,
  },
  {
    name: 'tokens-not-counted',
    mistake: 'a request asks for no tokens',
    file: 'core/flows/checked-request.ts',
    find: `tokens: checked.work.tokens.tokens,`,
    replace: `tokens: 0,`,
  },
  {
    name: 'retention-ignored',
    mistake: 'a job answers for as long as its record is there',
    file: 'core/job/job.ts',
    find: `return untilMs !== null && nowMs >= untilMs;`,
    replace: `return untilMs !== null && nowMs < 0;`,
  },
  {
    name: 'spent-key-makes-a-job',
    mistake: 'a key whose job is gone makes another of its id, which the ledger does not charge',
    file: 'core/flows/submit.ts',
    find: `return (await ledger.charge(tenantId, monthOf(nowMs), jobId)) !== null;`,
    replace: `return (await ledger.charge(tenantId, monthOf(nowMs), jobId)) === undefined;`,
  },
  {
    name: 'outage-answered-as-accepted',
    mistake: 'a job that could not be stored is accepted all the same',
    file: 'core/flows/submit.ts',
    find: `if ((await ports.jobs.create(job)) === 'exists') {`,
    replace: `if ((await ports.jobs.create(job).catch(() => 'created')) === 'exists') {`,
  },
  {
    name: 'outage-hammered',
    mistake: 'a worker asks a queue that is down again at once',
    seed: 108,
    file: 'core/flows/work.ts',
    find: `    ports.log.warn('tickets.receive_failed', { pool: ask.pool, reason: String(error) });
    await ports.clock.sleep(failedMs, ask.stopping);`,
    replace: `    ports.log.warn('tickets.receive_failed', { pool: ask.pool, reason: String(error) });`,
  },
  ...monthMutants,
  ...webhookMutants,
  ...adapterMutants,
];
