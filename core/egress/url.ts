/**
 * The check of a URL as a tenant typed it, before any name is asked for. A guard fails where two readers of one text
 * disagree on its host, so only forms that every reader reads alike get through: what is odd is refused rather than
 * understood. The addresses a name leads to are judged when they are known, by `address.ts`.
 */
import { egressLimits } from '../limits.ts';
import { checkAddress } from './address.ts';
import { parseIpAddress } from './ip-address.ts';
import type { EgressPolicy, EgressRefusal } from './policy.ts';
import { refusal } from './policy.ts';

export type CheckedUrl = { readonly kind: 'ok'; readonly url: URL } | EgressRefusal;

/**
 * Names that never lead to a public host: special-use names (iana.org/assignments/special-use-domain-names), `internal`
 * (ICANN, 2024), and the private top levels of RFC 6762 appendix G. `example` stays: nothing answers there.
 */
const localNames: ReadonlySet<string> = new Set([
  ...['localhost', 'localdomain', 'local', 'internal', 'intranet', 'private', 'corp', 'home', 'lan'],
  ...['arpa', 'onion', 'alt', 'test', 'invalid'],
]);

const defaultPorts = { https: 443, http: 80 } as const;

/**
 * Never throws. `ok` holds the URL in its normal form; its host is a name of public shape or a public address, and is
 * letter for letter the one in `text`, in small letters.
 */
export function checkUrl(text: string, policy: EgressPolicy): CheckedUrl {
  if (text.length > egressLimits.urlCharactersMax) {
    return refusal('url_too_long', `${text.length} characters of ${egressLimits.urlCharactersMax}`);
  }
  // Readers drop tabs and line breaks, turn `\` into `/`, and fold letters and digits of other scripts into ASCII.
  if (!/^[\x21-\x5b\x5d-\x7e]*$/.test(text)) return refusal('url_characters');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return refusal('url_malformed');
  const allowed = policy.schemes.find((each) => each === scheme);
  if (allowed === undefined) return refusal('scheme', scheme.slice(0, 16));
  const authority = /^[^:]+:\/\/([^/?#]+)/.exec(text)?.[1];
  if (authority === undefined) return refusal('url_malformed');
  if (authority.includes('@')) return refusal('userinfo');
  if (text.includes('#')) return refusal('fragment');
  return refusedAuthority(authority.toLowerCase(), defaultPorts[allowed], policy) ?? parsed(text, authority);
}

function refusedAuthority(
  authority: string,
  portDefault: number,
  policy: EgressPolicy,
): EgressRefusal | null {
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(authority);
  const host = parts?.[1];
  if (host === undefined || host === '') return refusal('url_malformed');
  return refusedPort(parts?.[2], portDefault, policy) ?? refusedHost(host, policy);
}

function refusedPort(
  typed: string | undefined,
  portDefault: number,
  policy: EgressPolicy,
): EgressRefusal | null {
  if (typed !== undefined && !/^[1-9]\d{0,4}$/.test(typed)) return refusal('port');
  const port = typed === undefined ? portDefault : Number(typed);
  if (port > 65_535) return refusal('port');
  return policy.ports === 'any' || policy.ports.includes(port) ? null : refusal('port', String(port));
}

function refusedHost(host: string, policy: EgressPolicy): EgressRefusal | null {
  if (host.startsWith('[')) {
    const literal = host.slice(1, -1);
    if (literal.includes('%')) return refusal('host_zone');
    return literal.includes(':') ? refusedAddress(literal, policy) : refusal('address_malformed');
  }
  // `ends in a number` of url.spec.whatwg.org: what `inet_aton` and browsers read as an IPv4 address.
  if (/(^|\.)(\d+|0x[0-9a-f]*)\.?$/.test(host)) {
    return parseIpAddress(host) === null ? refusal('host_number') : refusedAddress(host, policy);
  }
  return refusedName(host, policy);
}

function refusedAddress(literal: string, policy: EgressPolicy): EgressRefusal | null {
  const checked = checkAddress(literal, policy);
  return checked.kind === 'ok' ? null : checked;
}

function refusedName(host: string, policy: EgressPolicy): EgressRefusal | null {
  if (host.endsWith('.')) return refusal('host_trailing_dot');
  if (host.length > egressLimits.hostCharactersMax) return refusal('host_too_long');
  const labels = host.split('.');
  // Letters, digits, hyphens (RFC 1123): `%2e` and `_` are among what is left out.
  if (!labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)))
    return refusal('host_label');
  if (policy.privateAddresses === 'allowed') return null;
  const last = labels.at(-1) ?? '';
  // No top level begins with a digit, and readers of numbers differ on how far into `1.1.1.1a` they read.
  if (/^\d/.test(last)) return refusal('host_label', `.${last}`);
  if (localNames.has(last)) return refusal('host_local_name', `.${last}`);
  return labels.length === 1 ? refusal('host_single_label', host) : null;
}

/** The last word is the parser's that the connection is made with: it must have read the host that was checked. */
function parsed(text: string, authority: string): CheckedUrl {
  const url = URL.parse(text);
  if (url === null) return refusal('url_malformed');
  const read = parseHost(url.hostname);
  const checked = parseHost(authority.toLowerCase().replace(/:\d+$/, ''));
  return read === checked
    ? { kind: 'ok', url }
    : refusal('url_malformed', 'its host can be read in two ways');
}

/** IPv6 has several spellings of one address, and parsers choose the shortest. */
function parseHost(host: string): string {
  const address = host.startsWith('[') ? parseIpAddress(host.slice(1, -1)) : null;
  return address === null ? host : address.bits.toString(16);
}
