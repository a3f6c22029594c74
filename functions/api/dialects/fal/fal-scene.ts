/** Where the tests of fal's routes start: a model that draws, one that answers, and requests of both. */
import type { Got, Sent } from '../../api-scene.ts';
import { openDialectScene } from '../openai/dialect-scene.ts';

export const drawing = '/fal/queue/pilotlight/fake-image';
export const chatting = '/fal/queue/pilotlight/fake-chat';

export async function openFalScene(...options: Parameters<typeof openDialectScene>) {
  const scene = await openDialectScene(...options);
  return {
    ...scene,
    submit: (path: string, body: object, sent: Omit<Sent, 'body'> = {}): Promise<Got> =>
      scene.send('falSubmit', path, { ...sent, body }),
  };
}

export type FalScene = Awaited<ReturnType<typeof openFalScene>>;

/** The id of a drawing that waits. */
export async function drawn(scene: FalScene): Promise<string> {
  return (await scene.submit(drawing, { prompt: 'a lighthouse' })).json.request_id;
}

export function requestPath(id: string, rest = ''): string {
  return `${drawing}/requests/${id}${rest}`;
}
