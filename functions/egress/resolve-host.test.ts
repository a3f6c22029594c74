/** Names of every kind, asked of a real name server of the test, and of a hosts file of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type DnsAnswer, type DnsUnderTest, startDns } from './dns-under-test.ts';
import type { ResolveHost } from './resolve-host.ts';
import { createMachineResolver, resolveAsMachine } from './resolve-host.ts';

const never = new AbortController().signal;
const nameServers: DnsUnderTest[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const each of nameServers.splice(0)) each.stop();
  for (const each of folders.splice(0)) await rm(each, { recursive: true });
});

async function namesBy(script: (name: string) => DnsAnswer): Promise<DnsUnderTest> {
  const names = await startDns(script);
  nameServers.push(names);
  return names;
}

describe('names whose servers keep silent', () => {
  it('hold up no other name, and are let go of at their deadline', async () => {
    const names = await namesBy((name) => (name === 'good.example' ? ['127.0.0.1'] : 'silent'));
    const deadline = new AbortController();
    const ended: string[] = [];
    // More than a process has threads.
    const dead = Array.from({ length: 32 }, async (_, nth) => {
      await expect(names.resolveHost(`a${nth}.example`, deadline.signal)).rejects.toMatchObject({
        code: 'ECANCELLED',
      });
      ended.push(`a${nth}.example`);
    });

    expect(await names.resolveHost('good.example', never)).toEqual(['127.0.0.1']);
    expect(ended).toEqual([]);

    deadline.abort();
    await Promise.all(dead);
    expect(ended).toHaveLength(32);
  });

  it('are not asked for once their deadline is over', async () => {
    const names = await namesBy(() => 'silent');

    await expect(names.resolveHost('a.example', AbortSignal.abort())).rejects.toThrow();

    expect(names.questions).toEqual([]);
  });
});

describe('the addresses of a name', () => {
  it('are those of both families', async () => {
    const names = await namesBy(() => ['::1', '127.0.0.1', '127.0.0.2']);

    expect(await names.resolveHost('both.example', never)).toEqual(['127.0.0.1', '127.0.0.2', '::1']);
    expect(names.questions).toEqual(['A both.example', 'AAAA both.example']);
  });

  it.each([[['127.0.0.1']], [['::1']]])('are %j where it has no others', async (addresses) => {
    const names = await namesBy(() => addresses);

    expect(await names.resolveHost('one.example', never)).toEqual(addresses);
  });
});

describe('a name without an address', () => {
  it.each([
    ['that there is not', 'unknown', 'ENOTFOUND'],
    ['that has no record of one', [], 'ENODATA'],
    ['whose servers fail', 'failing', 'ESERVFAIL'],
  ] as const)('%s says so', async (_what, answer, code) => {
    const names = await namesBy(() => answer);

    await expect(names.resolveHost('nobody.example', never)).rejects.toMatchObject({ code });
  });

  it('says that the server cannot be reached where that is so', async () => {
    const { resolveHost, stop } = await startDns([]);
    stop();

    await expect(resolveHost('nobody.example', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe("a person's own machine", () => {
  async function machineWith(hosts: string, byDns: ResolveHost): Promise<ResolveHost> {
    const folder = await mkdtemp(join(tmpdir(), 'hosts-'));
    folders.push(folder);
    const hostsFile = join(folder, 'hosts');
    await writeFile(hostsFile, hosts);
    return createMachineResolver(byDns, hostsFile);
  }

  it('finds localhost on itself', async () => {
    const addresses = await resolveAsMachine('localhost', never);

    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(['127.0.0.1', '::1']).toContain(address);
  });

  it('asks its servers where it has no hosts file', async () => {
    const asked = async (hostname: string) => [`192.0.2.1 for ${hostname}`];

    const resolveHost = createMachineResolver(asked, join(tmpdir(), 'no-folder', 'hosts'));

    expect(await resolveHost('hooks.example', never)).toEqual(['192.0.2.1 for hooks.example']);
  });

  it('finds what its hosts file says, and asks no server for it', async () => {
    const names = await namesBy(() => 'silent');
    const hosts =
      '# 10.0.0.9 hooks.example\n127.0.0.1\tlocalhost Hooks.example # mine\n::1 hooks.example\n10.0.0.8 xhooks.example\n';
    const resolveHost = await machineWith(hosts, names.resolveHost);

    expect(await resolveHost('hooks.example', never)).toEqual(['127.0.0.1', '::1']);
    expect(names.questions).toEqual([]);
  });

  it('asks name servers for every other name with a dot', async () => {
    const names = await namesBy(() => ['127.0.0.2']);
    const resolveHost = await machineWith('127.0.0.1 localhost\n', names.resolveHost);

    expect(await resolveHost('a.example', never)).toEqual(['127.0.0.2']);
  });
});

it('name servers alone are asked where no machine is: what its hosts file says is nothing to them', async () => {
  const names = await namesBy(() => 'unknown');

  await expect(names.resolveHost('localhost', never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
});
