import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleNowMs } from '#core/samples.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import { ensureCredentials, ensureSecrets } from './credentials.ts';

async function openScene() {
  const clock = createManualClock(sampleNowMs);
  const world = createMemoryWorld({ clock, ids: createSeededIds(1) });
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-credentials-'));
  const { keyPepper: pepper } = await ensureSecrets(dataDir);
  const ensure = (ports = world) => ensureCredentials(ports, { dataDir, pepper, url: 'http://127.0.0.1:1' });
  return { clock, world, dataDir, pepper, ensure };
}

describe('the credentials of a laptop', () => {
  it('are made once, and stay as long as they work', async () => {
    const { dataDir, ensure } = await openScene();

    const first = await ensure();
    const second = await ensure();

    expect(second).toEqual(first);
    const path = join(dataDir, 'credentials.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(first);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("give the operator's key nothing but admin, and the tenant's everything else", async () => {
    const { world, ensure } = await openScene();
    const { admin_key, tenants } = await ensure();

    const admin = await world.keys.get(keyIdOf(admin_key) ?? '');
    const demo = await world.keys.get(keyIdOf(tenants.demo.key) ?? '');

    expect(admin).toMatchObject({ tenantId: 'operator', scopes: ['admin'] });
    expect(demo?.tenantId).toBe('demo');
    expect(demo?.scopes).not.toContain('admin');
  });

  it('are made anew where a key was revoked, so that nobody is locked out for good', async () => {
    const { world, ensure } = await openScene();
    const first = await ensure();
    await world.keys.revoke('operator', keyIdOf(first.admin_key) ?? '', 1);

    const second = await ensure();

    expect(second.admin_key).not.toBe(first.admin_key);
    expect(second.tenants).toEqual(first.tenants);
  });

  it('are made anew when the stores were emptied', async () => {
    const { clock, ensure } = await openScene();
    const first = await ensure();

    const second = await ensure(createMemoryWorld({ clock, ids: createSeededIds(2) }));

    expect(second.admin_key).not.toBe(first.admin_key);
    expect(second.tenants.demo.key).not.toBe(first.tenants.demo.key);
  });
});

describe('the secrets of a laptop', () => {
  it('are made once and read by their owner alone', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-secrets-'));

    const first = await ensureSecrets(dataDir);

    expect(await ensureSecrets(dataDir)).toEqual(first);
    expect(first.webhookKey).not.toBe(first.keyPepper);
    expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o777).toBe(0o600);
  });

  it('of a folder from before webhooks keep their pepper and gain a key for webhooks', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-secrets-'));
    const before = { key_pepper: 'p'.repeat(64) };
    await writeFile(join(dataDir, 'secrets.json'), JSON.stringify(before));

    const secrets = await ensureSecrets(dataDir);

    expect(secrets.keyPepper).toBe(before.key_pepper);
    expect(await ensureSecrets(dataDir)).toEqual(secrets);
  });
});
