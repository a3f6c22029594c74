/** What is wrong with pools that are well-formed: their numbers, their models, and what their cards hold. */
import type { ErrorDetail } from '#core/errors.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { imagePeakMb, plannableMb } from '#core/models/memory.ts';
import type { PoolConfig } from './config.ts';
import { instanceTypes } from './instance-types.ts';
import { taskMemoryMib, taskMemoryMibMin, workerCardMb } from './pool-size.ts';

/** Paths are relative to the pool. */
export function poolFaults(name: string, pool: PoolConfig, manifests: readonly Manifest[]): ErrorDetail[] {
  return [
    ...countFaults(pool),
    ...shareFaults(pool),
    ...pool.models.flatMap((id, index) => {
      const path = `models.${index}`;
      const manifest = manifests.find((each) => each.id === id);
      if (manifest === undefined) return [{ path, message: `there is no model ${id}` }];
      return [...nameFaults(path, name, manifest), ...memoryFaults(path, pool, manifest)];
    }),
  ];
}

function countFaults({ workersMin, workersMax, warmInstances }: PoolConfig): ErrorDetail[] {
  const bounded = { workersMin, warmInstances };
  return Object.entries(bounded).flatMap(([path, count]) =>
    count > workersMax ? [{ path, message: `must not be above workersMax, which is ${workersMax}` }] : [],
  );
}

/** Of an instance that so many workers share. */
function shareFaults(pool: PoolConfig): ErrorDetail[] {
  const memoryMib = taskMemoryMib(pool);
  if (memoryMib >= taskMemoryMibMin) return [];
  const message = `leaves each worker ${memoryMib} MiB of the memory of ${pool.instanceType}; ${taskMemoryMibMin} are the least`;
  return [{ path: 'workersPerCard', message }];
}

/** The manifest says the pool, to the API and to workers alike. */
function nameFaults(path: string, name: string, { id, pool }: Manifest): ErrorDetail[] {
  if (pool === name) return [];
  return [{ path, message: `${id} is of the pool ${pool}, as its manifest says` }];
}

/** A worker's part of a card must hold the weights and the smallest job at least. */
function memoryFaults(path: string, pool: PoolConfig, { id, memory }: Manifest): ErrorDetail[] {
  const { instanceType } = pool;
  const { card } = instanceTypes[instanceType];
  const roomMb = plannableMb(workerCardMb(pool));
  const needMb = memory.weights_mb + (memory.per_answer_mb ?? imagePeakMb(memory, 1));
  if (needMb <= roomMb) return [];
  const message = `${id} needs ${needMb} MB for its weights and one job; ${roomMb} MB of the ${card} of ${instanceType} can be planned into`;
  return [{ path, message }];
}

/** Of models in two pools, or twice in one. */
export function placementFaults(
  pools: readonly (readonly [name: string, pool: PoolConfig])[],
): ErrorDetail[] {
  const placed = pools.flatMap(([name, { models }]) =>
    models.map((model, index) => ({ model, path: `pools.${name}.models.${index}` })),
  );
  return placed.flatMap(({ model, path }, index) => {
    const first = placed.findIndex((each) => each.model === model);
    return first === index ? [] : [{ path, message: `${model} is at ${placed[first]?.path} already` }];
  });
}

/** Of names that no pool serves. */
export function knownModelFaults(models: readonly string[], served: readonly string[]): ErrorDetail[] {
  return models.flatMap((model, index) =>
    served.includes(model) ? [] : [{ path: `models.${index}`, message: `no pool serves a model ${model}` }],
  );
}
