/** What the routes of webhooks share: finding, checking addresses, showing secrets and public keys. */
import type { WebhookResource } from '#core/api/webhook-resource.ts';
import { presentEndpoint } from '#core/api/webhook-resource.ts';
import { checkUrl } from '#core/egress/url.ts';
import { AppError } from '#core/errors.ts';
import type { EndpointRecord } from '#core/webhook/endpoint.ts';
import { defaultEndpointId, secretsInForce, unstoredDefault } from '#core/webhook/endpoint.ts';
import { formatPublicKey, formatSecret, sharedSecret, signingKey } from '#core/webhook/secret.ts';
import type { ApiDeps } from './api-deps.ts';

const idForm = /^whe_[0-9a-hjkmnp-tv-z]{26}$/;

/** The tenant's webhook, or what stands for the addresses of single jobs; `not_found` for everything else. */
export async function findEndpoint(
  { endpoints }: Pick<ApiDeps, 'endpoints'>,
  tenantId: string,
  id: string,
): Promise<EndpointRecord> {
  const isDefault = id === defaultEndpointId;
  const stored = isDefault || idForm.test(id) ? await endpoints.get(tenantId, id) : null;
  if (stored !== null) return stored;
  if (isDefault) return unstoredDefault(tenantId);
  throw new AppError('not_found');
}

/** Throws `conflict`: what asks for an address has none to go by. */
export function refuseDefault({ endpointId }: EndpointRecord): void {
  if (endpointId !== defaultEndpointId) return;
  throw new AppError('conflict', {
    publicMessage: 'This stands for the addresses that single jobs name and has none of its own.',
  });
}

/**
 * The address in its normal form. Throws `invalid_request` with the rule of one that no message may go to.
 * @param path of the field in the request
 */
export function checkedTarget<T extends { readonly url: string }>(
  { webhookAddresses }: ApiDeps,
  path: string,
  target: T,
): T {
  const checked = checkUrl(target.url, webhookAddresses);
  if (checked.kind === 'ok') return { ...target, url: checked.url.href };
  const details = [{ path, message: checked.detail, code: checked.rule }];
  throw new AppError('invalid_request', { details });
}

export function presentWebhook({ clock, webhookKey }: ApiDeps, endpoint: EndpointRecord): WebhookResource {
  const nowMs = clock.nowMs();
  const publicKeys = secretsInForce(endpoint, nowMs).map((name) =>
    formatPublicKey(signingKey(webhookKey, name)),
  );
  return presentEndpoint(endpoint, { publicKeys, nowMs });
}

/** With its newest secret: only for whoever has just made it. */
export function presentNewWebhook(
  deps: ApiDeps,
  endpoint: EndpointRecord,
): WebhookResource & { readonly secret: string } {
  return { ...presentWebhook(deps, endpoint), secret: newestSecretOf(deps, endpoint) };
}

export function newestSecretOf({ clock, webhookKey }: ApiDeps, endpoint: EndpointRecord): string {
  const [newest] = secretsInForce(endpoint, clock.nowMs());
  if (newest === undefined) throw new Error('an endpoint always has a secret');
  return formatSecret(sharedSecret(webhookKey, newest));
}
