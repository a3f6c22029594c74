/** Promises of the ports that only keep things: `Tenants`, `Keys`, `Ledger`, `Blobs`. */
import { describe, expect, it } from 'vitest';
import { jobEntryKinds, refundEntryOf } from '../billing/ledger.ts';
import {
  sampleKey,
  sampleLedgerEntry,
  sampleShare,
  sampleStatement,
  sampleTenant,
  sampleWarmup,
} from '../samples.ts';
import { scopes } from '../tenancy/tenant.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

const path = 'jobs/job_1/1/0.png';

export function tenantsContract(scene: Scene): void {
  describe('Tenants', () => {
    it('creates a tenant with its gate, once', async () => {
      const tenant = sampleTenant({
        tenantId: scene.tenantId(),
        overrides: { weight: 7, open_jobs_max: 9, budget_usd_micros_per_month: 5_000_000 },
      });

      expect(await scene.ports.tenants.create(tenant)).toBe('created');

      expect(await scene.ports.tenants.get(tenant.tenantId)).toEqual(tenant);
      expect(await scene.ports.gates.read(tenant.tenantId)).toEqual({
        tenantId: tenant.tenantId,
        open: {},
        counters: {},
        finishTags: {},
        stored: {},
        status: 'active',
      });
    });

    it('answers `exists` the second time and leaves tenant and gate untouched', async () => {
      const tenant = sampleTenant({ tenantId: scene.tenantId() });
      await scene.ports.tenants.create(tenant);

      const again = await scene.ports.tenants.create({ ...tenant, plan: 'vip', status: 'suspended' });

      expect(again).toBe('exists');
      expect(await scene.ports.tenants.get(tenant.tenantId)).toEqual(tenant);
      expect(await scene.ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'active' });
    });

    it('creates a tenant exactly once under 16 parallel callers', async () => {
      const tenant = sampleTenant({ tenantId: scene.tenantId() });

      const outcomes = await atOnce(16, () => scene.ports.tenants.create(tenant));

      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    });

    it('answers null for a missing tenant', async () => {
      expect(await scene.ports.tenants.get(scene.tenantId())).toBeNull();
    });

    it('lists every tenant once, page by page', async () => {
      const tenantIds = await atOnce(30, () => scene.tenant());

      await scene.eventually(async () => {
        const tenants = await allPages((cursor) => scene.ports.tenants.list(cursor));
        const found = tenants.filter(({ tenantId }) => tenantIds.includes(tenantId));
        expect(found.map(({ tenantId }) => tenantId).toSorted()).toEqual(tenantIds.toSorted());
        expect(found.every((tenant) => tenant.plan === 'pro')).toBe(true);
      });
    });
  });
}

export function keysContract(scene: Scene): void {
  describe('Keys', () => {
    it('creates a key once; a second create of its id changes nothing', async () => {
      const key = sampleKey({ keyId: scene.nonce(), tenantId: scene.tenantId(), scopes: [...scopes] });

      expect(await scene.ports.keys.create(key)).toBe('created');
      expect(await scene.ports.keys.create({ ...key, tenantId: scene.tenantId() })).toBe('exists');

      expect(await scene.ports.keys.get(key.keyId)).toEqual(key);
    });

    it('answers null for a missing key', async () => {
      expect(await scene.ports.keys.get(scene.nonce())).toBeNull();
    });
  });
}

