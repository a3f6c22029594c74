import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPass, writePass } from './pass.ts';

const secret = 'a secret that only tests know, 32 or more';
const pass = { tenantId: 'tenant-a', jobId: `job_${'0'.repeat(26)}`, untilMs: 1_900_000_000_000 };
const text = writePass(secret, 'stream', pass);

describe('a pass to a stream or an output', () => {
  it('opens the stream it was made for until it ends', () => {
    expect(readPass(secret, 'stream', text, pass.untilMs - 1)).toEqual(pass);
    expect(readPass(secret, 'stream', text, pass.untilMs)).toBeNull();
  });

  it('opens nothing else of its job', () => {
    const first = writePass(secret, 'output 0', pass);

    expect(readPass(secret, 'output 0', first, 0)).toEqual(pass);
    expect(readPass(secret, 'output 1', first, 0)).toBeNull();
    expect(readPass(secret, 'stream', first, 0)).toBeNull();
    expect(readPass(secret, 'output 0', text, 0)).toBeNull();
  });

  it('is worth nothing with another secret, tenant, job or end', () => {
    const changed = [
      writePass('another secret', 'stream', pass),
      text.replace('tenant-a', 'tenant-b'),
      text.replace('job_0', 'job_1'),
      text.replace('1900000000', '1900000001'),
    ];

    expect(changed.map((each) => readPass(secret, 'stream', each, 0))).toEqual([null, null, null, null]);
  });

  it('is no other text, whichever is one character away from it or anything at all', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(text[at] !== character);
        expect(readPass(secret, 'stream', text.slice(0, at) + character + text.slice(at + 1), 0)).toBeNull();
      }),
    );
    fc.assert(fc.property(fc.string(), (any) => readPass(secret, 'stream', any, 0) === null));
  });
});
