/**
 * Puts the demo models behind the Engine contract: one draws pictures, one answers chats about them. Which one a folder
 * holds its `weights.json` says. The native library is imported with the first load, so that the process is ready before it.
 */
import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as z from 'zod';
import type { Engine, EngineBatch, ModelRef, RunContext } from '../engine.ts';
import { EngineFault } from '../engine.ts';
import { readWeightsList } from './model-files.ts';

/** A loaded model, which runs one batch at a time as an `Engine` does. */
export interface DemoModel {
  run(batch: EngineBatch, context: RunContext): Promise<void>;
  /** Frees what it holds. The model must not be used afterwards. */
  close(): Promise<void>;
}

/** An engine for the models under `modelsDir`; nothing is read before the first load. */
export function createDemoEngine(modelsDir: string): Engine {
  const models = new Map<string, DemoModel>();
  return {
    name: 'demo',
    versions: {
      node: process.versions.node,
      onnxruntime: versionOf('onnxruntime-node'),
    },
    capabilities: { deltas: true, adapters: true },
    async load(ref) {
      models.set(keyOf(ref), await openModel(modelsDir, ref));
    },
    async unload(ref) {
      await models.get(keyOf(ref))?.close();
      models.delete(keyOf(ref));
    },
    async run(batch, context) {
      const model = models.get(keyOf(batch));
      if (model === undefined) throw new EngineFault('MODEL_NOT_LOADED', 'the model is not loaded');
      await model.run(batch, context);
    },
  };
}

async function openModel(modelsDir: string, { model }: ModelRef): Promise<DemoModel> {
  const directory = join(modelsDir, model);
  try {
    await access(directory);
  } catch (err) {
    throw new EngineFault('MODEL_NOT_LOADED', 'there is no such model', err);
  }
  const { name } = await readWeightsList(directory);
  switch (name) {
    case 'pilotlight-shapes':
      return await (await import('./shapes-batch.ts')).openShapes(directory);
    case 'pilotlight-scenes':
      return await (await import('./scenes-batch.ts')).openScenes(directory);
  }
}

function keyOf({ model, revision }: ModelRef): string {
  return `${model}@${revision}`;
}

/** Read from the package, because asking the library would load it. */
function versionOf(packageName: string): string {
  const manifest: unknown = createRequire(import.meta.url)(`${packageName}/package.json`);
  return z.looseObject({ version: z.string() }).parse(manifest).version;
}
