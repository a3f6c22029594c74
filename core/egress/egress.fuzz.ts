/** Properties of the guard over every address in every spelling, and over text made to confuse readers of URLs. */
import { BlockList, isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { checkAddress } from './address.ts';
import { parseIpAddress } from './ip-address.ts';
import { publicHttps } from './policy.ts';
import { checkUrl } from './url.ts';

/** Written by hand once more, so that a slip in the table of `address.ts` shows. */
const special = new BlockList();
for (const [first, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.31.196.0', 24],
  ] as const),
  ...([
    ['192.52.193.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['192.175.48.0', 24],
  ] as const),
  ...([
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ] as const),
  ['168.63.129.16', 32] as const,
]) {
  special.addSubnet(first, bits);
}

/** Any address, those around the edges of blocks more often. */
const ipv4 = fc
  .oneof(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc
      .tuple(
        fc.constantFrom(
          0x0a00_0000,
          0x7f00_0000,
          0xa9fe_0000,
          0xa9fe_a9fe,
          0xac10_0000,
          0xac20_0000,
          0xc0a8_0000,
        ),
        fc.integer({ min: -2, max: 2 }),
      )
      .map(([edge, off]) => edge + off),
  )
  .map((bits) => [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff));

const radix = fc.constantFrom(
  (part: number) => `${part}`,
  (part: number) => `0x${part.toString(16)}`,
  (part: number) => `0X${part.toString(16).toUpperCase()}`,
  (part: number) => `0${part.toString(8)}`,
  (part: number) => `00${part}`,
);

/** What `inet_aton` takes: one to four parts, the last filling what is left, each in its own radix. */
const looseIpv4 = fc
  .tuple(ipv4, fc.integer({ min: 1, max: 4 }), fc.tuple(radix, radix, radix, radix), fc.boolean())
  .map(([octets, count, [first, ...rest], dot]) => {
    const tail = octets.slice(count - 1).reduce((value, octet) => value * 256 + octet, 0);
    const parts = [...octets.slice(0, count - 1), tail];
    return {
      octets,
      text: parts.map((part, at) => (rest[at - 1] ?? first)(part)).join('.') + (dot ? '.' : ''),
    };
  });

const ipv6 = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 0xffff, 0x2001, 0x5efe)),
  {
    minLength: 8,
    maxLength: 8,
  },
);

const piece = fc.constantFrom(
  ...[
    'https',
    'http',
    '://',
    ':',
    '/',
    '//',
    '\\',
    '@',
    '?',
    '#',
    '%',
    '%25',
    '%2e',
    '[',
    ']',
    '.',
    '..',
    '。',
    '．',
  ],
  ...[
    '127.0.0.1',
    '2130706433',
    '0x7f',
    '0177',
    '::1',
    '::ffff:',
    'fe80::',
    '169.254.169.254',
    'localhost',
    '１２７',
  ],
  ...[
    'example.com',
    'a',
    '-',
    '_',
    ' ',
    '\t',
    '\n',
    '\0',
    '\u00ad',
    '\u200b',
    '\ud800',
    '443',
    '80',
    '8443',
    'xn--',
  ],
);
const soup = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

describe('the guard', () => {
  it('lets an IPv4 address through exactly when it is public and in its plain form', () => {
    fc.assert(
      fc.property(looseIpv4, ({ octets, text }) => {
        const plain = octets.join('.');
        const isLet = text === plain && !special.check(plain);

        const checked = checkUrl(`https://${text}/`, publicHttps);

        expect({ text, isLet: checked.kind === 'ok' }).toEqual({ text, isLet });
        if (text !== plain) expect(checked).toMatchObject({ rule: 'host_number' });
      }),
      budget(2_000),
    );
  });

  it('refuses every special IPv4 address inside any form of IPv6 that translators understand', () => {
    const around = fc.constantFrom(
      ...[
        '::',
        '::ffff:',
        '::ffff:0:',
        '64:ff9b::',
        '64:ff9b:1::',
        '2606:4700::5efe:',
        '2606:4700::200:5efe:',
      ],
    );

    fc.assert(
      fc.property(around, ipv4, (prefix, octets) => {
        expect(checkAddress(prefix + octets.join('.'), publicHttps).kind).toBe('refused');
      }),
      budget(2_000),
    );
  });

  it('says of an IPv6 address the same in every spelling', () => {
    fc.assert(
      fc.property(ipv6, (groups) => {
        const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const short = new URL(`http://[${long}]/`).hostname.slice(1, -1);
        const [high = 0, low = 0] = groups.slice(6);
        const dotted = `${groups
          .slice(0, 6)
          .map((group) => group.toString(16))
          .join(':')}:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;

        const bits = [long, short, dotted, long.toUpperCase()].map((text) => parseIpAddress(text)?.bits);

        expect(new Set(bits).size).toBe(1);
        expect(bits[0]).toBe(BigInt(`0x${long.replaceAll(':', '')}`));
      }),
      budget(2_000),
    );
  });

  it('reads as an address exactly what node:net reads as one', () => {
    const almost = fc
      .array(fc.constantFrom(...'0123456789abcfg:.'.split(''), '::', '255', '127.0.0.1', 'ffff'), {
        maxLength: 14,
      })
      .map((pieces) => pieces.join(''));

    fc.assert(
      fc.property(almost, (text) => {
        expect({ text, version: parseIpAddress(text)?.version ?? 0 }).toEqual({ text, version: isIP(text) });
      }),
      budget(20_000),
    );
  });

  it('never throws, and what it lets through has a public host on an allowed port and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          soup,
          soup.map((text) => `https://${text}`),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const checked = checkUrl(text, publicHttps);

          if (checked.kind === 'refused') return;
          const { protocol, hostname, port, username, password, hash } = checked.url;
          expect([protocol, username, password, hash]).toEqual(['https:', '', '', '']);
          expect(['', '8443']).toContain(port);
          expect(text.toLowerCase()).toContain(hostname);
          if (isIP(hostname) === 4) expect(special.check(hostname)).toBe(false);
          else expect(hostname).toMatch(/^(\[2[0-9a-f:]+\]|[a-z0-9.-]+\.[a-z][a-z0-9-]*)$/);
        },
      ),
      budget(20_000),
    );
  });
});
