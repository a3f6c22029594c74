import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { derivedJobId } from '#core/canonical.ts';
import { AppError } from '#core/errors.ts';
import { hashKey, keyMatches } from './key-hash.ts';
import {
  aliasKey,
  counterAttribute,
  decodeCursor,
  deliveryKey,
  dueLine,
  encodeCursor,
  endpointKey,
  finishAttribute,
  gateKey,
  jobKey,
  keyKey,
  keysLine,
  leasedLine,
  ledgerKey,
  ledgerPartition,
  objectKey,
  planKey,
  poolKey,
  readCounterAttribute,
  readFinishAttribute,
  readJobKey,
  resultKeyOf,
  resultsLine,
  tenantKey,
  tenantNameKey,
  turnKey,
  waitingLine,
} from './keys.ts';
import { randomIds } from './random-ids.ts';

/** Ids as a hostile caller would choose them, and good ones among them. */
const anyId = fc.oneof(
  fc.string(),
  fc.stringMatching(/^[a-zA-Z0-9_#/.-]{1,20}$/),
  fc.constantFrom('..', '.', '', 'a#b', 'T#a', 'a/../b', 'a\0', 'GATE', '%2e%2e', 'a/b'),
);
const goodTenant = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/);
const goodJob = fc.stringMatching(/^job_[0-9a-z]{26}$/);
const pathPart = fc.oneof(anyId, fc.constantFrom('jobs', '1', '0.png'));

describe('item keys', () => {
  it('keep every id within its prefix, or refuse it as missing', () => {
    fc.assert(
      fc.property(anyId, anyId, (tenantId, jobId) => {
        const key = orMissing(() => jobKey(tenantId, jobId));
        if (key === 'missing') return;
        expect(key).toEqual({ pk: `T#${tenantId}`, sk: `J#${jobId}` });
        expect(readJobKey(key)).toEqual({ tenantId, jobId });
        expect(`${tenantId}${jobId}`).not.toMatch(/[#/.\s]/);
      }),
    );
  });

  it('are equal only for equal ids', () => {
    fc.assert(
      fc.property(goodTenant, goodJob, goodTenant, goodJob, (tenant, job, otherTenant, otherJob) => {
        const same = tenant === otherTenant && job === otherJob;
        const keys = [jobKey(tenant, job), jobKey(otherTenant, otherJob)].map((key) => JSON.stringify(key));
        expect(keys[0] === keys[1]).toBe(same);
      }),
    );
  });

  it('of different kinds never meet', () => {
    fc.assert(
      fc.property(goodTenant, goodJob, (tenant, job) => {
        const keys = [
          jobKey(tenant, job),
          gateKey(tenant),
          tenantKey(tenant),
          keyKey(tenant),
          tenantNameKey(tenant),
          planKey(tenant),
          aliasKey(tenant, tenant),
          resultKeyOf(tenant, job),
          endpointKey(tenant, job),
          deliveryKey(tenant, job, job),
          turnKey(tenant),
          poolKey(tenant),
          ledgerKey(tenant, '202601', job),
        ];
        expect(new Set(keys.map((key) => `${key.pk} ${key.sk}`)).size).toBe(keys.length);
      }),
    );
  });

  it('take every id that the product makes', () => {
    const jobId = randomIds.next('job');

    expect(readJobKey(jobKey('acme', jobId)).jobId).toBe(jobId);
    expect(readJobKey(jobKey('acme', derivedJobId('acme', 'any key'))).tenantId).toBe('acme');
  });

  it('claim the name of a tenant whatever its case', () => {
    expect(tenantNameKey('companyA')).toEqual(tenantNameKey('COMPANYa'));
  });

  it("keep the lists of a tenant's keys and results apart from every line of a pool", () => {
    fc.assert(
      fc.property(goodTenant, goodTenant, (tenant, pool) => {
        const lines = [leasedLine(pool), waitingLine(pool, 'batch')];
        for (const list of [keysLine(tenant), resultsLine(tenant), dueLine(tenant)]) {
          expect(lines).not.toContain(list);
          expect(list).not.toContain('#');
        }
      }),
    );
  });

  it('refuse a month or a pool that is none', () => {
    expect(orMissing(() => ledgerPartition('acme', '2026#1'))).toBe('missing');
    expect(orMissing(() => waitingLine('a#lease', 'batch'))).toBe('missing');
  });
});

describe('object keys', () => {
  it('stay below the prefix of the tenant, or are refused as missing', () => {
    fc.assert(
      fc.property(anyId, fc.array(pathPart, { minLength: 1, maxLength: 5 }), (tenantId, parts) => {
        const key = orMissing(() => objectKey(tenantId, parts.join('/')));
        if (key === 'missing') return;
        // As a reader that resolves dots and doubled slashes would see it.
        const resolved = new URL(`https://host/${key}`).pathname;
        expect(resolved).toBe(`/${key}`);
        expect(key.startsWith(`tenants/${tenantId}/`)).toBe(true);
        expect(tenantId).not.toContain('/');
      }),
    );
  });

  it('hold the job, the attempt and the number of an output', () => {
    expect(objectKey('acme', 'jobs/job_1/2/0.png')).toBe('tenants/acme/jobs/job_1/2/0.png');
  });
});

describe('gate attributes', () => {
  it('tell counters and finish tags apart, whatever their names', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(readCounterAttribute(counterAttribute(name))).toBe(name);
        expect(readFinishAttribute(finishAttribute(name))).toBe(name);
        expect(readCounterAttribute(finishAttribute(name))).toBeNull();
        expect(readFinishAttribute(counterAttribute(name))).toBeNull();
      }),
    );
  });
});

describe('cursors', () => {
  const position = z.object({ jobId: z.string(), created: z.int() });

  it('come back as they were within their scope and are refused in any other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.nat(), (scope, other, jobId, created) => {
        const cursor = encodeCursor(scope, { jobId, created });
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor(scope, position, cursor)).toEqual({ jobId, created });
        if (other !== scope)
          expect(codeOf(() => decodeCursor(other, position, cursor))).toBe('invalid_request');
      }),
    );
  });

  it('are refused when they are any other text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json()), (text) => {
        expect(codeOf(() => decodeCursor('jobs:acme', position, text))).toBe('invalid_request');
      }),
    );
  });
});

describe('ids and hashes', () => {
  it('makes ids of the documented form', () => {
    expect(randomIds.next('job')).toMatch(/^job_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(randomIds.nonce()).toMatch(/^[0-9a-hjkmnp-tv-z]{8}$/);
  });

  it('matches a key to its own hash under its own pepper only', () => {
    const hash = hashKey('plk_1', 'pepper');

    expect(keyMatches('plk_1', 'pepper', hash)).toBe(true);
    expect(keyMatches('plk_2', 'pepper', hash)).toBe(false);
    expect(keyMatches('plk_1', 'salt', hash)).toBe(false);
    expect(keyMatches('plk_1', 'pepper', 'not a hash')).toBe(false);
  });
});

function orMissing<T>(make: () => T): T | 'missing' {
  try {
    return make();
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return 'missing';
    throw error;
  }
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return 'none';
}