export function ledgerContract(scene: Scene): void {
  describe('Ledger', () => {
    it('appends one entry per tenant, month and job; a second changes nothing', async () => {
      const entry = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });

      expect(await scene.ports.ledger.append(entry)).toBe('appended');
      expect(await scene.ports.ledger.append({ ...entry, usdMicros: 999 })).toBe('exists');

      await scene.eventually(async () => {
        expect(await scene.ports.ledger.list(entry.tenantId, entry.month)).toEqual({
          items: [entry],
          cursor: null,
        });
      });
    });

    it('appends exactly once under 16 parallel callers', async () => {
      const entry = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });

      const outcomes = await atOnce(16, () => scene.ports.ledger.append(entry));

      expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
    });

    it('takes one refund beside the charge of a job, and leaves the charge as it was', async () => {
      const charge = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });
      const refund = refundEntryOf(charge, 21, charge.atMs + 1);
      await scene.ports.ledger.append(charge);

      const outcomes = await atOnce(16, () => scene.ports.ledger.append(refund));

      expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
      expect(await scene.ports.ledger.charge(charge.tenantId, charge.month, charge.jobId)).toEqual(charge);
      await scene.eventually(async () => {
        const { items } = await scene.ports.ledger.list(charge.tenantId, charge.month);
        expect(items).toHaveLength(2);
        expect(items).toEqual(expect.arrayContaining([charge, refund]));
      });
    });

    it('reads the refund of a job, whole, and null where there is none', async () => {
      const charge = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });
      const refund = refundEntryOf(charge, 21, charge.atMs + 1, { reason: 'a blurred face', token: 'abc' });
      const { tenantId, month, jobId } = charge;
      await scene.ports.ledger.append(charge);
      expect(await scene.ports.ledger.refund(tenantId, month, jobId)).toBeNull();

      await scene.ports.ledger.append(refund);

      expect(await scene.ports.ledger.refund(tenantId, month, jobId)).toEqual(refund);
      expect(await scene.ports.ledger.refund(scene.tenantId(), month, jobId)).toBeNull();
      expect(await scene.ports.ledger.refund(tenantId, '203004', jobId)).toBeNull();
    });

    it("answers null for a missing charge and for another tenant's alike", async () => {
      const charge = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });
      await scene.ports.ledger.append(charge);

      expect(await scene.ports.ledger.charge(charge.tenantId, charge.month, scene.jobId())).toBeNull();
      expect(await scene.ports.ledger.charge(scene.tenantId(), charge.month, charge.jobId)).toBeNull();
      expect(await scene.ports.ledger.charge(charge.tenantId, '203004', charge.jobId)).toBeNull();
    });

    it('keeps tenants and months apart', async () => {
      const entry = sampleLedgerEntry({ tenantId: scene.tenantId(), jobId: scene.jobId() });
      const nextMonth = { ...entry, month: '203004' };
      const theirs = { ...entry, tenantId: scene.tenantId() };
      for (const each of [entry, nextMonth, theirs]) {
        expect(await scene.ports.ledger.append(each)).toBe('appended');
      }

      await scene.eventually(async () => {
        for (const each of [entry, nextMonth, theirs]) {
          expect((await scene.ports.ledger.list(each.tenantId, each.month)).items).toEqual([each]);
        }
      });
    });

    it('lists every entry of a month once, page by page', async () => {
      const tenantId = scene.tenantId();
      const jobIds = await atOnce(60, async () => {
        const jobId = scene.jobId();
        const charge = sampleLedgerEntry({ tenantId, jobId });
        await scene.ports.ledger.append(charge);
        await scene.ports.ledger.append(refundEntryOf(charge, 1, charge.atMs));
        return jobId;
      });

      await scene.eventually(async () => {
        const entries = await allPages((cursor) => scene.ports.ledger.list(tenantId, '203003', cursor));
        for (const kind of jobEntryKinds) {
          const found = entries.flatMap((entry) => (entry.kind === kind ? [entry.jobId] : []));
          expect(found.toSorted()).toEqual(jobIds.toSorted());
        }
      });
    });

    it('takes one share per tenant, month and pool, and lists it between the entries of jobs', async () => {
      const tenantId = scene.tenantId();
      const charge = sampleLedgerEntry({ tenantId, jobId: scene.jobId() });
      const [share, other] = [sampleShare({ tenantId }), sampleShare({ tenantId, pool: 'other' })];
      for (const entry of [charge, share, other]) await scene.ports.ledger.append(entry);

      const again = await atOnce(8, () =>
        scene.ports.ledger.append({ ...share, usdMicros: 9, parts: { coldStart: 0, idle: 9 } }),
      );

      expect(new Set(again)).toEqual(new Set(['exists']));
      expect(await scene.ports.ledger.share(tenantId, share.month, share.pool)).toEqual(share);
      expect(await scene.ports.ledger.share(tenantId, share.month, 'third')).toBeNull();
      expect(await scene.ports.ledger.share(scene.tenantId(), share.month, share.pool)).toBeNull();
      await scene.eventually(async () => {
        const { items } = await scene.ports.ledger.list(tenantId, charge.month);
        expect(items).toHaveLength(3);
        expect(items).toEqual(expect.arrayContaining([charge, share, other]));
      });
    });

    it('takes one entry a warm-up, reads it back whole, and lists it between the others', async () => {
      const tenantId = scene.tenantId();
      const charge = sampleLedgerEntry({ tenantId, jobId: scene.jobId() });
      const warmup = sampleWarmup({ tenantId, fingerprint: 'f'.repeat(64) });
      const { month, warmupId } = warmup;
      await scene.ports.ledger.append(charge);

      const outcomes = await atOnce(8, (index) =>
        scene.ports.ledger.append(index === 0 ? warmup : { ...warmup, token: `other${index}` }),
      );

      expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
      const stored = await scene.ports.ledger.warmup(tenantId, month, warmupId);
      expect({ ...stored, token: warmup.token }).toEqual(warmup);
      expect(await scene.ports.ledger.warmup(tenantId, '203004', warmupId)).toBeNull();
      expect(await scene.ports.ledger.warmup(scene.tenantId(), month, warmupId)).toBeNull();
      expect(await scene.ports.ledger.warmup(tenantId, month, 'warmup_none')).toBeNull();
      await scene.eventually(async () => {
        const { items } = await scene.ports.ledger.list(tenantId, month);
        expect(items).toHaveLength(2);
        expect(items).toEqual(expect.arrayContaining([charge, stored]));
      });
    });

    it('goes on behind a warm-up as behind any entry', async () => {
      const tenantId = scene.tenantId();
      const ids = Array.from({ length: 130 }, (_, index) => `warmup_${index}`);
      await atOnce(ids.length, (index) =>
        scene.ports.ledger.append(sampleWarmup({ tenantId, warmupId: ids[index] ?? '' })),
      );

      await scene.eventually(async () => {
        const entries = await allPages((cursor) => scene.ports.ledger.list(tenantId, '203003', cursor));
        const found = entries.flatMap((entry) => (entry.kind === 'warmup' ? [entry.warmupId] : []));
        expect(found.toSorted()).toEqual(ids.toSorted());
      });
    });

    it('goes on behind a share as behind any entry', async () => {
      const tenantId = scene.tenantId();
      const pools = Array.from({ length: 130 }, (_, index) => `pool-${index}`);
      await atOnce(pools.length, (index) =>
        scene.ports.ledger.append(sampleShare({ tenantId, pool: pools[index] ?? '' })),
      );

      await scene.eventually(async () => {
        const entries = await allPages((cursor) => scene.ports.ledger.list(tenantId, '203003', cursor));
        const found = entries.flatMap((entry) => (entry.kind === 'share' ? [entry.pool] : []));
        expect(found.toSorted()).toEqual(pools.toSorted());
      });
    });

    it('states a month and pool once, and gives back the statements of a month by pool', async () => {
      // A store may be shared by several suites: a month that no other test states.
      const month = String(200_001 + Math.floor(Number.parseInt(scene.nonce(), 36) % 90_000));
      const [first, second] = ['a-pool', 'b-pool'].map((pool) => sampleStatement({ month, pool }));
      if (first === undefined || second === undefined) throw new Error('there are two pools');

      const outcomes = await atOnce(8, () => scene.ports.ledger.state(second));
      await scene.ports.ledger.state(first);
      const again = await scene.ports.ledger.state({ ...first, workers: 7 });

      expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
      expect(again).toBe('exists');
      expect(await scene.ports.ledger.statements(month)).toEqual([first, second]);
    });
  });
}

