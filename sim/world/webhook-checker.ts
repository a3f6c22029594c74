/**
 * I8 (reliability.md 3.1), from what receivers saw and what the log of deliveries tells tenants: whoever asked to be told
 * of an end was told, or can read why not; and nobody else was told anything.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JobRecord } from '#core/job/job.ts';
import { webhookLimits } from '#core/limits.ts';
import { defaultEndpointId } from '#core/webhook/endpoint.ts';
import { dialectOf, endOf, isSignedAsFal, readDialect } from './dialect-messages.ts';
import type { ReceivedMessage } from './history.ts';
import { violate } from './history.ts';
import { isSignedBy } from './verify-message.ts';
import type { Hook } from './webhooks.ts';
import type { World } from './world.ts';

export function checkWebhooks(world: World): void {
  for (const message of world.history.messages) checkMessage(world, message);
  checkIds(world);
  checkRecords(world);
  for (const hook of world.webhooks.hooks) checkTold(world, hook);
}

/** What its receiver makes of a message. */
interface Reading {
  /** The event that it tells. */
  readonly type: string;
  readonly jobId: string;
  readonly status: string;
}

function read({ history }: World, message: ReceivedMessage): Reading {
  const dialect = dialectOf(message);
  if (dialect === null) {
    // Of our own making; what is not as it should be shows in the checks.
    const { type, data } = JSON.parse(message.body) as { type: string; data: { id: string; status: string } };
    return { type, jobId: data.id, status: data.status };
  }
  const { jobId, ends } = readDialect(dialect, message);
  const job = history.stored.get(jobId);
  // A word of a dialect may stand for several ends of ours: for the true one, if that is among them.
  const status = job !== undefined && ends.includes(endOf(job)) ? job.status : (ends[0] ?? 'nothing');
  return { type: `job.${status}`, jobId, status };
}

function checkMessage(world: World, message: ReceivedMessage): void {
  const { history } = world;
  const { hook, headers } = message;
  const { type, jobId, status } = read(world, message);
  const job = history.stored.get(jobId);
  const about = `${type} of ${jobId} at ${hook.tenantId} ${hook.endpointId}`;
  if (job?.tenantId !== hook.tenantId) violate(history, 'I9', `${about}: it is ${job?.tenantId}'s`);
  if (!eventsAt(world, job, hook).some((event) => event === type)) {
    violate(history, 'I8', `${about}: nobody asked for it`);
  }
  const timestampMs = Number(headers['webhook-timestamp']) * 1000;
  if (!isSignedBy(hook.secret, message, timestampMs))
    violate(history, 'I8', `${about}: the signature is none`);
  const isEnd = type !== 'job.queued' && type !== 'job.running';
  if (isEnd && (type !== `job.${status}` || job?.status !== status)) {
    violate(history, 'I8', `${about}: it says ${status}, and the job ${job?.status}`);
  }
  if (job !== undefined) checkWords(world, message, job);
}

/** In the words that its request asked for, whole, about nobody else, and signed as those words are. */
function checkWords(world: World, message: ReceivedMessage, job: JobRecord): void {
  const { history } = world;
  const { hook, body } = message;
  const dialect = dialectOf(message);
  const about = `the message of ${job.jobId} at ${hook.tenantId} ${hook.endpointId}`;
  const asked = hook.endpointId === defaultEndpointId ? ownWebhookOf(world, job)?.form?.dialect : undefined;
  if (dialect !== (asked ?? null))
    violate(history, 'I8', `${about} is in the words of ${dialect ?? 'this API'}`);
  const others = [...body.matchAll(/canary-(tenant-\d+)/g)].filter(
    ([, tenantId]) => tenantId !== job.tenantId,
  );
  if (others.length > 0) violate(history, 'I9', `${about} holds what is another tenant's`);
  if (dialect === null) return;
  const { results } = readDialect(dialect, message);
  const whole = job.status === 'succeeded' ? job.outputs.map(({ sha256 }) => sha256) : null;
  // Of texts, fal's form has room for one.
  const told = dialect === 'fal' ? (whole?.slice(0, 1) ?? null) : whole;
  if (!isDeepStrictEqual(results, told)) violate(history, 'I8', `${about} tells another result`);
  if (dialect === 'fal' && !isSignedAsFal(hook.publicKey, message)) {
    violate(history, 'I8', `${about} has no signature of fal's form`);
  }
}

