/** Properties of what idempotency rests on: canonical text and the id that an Idempotency-Key names. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { jobIdSchema } from './api/job-resource.ts';
import { canonicalJson, crockfordOf, derivedJobId } from './canonical.ts';

/** The same value with the members of every object in another order. */
function shuffled(value: unknown, seed: number): unknown {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, seed + 1));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, shuffled(member, seed + 1)] as const);
  const at = members.length === 0 ? 0 : seed % members.length;
  return Object.fromEntries([...members.slice(at), ...members.slice(0, at)].toReversed());
}

const values = fc.jsonValue({ maxDepth: 4 });

describe('canonical JSON', () => {
  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      budget(1_000),
    );
  });

  it('does not depend on the order of members or on white space', () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, seed) => {
        const sent = JSON.parse(JSON.stringify(shuffled(value, seed), null, seed % 5));

        expect(canonicalJson(sent)).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
      budget(1_000),
    );
  });

  it('differs for values that differ', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const isSame = canonicalJson(left) === canonicalJson(right);

        expect(isSame).toBe(equalAsJson(left, right));
      }),
      budget(1_000),
    );
  });
});

/** Equality of JSON values, written apart from the text. */
function equalAsJson(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || left === null || typeof right !== 'object' || right === null)
    return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every(
      (name) => Object.hasOwn(right, name) && equalAsJson(Reflect.get(left, name), Reflect.get(right, name)),
    )
  );
}

describe('the job id of an Idempotency-Key', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 });

  it('is a job id, the same for the same tenant and key, and another for any other', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/),
        text,
        fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/),
        text,
        (tenant, key, otherTenant, otherKey) => {
          const id = derivedJobId(tenant, key);

          expect(jobIdSchema.safeParse(id).success).toBe(true);
          expect(derivedJobId(otherTenant, otherKey) === id).toBe(tenant === otherTenant && key === otherKey);
        },
      ),
      budget(1_000),
    );
  });

  it('cannot be had by moving the boundary between tenant and key', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_-]{2,40}$/),
        fc.nat({ max: 38 }),
        fc.nat({ max: 38 }),
        (whole, one, other) => {
          const [left, right] = [1 + (one % (whole.length - 1)), 1 + (other % (whole.length - 1))];

          const same =
            derivedJobId(whole.slice(0, left), whole.slice(left)) ===
            derivedJobId(whole.slice(0, right), whole.slice(right));

          expect(same).toBe(left === right);
        },
      ),
      budget(500),
    );
  });

  it('spells every five bits of a hash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 40 }), (bytes) => {
        const count = Math.floor((bytes.length * 8) / 5);
        const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        const spelled = [...crockfordOf(bytes, count)]
          .map((digit) => '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit).toString(2).padStart(5, '0'))
          .join('');

        expect(spelled).toBe(bits.slice(0, count * 5));
      }),
      budget(500),
    );
  });
});
