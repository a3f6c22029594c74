/**
 * IP addresses in the one plain form of each: what the rules read, and nothing that `inet_aton` would also take. The
 * looser forms (`0x7f.1`, `0177.0.0.1`, `2130706433`, `fe80::1%eth0`) are how filters and resolvers are made to disagree.
 */

export interface IpAddress {
  readonly version: 4 | 6;
  /** 32 or 128 bits, the first bit of the address highest. */
  readonly bits: bigint;
}

/**
 * IPv4 as four decimal numbers without leading zeros; IPv6 as in RFC 4291 section 2.2, the last 32 bits dotted or not,
 * without brackets, zone or prefix length. Null for anything else.
 */
export function parseIpAddress(text: string): IpAddress | null {
  if (text.includes(':')) {
    const bits = bitsOfIpv6(text);
    return bits === null ? null : { version: 6, bits };
  }
  const bits = bitsOfIpv4(text);
  return bits === null ? null : { version: 4, bits };
}

function bitsOfIpv4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return null;
  }
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bitsOfIpv6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (head === undefined || head === null || tail === null) return null;
  if (tail === undefined) return head.length === 8 ? joined(head) : null;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group: RFC 5952 section 4.2.2 forbids writing it for fewer, parsers differ.
  return missing < 1 ? null : joined([...head, ...Array<bigint>(missing).fill(0n), ...tail]);
}

/** Sixteen bits each; null where a group is none. Only the last of an address may be dotted. */
function groupsOf(half: string, isLast: boolean): bigint[] | null {
  if (half === '') return [];
  const groups: bigint[] = [];
  const parts = half.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const dotted = isLast && index === parts.length - 1 ? bitsOfIpv4(part) : null;
    if (dotted === null) return null;
    groups.push(dotted >> 16n, dotted & 0xffffn);
  }
  return groups;
}

function joined(groups: readonly bigint[]): bigint {
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n);
}
