/** Webhooks and their messages as a person reads them. */
import type { Webhook, WebhookDelivery } from '#client/schema.ts';
import { formatTime } from './format.ts';
import { fields, table } from './table.ts';

export function webhookTable(webhooks: readonly Webhook[]): string {
  const rows = webhooks.map((webhook) => [
    webhook.id,
    statusText(webhook),
    webhook.url ?? '-',
    webhook.events.join(' '),
  ]);
  return table(['ID', 'STATUS', 'URL', 'EVENTS'], rows);
}

export function newWebhookDetails(webhook: Webhook & { readonly secret: string }): string {
  const [newest, ...older] = webhook.signing;
  return fields([
    ['webhook', webhook.id],
    ['url', webhook.url],
    ['events', webhook.events.length === 0 ? null : webhook.events.join(' ')],
    ['secret', webhook.secret],
    ['public key', newest?.public_key ?? null],
    ...older.map(
      ({ ends_at: end }) =>
        ['old secret', end === null ? null : `signs too until ${formatTime(end)}`] as const,
    ),
  ]);
}

export function deliveryTable(deliveries: readonly WebhookDelivery[]): string {
  const rows = deliveries.map((delivery) => [
    delivery.id,
    formatTime(delivery.created_at),
    delivery.event,
    delivery.job ?? '-',
    String(delivery.tries.length),
    outcomeText(delivery),
  ]);
  return table(['ID', 'HAPPENED', 'EVENT', 'JOB', 'TRIES', 'OUTCOME'], rows);
}

function statusText({ disabled, failing_since: failing }: Webhook): string {
  if (disabled !== null) return `disabled (${disabled.reason})`;
  return failing === null ? 'active' : `failing since ${formatTime(failing)}`;
}

function outcomeText({ status, reason, tries, next_try_at: next }: WebhookDelivery): string {
  const last = tries.at(-1);
  const seen = last === undefined ? null : (last.error ?? String(last.status));
  if (status === 'delivered') return `delivered (${seen})`;
  if (status === 'failed') return `given up: ${reason}${seen === null ? '' : ` (${seen})`}`;
  const tried = seen === null ? 'not tried yet' : seen;
  return next === null ? tried : `${tried}, next ${formatTime(next)}`;
}
