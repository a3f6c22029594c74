/** How long a runner may tell nothing of what it was asked, though it answers pings, before its device is thought to hang. */
import { workerLimits } from '../limits.ts';
import type { Catalog, Manifest, ModelInput } from './manifest.ts';

/** Of `vllm_proxy`, where its manifest does not say how long it waits for its server. */
const serverStartSecondsDefault = 600;

/** For the load of a model; the least there is for one that the catalog does not have. */
export function loadPatienceMs(catalog: Pick<Catalog, 'get'>, modelId: string): number {
  const manifest = catalog.get(modelId)?.manifest;
  const { patienceMsMin, patiencePerPredicted } = workerLimits;
  if (manifest === undefined) return patienceMsMin;
  // A server is awaited in silence, and its model read after that.
  return serverStartMs(manifest) + Math.max(patienceMsMin, patiencePerPredicted * manifest.time.load_ms);
}

/** For a call with these inputs, as if each of them were computed after the other. */
export function callPatienceMs(
  catalog: Pick<Catalog, 'get'>,
  modelId: string,
  inputs: readonly ModelInput[],
): number {
  const model = catalog.get(modelId);
  const predictedMs = inputs.reduce((sum, input) => sum + (model?.workOf(input).predictedGpuMs ?? 0), 0);
  return Math.max(workerLimits.patienceMsMin, workerLimits.patiencePerPredicted * predictedMs);
}

function serverStartMs({ runtime }: Manifest): number {
  return runtime?.runner === 'vllm_proxy' ? (runtime.start_s ?? serverStartSecondsDefault) * 1_000 : 0;
}
