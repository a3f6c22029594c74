/** Properties of what is read out of request headers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { budget } from '#sim/fuzz-budget.ts';
import { bearerOf } from './middlewares/authenticate.ts';
import { safeIdOf } from './middlewares/request-id.ts';
import { requestHeaders } from './request-headers.ts';
import { isSeen } from './routes/get-job.ts';
import { looksLikeToken } from './token-reader.ts';
import { waitOf } from './wait-for-job.ts';

const piece = fc.constantFrom(
  'Bearer',
  'key',
  'token',
  ' ',
  '\t',
  ',',
  ';',
  '=',
  '"',
  'W/',
  '*',
  'wait',
  '10',
  '99999999999',
  '.',
  '\u0000',
  '\r\n',
  'é',
  'a',
);
const soup = fc.oneof(
  fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const visible = fc.stringMatching(/^[!-~]{1,60}$/);

describe('the Authorization header', () => {
  it('gives its credentials for each of three schemes, in any case and with any number of spaces', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Bearer', 'bearer', 'KEY', 'Token'),
        fc.integer({ min: 1, max: 9 }),
        visible,
        fc.nat({ max: 9 }),
        (scheme, before, text, after) => {
          expect(bearerOf(scheme + ' '.repeat(before) + text + ' '.repeat(after))).toBe(text);
        },
      ),
      budget(500),
    );
  });

  it('gives text without white space, or nothing', () => {
    fc.assert(
      fc.property(soup, (header) => {
        expect(bearerOf(header)).toMatch(/^\S*$/);
        if (!/^(bearer|key|token) /i.test(header)) expect(bearerOf(header)).toBe('');
        if (looksLikeToken(bearerOf(header))) expect(bearerOf(header).split('.')).toHaveLength(3);
      }),
      budget(1_000),
    );
  });

  // Going back over the spaces for each of them would take minutes; the timeout of a test is the bound.
  it('ends soon on a megabyte of spaces, dots or letters', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(' ', 'a', '.', 'a ', 'Bearer '),
        fc.constantFrom('', 'x', '.', '\n'),
        (unit, end) => {
          const text = unit.repeat(200_000) + end;

          for (const header of [`Bearer ${text}`, `wait=${text}`, `wait ${text}`]) {
            bearerOf(header);
            looksLikeToken(header);
            waitOf({}, { prefer: header });
            isSeen(header, '"own"');
            safeIdOf(header);
          }
        },
      ),
      budget(20),
    );
  });
});

describe('the If-None-Match header', () => {
  const tags = fc.array(fc.tuple(fc.boolean(), fc.stringMatching(/^[a-f0-9]{1,8}$/)), {
    minLength: 1,
    maxLength: 6,
  });

  it('holds a tag when it is one of its own, weak or strong, and no other', () => {
    fc.assert(
      fc.property(
        tags,
        fc.stringMatching(/^[a-f0-9]{1,8}$/),
        fc.constantFrom(',', ', ', ' , '),
        (given, own, comma) => {
          const header = given.map(([isWeak, tag]) => `${isWeak ? 'W/' : ''}"${tag}"`).join(comma);

          expect(isSeen(header, `"${own}"`)).toBe(given.some(([, tag]) => tag === own));
        },
      ),
      budget(500),
    );
  });

  it('holds everything when it is a star, and never a tag that is not spelled in it', () => {
    fc.assert(
      fc.property(soup, (header) => {
        const tag = '"0123456789abcdef"';
        const hasStar = header.split(',').some((each) => each.trim().replace(/^W\//, '') === '*');

        expect(isSeen(header, tag)).toBe(hasStar);
      }),
      budget(500),
    );
  });
});

describe('the Prefer header', () => {
  it('asks for a wait of whole milliseconds within the longest, or for none', () => {
    fc.assert(
      fc.property(soup, (prefer) => {
        const { waitMs, headers } = waitOf({}, { prefer });

        expect(Number.isSafeInteger(waitMs) && waitMs >= 0).toBe(true);
        expect(waitMs).toBeLessThanOrEqual(apiLimits.waitSecondsMax * 1_000);
        if (!/(^|,)\s*wait/i.test(prefer)) expect(headers).toEqual({});
      }),
      budget(500),
    );
  });

  it('is followed among any other preferences', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 200 }),
        fc.array(fc.constantFrom('respond-async', 'return=minimal', 'handling=strict'), { maxLength: 3 }),
        (seconds, others) => {
          const { waitMs } = waitOf({}, { prefer: [...others, `wait=${seconds}`].join(', ') });

          expect(waitMs).toBe(Math.min(seconds, apiLimits.waitSecondsMax) * 1_000);
        },
      ),
      budget(300),
    );
  });
});

describe('an id that the caller gave its request', () => {
  it('is one that is safe in a log line and a header, and never a key', () => {
    const key = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((secret) => formatKey('key00001', secret));
    fc.assert(
      fc.property(fc.oneof(soup, visible, key), (given) => {
        const id = safeIdOf(given);

        if (id !== null) expect(id).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
        if (given.startsWith('plk_key00001_')) expect(id).toBeNull();
      }),
      budget(500),
    );
  });
});

describe('the headers of a request', () => {
  it('are found by their lower-case names, and none is a part of the language', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[A-Za-z-]{1,12}$/),
      fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty'),
    );
    fc.assert(
      fc.property(fc.dictionary(name, soup), (given) => {
        const headers = requestHeaders({ headers: given } as Parameters<typeof requestHeaders>[0]);

        for (const [each, value] of headers) {
          expect(
            Object.entries(given).some(([own, text]) => own.toLowerCase() === each && text === value),
          ).toBe(true);
        }
        expect(headers.get('tostring')).toBe(
          Object.entries(given).findLast(([own]) => own.toLowerCase() === 'tostring')?.[1],
        );
      }),
      budget(500),
    );
  });
});
