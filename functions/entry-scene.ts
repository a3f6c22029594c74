/**
 * Where the tests of Lambda entries start: the embedded stack, a folder with one model, a tenant, and the environment that
 * says where all of it is. An entry that is imported after this is the deployed one, down to its AWS adapters.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { awsConfigSchema } from '#aws/clients.ts';
import { awsEnvOf } from '#aws/env.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { submit } from '#core/flows/submit.ts';
import type { JobRecord } from '#core/job/job.ts';
import { createCatalog } from '#core/models/manifest.ts';
import { sampleTenant } from '#core/samples.ts';
import { startEmulators } from '#local/emulators.ts';
import { fakeManifest, submission, worldPool } from '#sim/memory/flow-world.ts';
import { createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';

/** @param more variables of the entry beside those of the stores */
export async function createEntryScene(more: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-entry-'));
  const models = join(folder, 'models');
  await mkdir(join(models, fakeManifest.id), { recursive: true });
  await writeFile(join(models, fakeManifest.id, 'manifest.json'), JSON.stringify(fakeManifest));
  const emulators = await startEmulators({ dataDir: join(folder, 'data'), pools: [worldPool] });
  const ports = createAwsPorts(awsConfigSchema.parse(emulators.config), { log: createRecordingLog() });
  const env = { ...awsEnvOf(emulators.config), PILOTLIGHT_MODELS_DIR: models, ...more };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const tenant = sampleTenant({ createdAtMs: Date.now() });
  await ports.tenants.create(tenant);
  const catalog = createCatalog([fakeManifest]);
  const outlooks = createOutlooks({ ...ports, catalog });
  const woken: string[] = [];
  const scaler = { wake: async (pool: string) => void woken.push(pool) };
  const outbound = createMemoryOutbound(ports);
  return {
    ports,
    /** Where everything is. */
    config: emulators.config,
    tenant,
    /** Pools that submissions asked to wake. */
    woken,
    async submitJob(): Promise<JobRecord> {
      const outcome = await submit({ ...ports, catalog, outbound, outlooks, scaler }, submission(tenant));
      if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
      return outcome.job;
    },
    async close(): Promise<void> {
      vi.unstubAllEnvs();
      ports.close();
      await emulators.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type EntryScene = Awaited<ReturnType<typeof createEntryScene>>;
