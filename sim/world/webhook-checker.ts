/**
 * I8 (reliability.md 3.1), from what receivers saw and what the log of deliveries tells tenants: whoever asked to be told
 * of an end was told, or can read why not; and nobody else was told anything.
 */
import type { JobRecord } from '#core/job/job.ts';
import { webhookLimits } from '#core/limits.ts';
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

/** What a message says of itself, as its receiver reads it. */
function read({ body }: ReceivedMessage): { type: string; jobId: string; status: string } {
  // Of our own making; what is not as it should be shows in the checks.
  const { type, data } = JSON.parse(body) as { type: string; data: { id: string; status: string } };
  return { type, jobId: data.id, status: data.status };
}

function checkMessage({ history }: World, message: ReceivedMessage): void {
  const { hook, headers } = message;
  const { type, jobId, status } = read(message);
  const job = history.stored.get(jobId);
  const about = `${type} of ${jobId} at ${hook.tenantId} ${hook.endpointId}`;
  if (job?.tenantId !== hook.tenantId) violate(history, 'I9', `${about}: it is ${job?.tenantId}'s`);
  if (!hook.events.some((event) => event === type)) violate(history, 'I8', `${about}: nobody asked for it`);
  const timestampMs = Number(headers['webhook-timestamp']) * 1000;
  if (!isSignedBy(hook.secret, message, timestampMs))
    violate(history, 'I8', `${about}: the signature is none`);
  const isEnd = type !== 'job.queued' && type !== 'job.running';
  if (isEnd && (type !== `job.${status}` || job?.status !== status)) {
    violate(history, 'I8', `${about}: it says ${status}, and the job ${job?.status}`);
  }
}

/** One id for one event at one receiver, however often it is tried; with nothing wrong, it is tried once. */
function checkIds({ history, scenario, plan }: World): void {
  const ids = new Map<string, string>();
  const events = new Map<string, string>();
  const seen = new Map<string, number>();
  for (const message of history.messages) {
    const { type, jobId } = read(message);
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

function checkTold({ history }: World, hook: Hook): void {
  const told = new Set<string>();
  for (const message of history.messages) {
    const { type, jobId } = read(message);
    if (message.hook === hook && message.isTaken) told.add(`${type} ${jobId}`);
  }
  const own = [...history.stored.values()].filter((job) => asksAt(job, hook));
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
function asksAt({ tenantId, status, place, webhook }: JobRecord, hook: Hook): boolean {
  if (tenantId !== hook.tenantId || place.kind !== 'done') return false;
  const events = hook.endpointId === 'default' ? (webhook?.events ?? []) : hook.events;
  return events.some((event) => event === `job.${status}`);
}
