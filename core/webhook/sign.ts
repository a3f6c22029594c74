/** Signs messages as the Standard Webhooks specification says (github.com/standard-webhooks, 1.0.0). */
import { createHmac, sign } from 'node:crypto';
import type { SecretName } from './secret.ts';
import { sharedSecret, signingKey } from './secret.ts';

export interface Message {
  /** The same on every try of one message. */
  readonly id: string;
  readonly body: string;
}

/**
 * The three headers of a message sent at `nowMs`. Each secret signs twice, `v1` and `v1a`; while a secret is being
 * rotated there are two, and a receiver takes whichever it knows.
 */
export function signedHeaders(
  webhookKey: string,
  { id, body }: Message,
  { secrets, nowMs }: { readonly secrets: readonly SecretName[]; readonly nowMs: number },
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signed = `${id}.${timestamp}.${body}`;
  const signatures = [
    ...secrets.map((name) => `v1,${hmac(sharedSecret(webhookKey, name), signed)}`),
    ...secrets.map(
      (name) => `v1a,${sign(null, Buffer.from(signed), signingKey(webhookKey, name)).toString('base64')}`,
    ),
  ];
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

function hmac(secret: Uint8Array, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64');
}
