/** Where the tests of OpenAI's routes start: a tenant, a model that draws, one that answers, and a worker for both. */
import { work } from '#core/flows/work.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { fakeChatManifest, fakeManifest, worldPool } from '#sim/memory/flow-world.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { ApiScene } from '../../api-scene.ts';
import { createApiScene } from '../../api-scene.ts';

export const catalog = createCatalog([fakeManifest, fakeChatManifest]);

export async function openDialectScene(
  options: { readonly tenant?: TenantRecord; readonly change?: Partial<ApiDeps> } = {},
) {
  const scene = await createApiScene({ ...options, change: { catalog, ...options.change } });
  return { ...scene, whileWorking: <T>(answer: Promise<T>) => whileWorking(scene, answer) };
}

/** The answer, with a worker at work until it is there. */
export async function whileWorking<T>(scene: ApiScene, answer: Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const life = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const working = work({ ...scene, catalog }, { workerId: 'worker_1', pool: worldPool, slots: 4, ...life });
  let isOver = false;
  const over = Promise.allSettled([answer])
    .then(() => stopping.abort())
    .then(() => working)
    .finally(() => {
      isOver = true;
    });
  while (!isOver) await scene.clock.advance(250);
  await over;
  return answer;
}

/** What comes as `data` of a stream, in order. */
export function dataOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice('data: '.length)] : []));
}
