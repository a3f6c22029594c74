/** What requests to addresses of tenants' choice may reach, and every reason why one is refused. */

/**
 * Set by the operator, the same for every tenant. {@link publicHttps} is what runs in production; plain http and
 * private addresses are there for a stack on one's own machine, and only where its operator asked for them.
 */
export interface EgressPolicy {
  readonly schemes: readonly ('https' | 'http')[];
  readonly ports: readonly number[] | 'any';
  /**
   * `allowed` lets in loopback, private and unique-local addresses, and the names that lead to them. Metadata
   * services, link-local, multicast and every other special address stay refused.
   */
  readonly privateAddresses: 'refused' | 'allowed';
}

/** 8443 is where receivers run that cannot have the first thousand ports. */
export const publicHttps: EgressPolicy = {
  schemes: ['https'],
  ports: [443, 8443],
  privateAddresses: 'refused',
};

/** Each rule, with the words that explain it to the tenant. */
export const egressRules = {
  url_too_long: 'the URL is longer than is read',
  url_characters: 'the URL holds a character other than printable ASCII, or a backslash',
  url_malformed: 'this is not a complete URL',
  scheme: 'the scheme is not allowed',
  userinfo: 'a URL here carries no user name and no password',
  fragment: 'a URL here carries no fragment',
  port: 'the port is not allowed',
  host_number: 'an IPv4 address is written as four decimal numbers without leading zeros',
  host_zone: 'an address here carries no zone',
  host_trailing_dot: 'the name of the host ends in a dot',
  host_label: 'a part of the name of the host is empty, too long, or has characters that host names have not',
  host_too_long: 'the name of the host is longer than names can be',
  host_single_label: 'the name of the host has no dot, so only a local network knows it',
  host_local_name: 'the name of the host belongs to local networks',
  address_malformed: 'this is not an IP address',
  address_loopback: 'the address is the machine itself',
  address_private: 'the address is in a private network',
  address_metadata: 'the address is a service of the cloud for its own machines',
  address_special: 'the address is set aside and reaches no public host',
  header: 'a header is not one that a request here may carry',
} as const satisfies Record<string, string>;

export type EgressRule = keyof typeof egressRules;

/** `detail` may be shown to the tenant and stored: it names hosts and numbers, never a password or a path. */
export interface EgressRefusal {
  readonly kind: 'refused';
  readonly rule: EgressRule;
  readonly detail: string;
}

/** A refusal by `rule`; `shown` says at what it took offence. */
export function refusal(rule: EgressRule, shown?: string): EgressRefusal {
  const text = egressRules[rule];
  return { kind: 'refused', rule, detail: shown === undefined ? text : `${text}: ${shown}` };
}
