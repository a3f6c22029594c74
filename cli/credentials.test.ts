import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CredentialsAsk } from './credentials.ts';
import { resolveCredentials } from './credentials.ts';

const local = { url: 'http://127.0.0.1:4180', admin_key: 'admin', tenants: { demo: { key: 'demo-key' } } };

describe('the credentials file', () => {
  it('is found in the current folder or above it', async () => {
    const folder = await folderWith(local);
    const below = join(folder, 'a', 'b');
    await mkdir(below, { recursive: true });

    const wanted = { url: local.url, key: 'demo-key' };
    expect(resolveCredentials(ask(folder))).toEqual(wanted);
    expect(resolveCredentials(ask(below))).toEqual(wanted);
  });

  it('gives the only tenant, else demo, else the one that is named', async () => {
    const only = await folderWith({ ...local, tenants: { acme: { key: 'acme-key' } } });
    const two = await folderWith({ ...local, tenants: { acme: { key: 'acme-key' }, ...local.tenants } });

    expect(resolveCredentials(ask(only)).key).toBe('acme-key');
    expect(resolveCredentials(ask(two)).key).toBe('demo-key');
    expect(resolveCredentials(ask(two, { tenant: 'acme' })).key).toBe('acme-key');
    expect(() => resolveCredentials(ask(two, { tenant: 'other' }))).toThrow(/no tenant "other".*acme, demo/);
  });

  it('gives its keys to its own address only', async () => {
    const folder = await folderWith(local);

    expect(() => resolveCredentials(ask(folder, { url: 'https://stranger.example' }))).toThrow(/pass --key/);
    expect(resolveCredentials(ask(folder, { url: `${local.url}/` })).key).toBe('demo-key');
  });

  it("gives the operator's key to commands of the operator, to the file's address only", async () => {
    const folder = await folderWith(local);
    const { admin_key: _none, ...without } = local;
    const admin = { access: 'admin', tenant: 'companyA' } as const;

    expect(resolveCredentials(ask(folder, admin))).toEqual({ url: local.url, key: 'admin' });
    const env = { PILOTLIGHT_API_KEY: 'env-key' };
    expect(resolveCredentials(ask(folder, { ...admin, env })).key).toBe('env-key');
    const stranger = { ...admin, url: 'https://stranger.example' };
    expect(() => resolveCredentials(ask(folder, stranger))).toThrow(/pass --key/);
    const keyless = await folderWith(without);
    expect(() => resolveCredentials(ask(keyless, admin))).toThrow(/has no admin key/);
  });

  it('that is broken is named in one line', async () => {
    const folder = await folderWith({ url: 'nowhere' });

    expect(() => resolveCredentials(ask(folder))).toThrow(/^cannot use .*credentials\.json: [^\n]*$/);
  });
});

describe('flags and environment', () => {
  it('come before the file, flags first', async () => {
    const folder = await folderWith(local);
    const env = { PILOTLIGHT_URL: 'https://env.example', PILOTLIGHT_API_KEY: 'env-key' };

    expect(resolveCredentials(ask(folder, { env }))).toEqual({ url: 'https://env.example', key: 'env-key' });
    expect(resolveCredentials(ask(folder, { env, key: 'flag-key' })).key).toBe('flag-key');
    expect(resolveCredentials(ask(folder, { env: { PILOTLIGHT_API_KEY: 'env-key' } }))).toEqual({
      url: local.url,
      key: 'env-key',
    });
  });

  it('must name an http address', () => {
    expect(() => resolveCredentials(ask('/', { url: 'ftp://x', key: 'k' }))).toThrow(/not an http/);
  });

  it('that say nothing leave one clear line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));

    expect(() => resolveCredentials(ask(folder, { env: { PILOTLIGHT_API_KEY: '' } }))).toThrow(
      /^no API key: /,
    );
  });
});

async function folderWith(content: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
  await mkdir(join(folder, '.pilotlight'));
  await writeFile(join(folder, '.pilotlight', 'credentials.json'), JSON.stringify(content));
  return folder;
}

function ask(cwd: string, overrides: Partial<CredentialsAsk> = {}): CredentialsAsk {
  return { url: undefined, key: undefined, tenant: undefined, env: {}, cwd, ...overrides };
}
