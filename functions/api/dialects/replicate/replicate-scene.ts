/** Where the tests of Replicate's routes start: a model that draws, one that answers, and predictions of both. */
import type { ApiScene, Got, Sent } from '../../api-scene.ts';
import { openDialectScene } from '../openai/dialect-scene.ts';

export const drawing = '/replicate/v1/models/pilotlight/fake-image/predictions';
export const chatting = '/replicate/v1/models/pilotlight/fake-chat/predictions';

export async function openReplicateScene(...options: Parameters<typeof openDialectScene>) {
  const scene = await openDialectScene(...options);
  const create = (path: string, body: object, sent: Omit<Sent, 'body'> = {}): Promise<Got> =>
    scene.send('replicateCreateModelPrediction', path, { ...sent, body });
  return {
    ...scene,
    draw: (change: object = {}, sent: Omit<Sent, 'body'> = {}) =>
      create(drawing, { input: { prompt: 'a lighthouse' }, ...change }, sent),
    chat: (change: object = {}, sent: Omit<Sent, 'body'> = {}) =>
      create(chatting, { input: { prompt: 'one two' }, ...change }, sent),
  };
}

export type ReplicateScene = Awaited<ReturnType<typeof openReplicateScene>>;

/** The path of an absolute link of the API. */
export function pathOf(link: string): string {
  const { pathname, search } = new URL(link);
  return pathname + search;
}

export async function newestJob({ jobs }: Pick<ApiScene, 'jobs'>) {
  const [job] = (await jobs.list('tenant-a', { limit: 1 })).items;
  if (job === undefined) throw new Error('there is no job');
  return job;
}
