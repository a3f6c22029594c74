/** Properties of every key and path builder: no text leads out of its tenant, and no two things share a key. */
import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import { budget } from '#sim/fuzz-budget.ts';
import * as keys from './keys.ts';

const evil = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '//',
    '\\',
    '%2e',
    '%2E%2e',
    '%2f',
    '%00',
    '\u0000',
    '#',
    ':',
    '?',
    '\n',
    '\r',
    ' ',
    '~',
    '~root',
  ],
  ...[
    '．．',
    '․',
    '／',
    '∕',
    '\u202e',
    '\u200b',
    'é',
    '🗼',
    '\ud800',
    'İ',
    'T#',
    'J#',
    'tenants',
    'a',
    'A',
    '0',
    '-',
    '_',
  ],
);
const soup = fc.array(evil, { maxLength: 8 }).map((pieces) => pieces.join(''));
const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/);
const month = fc.stringMatching(/^[0-9]{6}$/);
const anyText = fc.oneof(
  soup,
  id,
  month,
  fc.string({ unit: 'binary', maxLength: 40 }),
  id.map((text) => `${text}/`),
);
const paths = fc.oneof(
  anyText,
  fc.array(anyText, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/')),
);

function orRefused<T>(make: () => T): T | 'refused' {
  try {
    return make();
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return 'refused';
    throw error;
  }
}

describe('an object key', () => {
  it("starts with its tenant's prefix and is what every reader of paths makes of it", () => {
    fc.assert(
      fc.property(fc.oneof(id, anyText), paths, (tenant, path) => {
        const key = orRefused(() => keys.objectKey(tenant, path));
        if (key === 'refused') return;

        expect(key.startsWith(`tenants/${tenant}/`)).toBe(true);
        expect(tenant).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
        expect(posix.normalize(key)).toBe(key);
        expect(new URL(`https://bucket.example/${key}`).pathname).toBe(`/${key}`);
        expect(decodeURIComponent(key)).toBe(key);
        expect(key.normalize('NFKC')).toBe(key);
        expect(key).not.toMatch(/\.\.\/|\/\.|%|\\|[^\x20-\x7e]/);
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1_024);
      }),
      budget(3_000),
    );
  });

  it('is there for every path that a worker writes', () => {
    fc.assert(
      fc.property(id, id, fc.nat({ max: 9 }), fc.nat({ max: 99 }), (tenant, job, attempt, n) => {
        const path = `jobs/${job}/${attempt}/${n}.png`;

        expect(keys.objectKey(tenant, path)).toBe(`tenants/${tenant}/${path}`);
      }),
      budget(300),
    );
  });
});

describe('keys of dropped files', () => {
  it('stay below their prefix and tenant, whatever the name, or are refused', () => {
    fc.assert(
      fc.property(fc.oneof(id, anyText), anyText, (tenant, name) => {
        for (const [prefix, build] of [
          ['batch/in', keys.dropInKey],
          ['batch/out', keys.dropOutKey],
        ] as const) {
          const key = orRefused(() => build(tenant, name));
          if (key === 'refused') continue;

          expect(key).toBe(`${prefix}/${tenant}/${name}`);
          expect(posix.normalize(key)).toBe(key);
          expect(tenant).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
        }
      }),
      budget(1_000),
    );
  });

  it('are read back, and any other key is none', () => {
    const text = fc.tuple(anyText, anyText, anyText).map(([a, b, c]) => `${a}${b}${c}`);
    const near = fc.tuple(id, anyText).map(([tenant, name]) => `batch/in/${tenant}/${name}`);
    fc.assert(
      fc.property(fc.oneof(text, near), (key) => {
        const drop = keys.readDropInKey(key);

        if (drop !== null) expect(keys.dropInKey(drop.tenantId, drop.name)).toBe(key);
        else expect(key).not.toMatch(/^batch\/in\/[A-Za-z0-9]{1,63}\/[A-Za-z0-9]+\.jsonl$/);
      }),
      budget(1_000),
    );
  });
});

describe('keys of model files', () => {
  it('stay below the prefix of models, or are refused', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (model, revision, path) => {
        let key: string;
        try {
          key = keys.modelFileKey(model, revision, path);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          return;
        }
        expect(posix.normalize(key)).toBe(key);
        expect(key).toBe(`models/${model}/${revision}/${path}`);
        expect(model + revision).not.toContain('/');
      }),
      budget(300),
    );
  });
});

