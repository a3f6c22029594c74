import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStreamPass, writeStreamPass } from './stream-pass.ts';

const secret = 'a secret that only tests know, 32 or more';
const pass = { tenantId: 'tenant-a', jobId: `job_${'0'.repeat(26)}`, untilMs: 1_900_000_000_000 };
const text = writeStreamPass(secret, pass);

describe('a pass to a stream', () => {
  it('opens the stream it was made for until it ends', () => {
    expect(readStreamPass(secret, text, pass.untilMs - 1)).toEqual(pass);
    expect(readStreamPass(secret, text, pass.untilMs)).toBeNull();
  });

  it('is worth nothing with another secret, tenant, job or end', () => {
    const changed = [
      writeStreamPass('another secret', pass),
      text.replace('tenant-a', 'tenant-b'),
      text.replace('job_0', 'job_1'),
      text.replace('1900000000', '1900000001'),
    ];

    expect(changed.map((each) => readStreamPass(secret, each, 0))).toEqual([null, null, null, null]);
  });

  it('is no other text, whichever is one character away from it or anything at all', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(text[at] !== character);
        expect(readStreamPass(secret, text.slice(0, at) + character + text.slice(at + 1), 0)).toBeNull();
      }),
    );
    fc.assert(fc.property(fc.string(), (any) => readStreamPass(secret, any, 0) === null));
  });
});
