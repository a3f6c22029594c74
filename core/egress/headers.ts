/** Which headers a request to a tenant's address may carry: those that say nothing about the transfer itself. */
import type { EgressRefusal } from './policy.ts';
import { refusal } from './policy.ts';

/** The sender writes these from the checked URL and the body; another value would be a second request in the first. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...[
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'upgrade',
    'expect',
    'te',
    'trailer',
  ],
  ...['proxy-authorization', 'proxy-connection', 'http2-settings'],
]);

/** Null when all may be sent. Names are tokens, values visible ASCII with spaces and tabs (RFC 9110 section 5). */
export function refusedHeader(headers: Readonly<Record<string, string>>): EgressRefusal | null {
  for (const [name, value] of Object.entries(headers)) {
    const isToken = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i.test(name);
    if (!isToken) return refusal('header');
    const isPlain = /^[\t\x20-\x7e]*$/.test(value);
    if (!isPlain || ownHeaders.has(name.toLowerCase())) return refusal('header', name.slice(0, 40));
  }
  return null;
}