/** Every builder of an item's key or of an index partition, by what it is made from. */
const builders: Record<string, (tenant: string, one: string, two: string) => keys.ItemKey | string> = {
  job: (tenant, one) => keys.jobKey(tenant, one),
  jobEvent: (tenant, one) => keys.jobEventKey(tenant, one, 1, 2),
  streams: (tenant) => keys.streamsKey(tenant),
  mark: (tenant, one) => keys.markKey(tenant, one),
  gate: (tenant) => keys.gateKey(tenant),
  tenant: (tenant) => keys.tenantKey(tenant),
  name: (tenant) => keys.tenantNameKey(tenant),
  plan: (_, one) => keys.planKey(one),
  alias: (_, one, two) => keys.aliasKey(one, two),
  result: (tenant, one) => keys.resultKeyOf(tenant, one),
  webhook: (tenant, one) => keys.endpointKey(tenant, one),
  delivery: (tenant, one, two) => keys.deliveryKey(tenant, one, two),
  turn: (tenant) => keys.turnKey(tenant),
  adapters: (tenant) => keys.adaptersKey(tenant),
  adapterObject: (tenant, one) => keys.adapterObjectKey(tenant, one),
  batch: (tenant, one) => keys.batchKey(tenant, one),
  file: (tenant, one) => keys.fileKey(tenant, one),
  key: (_, one) => keys.keyKey(one),
  pool: (_, one) => keys.poolKey(one),
  worker: (_, one) => keys.workerKey(one),
  charge: (tenant, one, two) => keys.ledgerKey(tenant, one, two),
  refund: (tenant, one, two) => keys.ledgerKey(tenant, one, two, 'refund'),
  share: (tenant, one, two) => keys.shareKey(tenant, one, two),
  warmup: (tenant, one, two) => keys.warmupKey(tenant, one, two),
  statement: (_, one, two) => keys.statementKey(one, two),
  keysLine: (tenant) => keys.keysLine(tenant),
  workersLine: (_, one) => keys.workersLine(one),
  resultsLine: (tenant) => keys.resultsLine(tenant),
  dueLine: (tenant) => keys.dueLine(tenant),
  waitingLine: (_, one) => keys.waitingLine(one, 'interactive'),
  batchLine: (_, one) => keys.waitingLine(one, 'batch'),
  leasedLine: (_, one) => keys.leasedLine(one),
};
/** Their paths hold more than ids: they have properties of their own. */
const otherObjects: readonly string[] = ['dropInKey', 'dropOutKey', 'modelFileKey', 'objectKey'];
const ofTenants: readonly string[] = [
  'job',
  'jobEvent',
  'streams',
  'mark',
  'gate',
  'tenant',
  'result',
  'webhook',
  'delivery',
  'turn',
  'adapters',
  'adapterObject',
  'batch',
  'file',
  'charge',
  'refund',
  'share',
  'warmup',
  'keysLine',
  'resultsLine',
  'dueLine',
];

describe('an item key', () => {
  it('has a builder in this test for every one that there is', () => {
    const made = Object.entries(keys).filter(
      ([name]) => /(Key|KeyOf|Line|Partition)$/.test(name) && !name.startsWith('read'),
    );
    const functions = made.filter(([, value]) => typeof value === 'function').map(([name]) => name);

    // Of the two partitions, one is in the charge's key and one in the statement's and the job's.
    expect(
      functions.filter((name) => !otherObjects.includes(name) && !name.endsWith('Partition')),
    ).toHaveLength(Object.keys(builders).length - 2);
  });

  it('takes ids alone, and holds its tenant as a whole', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(builders)),
        anyText,
        anyText,
        anyText,
        (name, tenant, one, two) => {
          const key = orRefused(() => builders[name]?.(tenant, one, two) ?? 'refused');
          if (key === 'refused') return;

          const text = typeof key === 'string' ? key : `${key.pk} ${key.sk}`;
          expect(text).toMatch(/^[A-Za-z0-9_#/: -]+$/);
          if (ofTenants.includes(name)) {
            const partition = typeof key === 'string' ? key : key.pk;
            expect(partition.split(/[#/]/)[1]).toBe(tenant);
          }
        },
      ),
      budget(3_000),
    );
  });

  it('is shared by no two things', () => {
    const named = fc.constantFrom(...Object.keys(builders));
    const some = fc.oneof(
      id,
      month,
      fc.constantFrom('GATE', 'TENANT', 'a', 'b', 'keys', 'gates', 'lease', 'interactive', '202611'),
    );
    fc.assert(
      fc.property(fc.tuple(named, some, some, some), fc.tuple(named, some, some, some), (left, right) => {
        const [one, other] = [left, right].map(([name, ...parts]) =>
          orRefused(() => builders[name]?.(...parts) ?? 'refused'),
        );
        if (one === 'refused' || other === 'refused') return;

        // Two asks for one thing differ at most in what its builder does not read.
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        if (isSame) expect(left[0]).toBe(right[0]);
      }),
      budget(3_000),
    );
  });

  it("reads a job's key back", () => {
    fc.assert(
      fc.property(id, id, (tenantId, jobId) => {
        expect(keys.readJobKey(keys.jobKey(tenantId, jobId))).toEqual({ tenantId, jobId });
      }),
      budget(300),
    );
  });
});

describe('a cursor', () => {
  const position = z.strictObject({ jobId: z.string(), createdAtMs: z.number() });
  const positions = fc.record({ jobId: fc.string({ unit: 'binary' }), createdAtMs: fc.integer() });

  it('is read back by the list that made it, and refused by every other', () => {
    fc.assert(
      fc.property(anyText, anyText, positions, (scope, other, at) => {
        const cursor = keys.encodeCursor(scope, at);
        // JSON has no half characters: they come back as they were escaped.
        expect(keys.decodeCursor(scope, position, cursor)).toEqual(at);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
        if (other !== scope)
          expect(refusalOf(() => keys.decodeCursor(other, position, cursor))).toBe('invalid_request');
      }),
      budget(1_000),
    );
  });

  it('is refused unless it is of the form, whatever else it is', () => {
    const forged = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), forged, anyText), (cursor) => {
        expect(refusalOf(() => keys.decodeCursor('jobs/tenant-a', position, cursor))).toBe('invalid_request');
      }),
      budget(1_000),
    );
  });
});

function refusalOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}
