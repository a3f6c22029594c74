/** Planted bugs of webhooks: see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

export const webhookMutants: readonly Mutant[] = [
  {
    name: 'settled-before-announced',
    mistake: 'the reservation goes before the end of the job is recorded for those who want to be told',
    file: 'core/flows/settle.ts',
    find: `  await announce(ports, job);
  const released = await release(ports, job, job.reservation, entry, storedOf(entry));`,
    replace: `  const released = await release(ports, job, job.reservation, entry, storedOf(entry));
  await announce(ports, job);`,
  },
  {
    name: 'delivered-before-sent',
    mistake: 'a message is told as delivered when it is claimed',
    file: 'core/webhook/delivery.ts',
    find: `    nextAtMs: nowMs + webhookLimits.claimMs,`,
    replace: `    status: 'delivered', nextAtMs: null, keptUntilMs: nowMs + webhookLimits.logKeptMs,`,
  },
  {
    name: 'new-id-for-each-try',
    mistake: 'every try of a message has an id of its own',
    file: 'core/flows/try-delivery.ts',
    find: `{ id: taken.deliveryId, body }`,
    replace: `{ id: taken.deliveryId + taken.triesSpent, body }`,
  },
  {
    name: 'endpoints-of-everybody',
    mistake: 'an event is recorded for the endpoints of every tenant',
    file: 'sim/memory/memory-webhooks.ts',
    find: `(each) => each.tenantId === tenantId)`,
    replace: `() => true)`,
  },
  {
    name: 'given-up-at-the-first-failure',
    mistake: 'a failure that is worth another try is told as the last',
    file: 'core/webhook/delivery.ts',
    find: `if (delayMs === null) return givenUp`,
    replace: `if (delayMs !== null) return givenUp`,
  },
  {
    name: 'delivery-claimed-by-two',
    mistake: 'a claim does not ask for the version it replaces',
    seed: 874,
    file: 'sim/memory/memory-webhooks.ts',
    find: `const isNext = (own.records.get(key)?.version ?? 0) === delivery.version - 1;`,
    replace: `const isNext = (own.records.get(key)?.version ?? 0) <= delivery.version;`,
  },
  {
    name: 'turn-moved-past-a-retry',
    mistake: 'a tenant with nothing due now is looked at when something new happens, not when a retry is due',
    file: 'sim/memory/memory-webhooks.ts',
    find: `own.turn.atMs = Math.min(next ?? Infinity, nowMs + webhookLimits.turnLookMs);`,
    replace: `own.turn.atMs = Infinity;`,
  },
  {
    name: 'end-told-as-it-was',
    mistake: 'the end of a job is told from its error instead of its status',
    file: 'core/webhook/event.ts',
    find: `if (isTerminal(job)) seen.push({ event: \`job.\${job.status}\``,
    replace: `if (isTerminal(job)) seen.push({ event: job.error === null ? 'job.succeeded' : 'job.failed'`,
  },
  {
    name: 'failure-told-as-result',
    mistake: 'to a request in the words of RunPod, a job that failed is told as COMPLETED',
    file: 'core/dialects/runpod/job.ts',
    find: `return 'FAILED';`,
    replace: `return 'COMPLETED';`,
  },
  {
    name: 'cancellation-told-as-time-out',
    mistake: 'to a request in the words of RunPod, a job that was canceled is told as one that ran too long',
    seed: 199,
    file: 'core/dialects/runpod/job.ts',
    find: `error?.code === 'run_too_long' ? 'TIMED_OUT' : 'CANCELLED'`,
    replace: `error?.code === 'run_too_long' ? 'CANCELLED' : 'TIMED_OUT'`,
  },
  {
    name: 'message-of-whoever-came-first',
    mistake:
      'a process keeps the job of the first message in a dialect and tells it to every receiver, of other tenants too',
    file: 'core/flows/try-delivery.ts',
    find: `...(await dialectMessage(ports, job, form)) };`,
    replace: `...(await dialectMessage(ports, ((globalThis as any).firstJob ??= job), form)) };`,
  },
  {
    name: 'dialect-forgotten',
    mistake: 'a message to a request in a dialect is in our own words',
    file: 'core/flows/try-delivery.ts',
    find: `isDefault ? job.webhook?.form : undefined`,
    replace: `isDefault ? undefined : job.webhook?.form`,
  },
  {
    name: 'signature-without-the-body',
    mistake: "fal's signature is over everything but the body",
    file: 'core/dialects/fal/webhook.ts',
    find: `timestamp, digest(body)]`,
    replace: `timestamp, digest('')]`,
  },
];
