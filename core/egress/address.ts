/**
 * Which IP addresses a request of a tenant's may reach: public ones. Refused is everything that IANA's registries of
 * special-purpose addresses list (iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as
 * of RFC 9780), whether or not they call it reachable: no receiver lives in a sink or an anycast of protocols.
 * Besides these, multicast, what is no unicast at all, addresses that carry an IPv4 address inside (the inner one is
 * whom a translator would reach), and addresses at which clouds serve their own machines.
 */
import type { IpAddress } from './ip-address.ts';
import { parseIpAddress } from './ip-address.ts';
import type { EgressPolicy, EgressRefusal, EgressRule } from './policy.ts';
import { refusal } from './policy.ts';

type AddressRule = Extract<EgressRule, `address_${string}`>;

interface SpecialBlock {
  readonly version: 4 | 6;
  readonly firstBits: bigint;
  readonly prefixBits: number;
  readonly rule: AddressRule;
  /** What the block is for and who says so. */
  readonly name: string;
}

/** The first that matches counts, so what lies within another block stands before it. */
const blocks: readonly SpecialBlock[] = [
  block('169.254.169.254/32', 'address_metadata', 'instance metadata'),
  block('169.254.170.2/32', 'address_metadata', 'credentials of an ECS task'),
  block('169.254.170.23/32', 'address_metadata', 'credentials of an EKS pod'),
  block(
    '168.63.129.16/32',
    'address_metadata',
    'Azure wire server, a public address that only its machines reach',
  ),
  block('100.100.100.200/32', 'address_metadata', 'instance metadata of Alibaba Cloud'),
  block('192.0.0.192/32', 'address_metadata', 'instance metadata of Oracle Cloud'),
  block('0.0.0.0/8', 'address_special', 'this network (RFC 791)'),
  block('10.0.0.0/8', 'address_private', 'private use (RFC 1918)'),
  block('100.64.0.0/10', 'address_special', 'shared by carriers (RFC 6598)'),
  block('127.0.0.0/8', 'address_loopback', 'loopback (RFC 1122)'),
  block('169.254.0.0/16', 'address_special', 'link-local (RFC 3927)'),
  block('172.16.0.0/12', 'address_private', 'private use (RFC 1918)'),
  block('192.0.0.0/24', 'address_special', 'IETF protocols (RFC 6890)'),
  block('192.0.2.0/24', 'address_special', 'documentation (RFC 5737)'),
  block('192.31.196.0/24', 'address_special', 'AS112 (RFC 7535)'),
  block('192.52.193.0/24', 'address_special', 'AMT (RFC 7450)'),
  block('192.88.99.0/24', 'address_special', '6to4 relays (RFC 7526)'),
  block('192.168.0.0/16', 'address_private', 'private use (RFC 1918)'),
  block('192.175.48.0/24', 'address_special', 'AS112 (RFC 7534)'),
  block('198.18.0.0/15', 'address_special', 'benchmarks (RFC 2544)'),
  block('198.51.100.0/24', 'address_special', 'documentation (RFC 5737)'),
  block('203.0.113.0/24', 'address_special', 'documentation (RFC 5737)'),
  block('224.0.0.0/4', 'address_special', 'multicast (RFC 5771)'),
  block('240.0.0.0/4', 'address_special', 'reserved, and broadcast (RFC 1112, RFC 8190)'),

  block('fd00:ec2::/32', 'address_metadata', 'services of EC2 for its instances'),
  block('fd20:ce::254/128', 'address_metadata', 'instance metadata of Google Cloud'),
  block('::/128', 'address_special', 'unspecified (RFC 4291)'),
  block('::1/128', 'address_loopback', 'loopback (RFC 4291)'),
  block('::/96', 'address_special', 'IPv4-compatible (RFC 4291)'),
  block('::ffff:0:0/96', 'address_special', 'IPv4-mapped (RFC 4291)'),
  block('::ffff:0:0:0/96', 'address_special', 'IPv4-translated (RFC 2765)'),
  block('64:ff9b::/96', 'address_special', 'NAT64 (RFC 6052)'),
  block('64:ff9b:1::/48', 'address_special', 'NAT64 of a local network (RFC 8215)'),
  block('100::/64', 'address_special', 'discard (RFC 6666)'),
  block('100:0:0:1::/64', 'address_special', 'dummy prefix (RFC 9780)'),
  block('2001::/32', 'address_special', 'Teredo (RFC 4380)'),
  block('2001:2::/48', 'address_special', 'benchmarks (RFC 5180)'),
  block('2001:10::/28', 'address_special', 'ORCHID (RFC 4843)'),
  block('2001:20::/28', 'address_special', 'ORCHIDv2 (RFC 7343)'),
  block('2001:30::/28', 'address_special', 'drones (RFC 9374)'),
  block('2001::/23', 'address_special', 'IETF protocols (RFC 2928)'),
  block('2001:db8::/32', 'address_special', 'documentation (RFC 3849)'),
  block('2002::/16', 'address_special', '6to4 (RFC 3056)'),
  block('2620:4f:8000::/48', 'address_special', 'AS112 (RFC 7534)'),
  block('3fff::/20', 'address_special', 'documentation (RFC 9637)'),
  block('5f00::/16', 'address_special', 'segment routing (RFC 9602)'),
  block('fc00::/7', 'address_private', 'unique local (RFC 4193)'),
  block('fe80::/10', 'address_special', 'link-local (RFC 4291)'),
  block('fec0::/10', 'address_special', 'site-local (RFC 3879)'),
  block('ff00::/8', 'address_special', 'multicast (RFC 4291)'),
];

