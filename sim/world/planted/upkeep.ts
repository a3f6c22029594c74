/** Planted bugs: what sweeps, scales and holds out while a service is down. */
import type { Mutant } from './mutant.ts';

export const upkeepMutants: readonly Mutant[] = [
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
    name: 'file-swept-uncounted',
    mistake: 'the sweep ends the count of a file whose process is held, and counts nothing',
    seed: 6_284,
    file: 'core/flows/sweep.ts',
    find: `await finishCount(ports, tenantId, { name: jobId, text: token });`,
    replace: `await ports.gates.release(tenantId, jobId, { token, corrections: [], finishTag: null });`,
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
    file: 'core/flows/sweep.ts',
    find: `if (job === null && (await ports.jobs.forbid(tenantId, jobId, token)) === 'exists') return 'open';`,
    replace: ``,
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
    // Not left out alone: the look at the pool that follows would find it as it was, and look again for ever.
    replace: `  return 0;
`,
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
    seed: 1_330,
    file: 'core/flows/work.ts',
    find: `    ports.log.warn('tickets.receive_failed', { pool: ask.pool, reason: String(error) });
    await ports.clock.sleep(failedMs, ask.stopping);`,
    replace: `    ports.log.warn('tickets.receive_failed', { pool: ask.pool, reason: String(error) });`,
  },
  {
    name: 'in-while-busy',
    mistake: 'a pool has as many workers as its open jobs call for, and loses some while they work',
    file: 'core/scaling/policy.ts',
    find: `return clamp(Math.max(view.desired, Math.ceil(`,
    replace: `return clamp(Math.max(1, Math.ceil(`,
  },
  {
    name: 'leased-is-no-work',
    mistake: 'only jobs that wait keep workers up',
    file: 'core/flows/scale.ts',
    find: `: count.waiting + count.leased;`,
    replace: `: count.waiting;`,
  },
  {
    name: 'stop-drops-the-batch',
    mistake: 'a worker that is told to stop gives back what it runs at once',
    file: 'core/flows/work.ts',
    find: `const batch = await takeBatch(ports, { ...ask, jobs });`,
    replace: `const batch = await takeBatch(ports, { ...ask, interrupt: ask.stopping, jobs });`,
  },
  {
    name: 'stop-leaves-the-batch',
    mistake: 'a worker that is told to stop does not wait for what it runs',
    file: 'core/flows/work.ts',
    find: `  await Promise.all(bench.batches);`,
    replace: ``,
  },
  {
    name: 'worn-ticket-thrown-away',
    mistake: 'a ticket that its queue put aside is answered and not sent again',
    file: 'core/flows/dead-ticket.ts',
    find: `  await ports.tickets.send({ pool: job.pool, tenantId, jobId });
`,
    replace: ``,
  },
  {
    name: 'worn-ticket-settles-nothing',
    mistake: 'the job of a ticket that was put aside is left as it ended',
    file: 'core/flows/dead-ticket.ts',
    find: `    await settle(ports, job);
`,
    replace: ``,
  },
  {
    name: 'running-taken-for-asked',
    mistake: 'what was asked of the fleet is taken to be what it says is running, however wrong that is',
    file: 'core/flows/scale.ts',
    find: `      desired: fleet.desired,
`,
    replace: `      desired: fleet.running,
`,
  },
  {
    name: 'begun-while-told-to-go',
    mistake: 'a worker that was told to go still runs what it had claimed ahead',
    file: 'core/flows/work.ts',
    find: `if (isFree && !ask.stopping.aborted && batch.jobs.length > 0) {`,
    replace: `if (isFree && batch.jobs.length > 0) {`,
  },
];
