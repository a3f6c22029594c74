import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '#functions/api/api-scene.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { listen } from './listen.ts';
import type { LocalTenantPorts } from './tenant-ports.ts';
import { createTenantPorts } from './tenant-ports.ts';

const running: LocalTenantPorts[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((ports) => ports.stop()));
});

/** A free port, which something else may take before we do; so is every port that a person names. */
async function freePort(): Promise<number> {
  const server = createServer();
  const url = await listen(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return Number(new URL(url).port);
}

async function openScene() {
  const scene = await createApiScene();
  const theirs = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-ports-'));
  const start = async () => {
    const ports = createTenantPorts({ dataDir, log: createRecordingLog() });
    running.push(ports);
    await ports.start(scene.handler);
    return ports;
  };
  const ask = async (port: number, key: string) =>
    (await fetch(`http://127.0.0.1:${port}/v1/limits`, { headers: { authorization: `Bearer ${key}` } }))
      .status;
  return { scene, theirs, dataDir, start, ask };
}

describe('the port of a tenant', () => {
  it("serves that tenant's keys and refuses every other", async () => {
    const { scene, theirs, start, ask } = await openScene();
    const ports = await start();
    const port = await freePort();

    expect(await ports.open('tenant-a', port)).toBe('opened');

    expect(await ask(port, scene.key)).toBe(200);
    expect(await ask(port, theirs)).toBe(401);
    expect(ports.portOf('tenant-a')).toBe(port);
    expect(ports.portOf('tenant-b')).toBeNull();
  });

  it('takes no word of the client for who may enter', async () => {
    const { theirs, start } = await openScene();
    const ports = await start();
    const port = await freePort();
    await ports.open('tenant-a', port);

    const { status } = await fetch(`http://127.0.0.1:${port}/v1/limits?pilotlightTenant=tenant-b`, {
      headers: { authorization: `Bearer ${theirs}`, pilotlighttenant: 'tenant-b' },
    });

    expect(status).toBe(401);
  });

  it('is there again after a start, in a file that only its owner reads', async () => {
    const { scene, dataDir, start, ask } = await openScene();
    const port = await freePort();
    const first = await start();
    await first.open('tenant-a', port);
    await first.stop();

    const second = await start();

    expect(second.portOf('tenant-a')).toBe(port);
    expect(await ask(port, scene.key)).toBe(200);
    const path = join(dataDir, 'tenant-ports.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ 'tenant-a': port });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is refused when something listens there, and not kept', async () => {
    const { dataDir, start } = await openScene();
    const ports = await start();
    const other = createServer();
    const port = Number(new URL(await listen(other, 0)).port);

    expect(await ports.open('tenant-a', port)).toBe('taken');

    expect(ports.portOf('tenant-a')).toBeNull();
    await expect(stat(join(dataDir, 'tenant-ports.json'))).rejects.toThrow('ENOENT');
    await new Promise((resolve) => other.close(resolve));
  });

  it('is refused to a second tenant, and a tenant has one', async () => {
    const { start } = await openScene();
    const ports = await start();
    const port = await freePort();

    const outcomes = await Promise.all([ports.open('tenant-a', port), ports.open('tenant-b', port)]);

    expect(outcomes).toEqual(['opened', 'taken']);
    expect(await ports.open('tenant-a', await freePort())).toBe('taken');
    expect(await ports.open('tenant-a', port)).toBe('opened');
  });

  it('is closed and forgotten with its tenant', async () => {
    const { scene, start, ask } = await openScene();
    const ports = await start();
    const port = await freePort();
    await ports.open('tenant-a', port);

    await ports.close('tenant-a');

    await expect(ask(port, scene.key)).rejects.toThrow();
    await ports.stop();
    expect((await start()).portOf('tenant-a')).toBeNull();
  });

  it('that is taken at the next start is named with its tenant', async () => {
    const { start } = await openScene();
    const first = await start();
    const port = await freePort();
    await first.open('tenant-a', port);
    await first.stop();
    const other = createServer();
    await listen(other, port);

    await expect(start()).rejects.toThrow(`${port} is the port of tenant tenant-a`);

    await new Promise((resolve) => other.close(resolve));
  });
});
