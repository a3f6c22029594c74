/** For tests: the command line of an operator against the real gateway and handler; only storage is in memory. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCatalog } from '#core/models/manifest.ts';
import type { AdminScene } from '#functions/api/admin-scene.ts';
import { createAdminScene } from '#functions/api/admin-scene.ts';
import { startGateway } from '#local/gateway.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';

const catalog = createCatalog([
  fakeManifest,
  { ...fakeManifest, id: 'fake-image-v2' },
  { ...fakeManifest, id: 'fake-image-int4', variant: { of: 'fake-image', quant: 'int4' } },
]);

export interface OperatorShell {
  readonly scene: AdminScene;
  run(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  json(...args: readonly string[]): Promise<ReturnType<typeof JSON.parse>>;
  close(): Promise<void>;
}

/** A folder with the credentials file of an operator who serves the tenant `tenant-a`. */
export async function openOperatorShell(): Promise<OperatorShell> {
  const scene = await createAdminScene({ change: { catalog } });
  const gateway = await startGateway({ handler: scene.handler, port: 0, log: scene.log });
  const tenantKey = await scene.addKey('tenant-a', ['jobs:read', 'jobs:write', 'keys:write']);
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-operator-'));
  await mkdir(join(cwd, '.pilotlight'));
  const file = { url: gateway.url, admin_key: scene.adminKey, tenants: { 'tenant-a': { key: tenantKey } } };
  await writeFile(join(cwd, '.pilotlight', 'credentials.json'), JSON.stringify(file));
  const run: OperatorShell['run'] = async (...args) => {
    const io = captureIo({ cwd });
    const code = await main(args, io);
    return { code, stdout: io.stdout(), stderr: io.stderr() };
  };
  return {
    scene,
    run,
    json: async (...args) => JSON.parse((await run(...args, '--json')).stdout),
    async close() {
      await gateway.close();
      await rm(cwd, { recursive: true });
    },
  };
}
