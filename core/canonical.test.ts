import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, crockfordOf, derivedJobId, digest } from './canonical.ts';

describe('canonical JSON', () => {
  it('is one text for one value, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(
      '{"a":true,"b":[1,{"c":"x","d":null}]}',
    );
    expect(canonicalJson({ a: true, b: [1, { c: 'x', d: null }] })).toBe(
      canonicalJson({ b: [1, { d: null, c: 'x' }], a: true }),
    );
  });

  it('leaves out what JSON leaves out, and parses back to the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });
});

describe('ids and hashes', () => {
  it('writes the leading bits of any bytes, five to a character', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 17, maxLength: 32 }), (bytes) => {
        const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
        const back = [...crockfordOf(bytes, 26)].map((each) =>
          alphabet.indexOf(each).toString(2).padStart(5, '0'),
        );
        expect(back.join('')).toBe(bits.slice(0, 130));
      }),
    );
  });

  it('refuses to write more characters than there are bits', () => {
    expect(() => crockfordOf(new Uint8Array(2), 26)).toThrow('2 bytes are too few');
  });

  it('derive one job id from a tenant and an Idempotency-Key, and another from any other pair', () => {
    expect(derivedJobId('acme', 'k')).toMatch(/^job_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(derivedJobId('acme', 'k')).toBe(derivedJobId('acme', 'k'));
    expect(
      new Set([derivedJobId('acme', 'k'), derivedJobId('acme', 'l'), derivedJobId('acm', 'ek')]).size,
    ).toBe(3);
  });

  it('are SHA-256 in hex', () => {
    expect(digest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});