const globalUnicast = block('2000::/3', 'address_special', 'not yet given to anybody (RFC 4291)');

/**
 * Whether a request may go to this address, typed or resolved. `text` as {@link parseIpAddress} reads it: without
 * brackets and zone.
 */
export function checkAddress(text: string, policy: EgressPolicy): { readonly kind: 'ok' } | EgressRefusal {
  const address = parseIpAddress(text);
  if (address === null) return refusal('address_malformed');
  const special = specialBlockOf(address);
  if (special === null) return { kind: 'ok' };
  const isPrivate = special.rule === 'address_private' || special.rule === 'address_loopback';
  if (isPrivate && policy.privateAddresses === 'allowed') return { kind: 'ok' };
  return refusal(special.rule, `${text}, ${special.name}`);
}

function specialBlockOf(address: IpAddress): SpecialBlock | null {
  const listed = blocks.find((each) => contains(each, address));
  if (listed !== undefined) return listed;
  if (address.version === 4) return null;
  if (!contains(globalUnicast, address)) return globalUnicast;
  return carriesIsatap(address)
    ? { ...globalUnicast, name: 'an IPv4 address inside (ISATAP, RFC 5214)' }
    : null;
}

/** Interface identifiers `0:5efe:a.b.c.d` and `200:5efe:a.b.c.d`, under any prefix. */
function carriesIsatap({ bits }: IpAddress): boolean {
  const marker = (bits >> 32n) & 0xffff_ffffn;
  return marker === 0x0000_5efen || marker === 0x0200_5efen;
}

function contains(each: SpecialBlock, { version, bits }: IpAddress): boolean {
  if (each.version !== version) return false;
  const hostBits = BigInt((version === 4 ? 32 : 128) - each.prefixBits);
  return bits >> hostBits === each.firstBits >> hostBits;
}

function block(range: string, rule: AddressRule, name: string): SpecialBlock {
  const [first = '', prefix = ''] = range.split('/');
  const address = parseIpAddress(first);
  if (address === null) throw new TypeError(`${range} is no block of addresses`);
  return { version: address.version, firstBits: address.bits, prefixBits: Number(prefix), rule, name };
}