/** Where the job's request asked to be told, as its client knows it; a line of a batch asks for nothing. */
function ownWebhookOf({ history }: World, { metadata }: JobRecord): JobRecord['webhook'] {
  return history.ownWebhooks.get(metadata.op ?? '') ?? null;
}

/** What is to be told of the job there. */
function eventsAt(world: World, job: JobRecord | undefined, hook: Hook): readonly string[] {
  if (hook.endpointId !== defaultEndpointId) return hook.events;
  return job === undefined ? [] : (ownWebhookOf(world, job)?.events ?? []);
}

/** One id for one event at one receiver, however often it is tried; with nothing wrong, it is tried once. */
function checkIds(world: World): void {
  const { history, scenario, plan } = world;
  const ids = new Map<string, string>();
  const events = new Map<string, string>();
  const seen = new Map<string, number>();
  for (const message of history.messages) {
    const { type, jobId } = read(world, message);
    const event = `${type} of ${jobId} at ${message.hook.tenantId} ${message.hook.endpointId}`;
    const id = message.headers['webhook-id'] ?? '';
    if ((ids.get(event) ?? id) !== id)
      violate(history, 'I8', `${event} came as ${ids.get(event)} and as ${id}`);
    if ((events.get(id) ?? event) !== event)
      violate(history, 'I8', `${id} is ${events.get(id)} and ${event}`);
    ids.set(event, id);
    events.set(id, event);
    seen.set(event, (seen.get(event) ?? 0) + 1);
  }
  if (!scenario.isCalm || plan.hits.size > 0) return;
  for (const [event, times] of seen) {
    if (times > 1) violate(history, 'I8', `${event} came ${times} times, with nothing wrong`);
  }
}

/** What the log says is true: delivered means taken, given up means tried, and every entry is its tenant's own. */
function checkRecords({ history, webhooks }: World): void {
  const taken = new Set(
    history.messages.filter(({ isTaken }) => isTaken).map(({ headers }) => headers['webhook-id']),
  );
  for (const delivery of history.deliveries.values()) {
    const { deliveryId, tenantId, endpointId, status, reason, triesSpent } = delivery;
    const hook = webhooks.hooks.find((each) => each.endpointId === endpointId && each.tenantId === tenantId);
    if (hook === undefined) violate(history, 'I9', `${deliveryId} of ${tenantId} is for ${endpointId}`);
    if (status === 'delivered' && !taken.has(deliveryId)) {
      violate(history, 'I8', `${deliveryId} is told as delivered, and nobody has taken it`);
    }
    if (reason === 'exhausted' && triesSpent <= webhookLimits.retryDelaysMs.length) {
      violate(history, 'I8', `${deliveryId} was given up after ${triesSpent} tries`);
    }
    if (status === 'pending') violate(history, 'I10', `${deliveryId} is still on its way`);
  }
}

function checkTold(world: World, hook: Hook): void {
  const { history } = world;
  const told = new Set<string>();
  for (const message of history.messages) {
    if (message.hook !== hook || !message.isTaken) continue;
    const { type, jobId } = read(world, message);
    told.add(`${type} ${jobId}`);
  }
  const own = [...history.stored.values()].filter((job) => asksAt(world, job, hook));
  const givenUp = [...history.deliveries.values()].filter(
    ({ tenantId, endpointId, status }) =>
      tenantId === hook.tenantId && endpointId === hook.endpointId && status === 'failed',
  );
  for (const { jobId, status } of own) {
    const event = `job.${status}`;
    // Whoever is gone has said that no more is to be told: later events are not even recorded.
    if (told.has(`${event} ${jobId}`) || hook.kind === 'gone') continue;
    if (givenUp.some((delivery) => delivery.jobId === jobId && delivery.event === event)) continue;
    violate(history, 'I8', `${hook.tenantId} was never told at ${hook.endpointId} that ${jobId} ${status}`);
  }
}

/** Whether this job's end is to be told there. */
function asksAt(world: World, job: JobRecord, hook: Hook): boolean {
  if (job.tenantId !== hook.tenantId || job.place.kind !== 'done') return false;
  return eventsAt(world, job, hook).some((event) => event === `job.${job.status}`);
}