export function blobsContract(scene: Scene): void {
  describe('Blobs', () => {
    it('returns what was put, byte for byte', async () => {
      const tenantId = scene.tenantId();
      const body = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);

      await scene.ports.blobs.put(tenantId, path, body, 'application/octet-stream');

      const found = await blob(scene, tenantId);
      expect(found !== null && Buffer.compare(found, body) === 0).toBe(true);
    });

    it("answers null for a missing blob and for another tenant's blob alike", async () => {
      const tenantId = scene.tenantId();
      await scene.ports.blobs.put(tenantId, path, Uint8Array.of(1), 'text/plain');

      expect(await scene.ports.blobs.get(tenantId, 'jobs/job_1/2/0.png')).toBeNull();
      expect(await scene.ports.blobs.get(scene.tenantId(), path)).toBeNull();
    });

    it('keeps blobs of the same path under two tenants apart', async () => {
      const [mine, theirs] = [scene.tenantId(), scene.tenantId()];
      await scene.ports.blobs.put(mine, path, Uint8Array.of(1), 'text/plain');

      await scene.ports.blobs.put(theirs, path, Uint8Array.of(2), 'text/plain');

      expect([...((await blob(scene, mine)) ?? [])]).toEqual([1]);
    });

    it('replaces a blob that is put again', async () => {
      const tenantId = scene.tenantId();
      await scene.ports.blobs.put(tenantId, path, Uint8Array.of(1), 'text/plain');

      await scene.ports.blobs.put(tenantId, path, Uint8Array.of(2, 3), 'text/plain');

      expect([...((await blob(scene, tenantId)) ?? [])]).toEqual([2, 3]);
    });

    it('returns a blob that was put to be kept under a key, and links to it, as any other', async () => {
      const tenantId = scene.tenantId();
      const body = Uint8Array.of(7, 8, 9);

      await scene.ports.blobs.put(tenantId, path, body, 'image/png', {
        isEncrypted: true,
        retentionMs: 86_400_000,
      });

      expect([...((await blob(scene, tenantId)) ?? [])]).toEqual([7, 8, 9]);
      const answer = await fetch(await scene.ports.blobs.link(tenantId, path, 60));
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body);
    });

    it('hands out a link that anyone can read the blob by, with its content type', async () => {
      const tenantId = scene.tenantId();
      const body = Uint8Array.of(0, 1, 2, 253, 254, 255);
      await scene.ports.blobs.put(tenantId, path, body, 'image/png');

      const answer = await fetch(await scene.ports.blobs.link(tenantId, path, 60));

      expect(answer.ok).toBe(true);
      expect(answer.headers.get('content-type')).toBe('image/png');
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body);
    });
  });
}

function blob(scene: Scene, tenantId: string): Promise<Uint8Array | null> {
  return scene.ports.blobs.get(tenantId, path);
}
