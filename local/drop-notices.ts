/** What S3 does by itself on AWS and fauxqs does not: says to a queue that a file was dropped, before whoever put it is answered. */
import type { buildApp } from 'fauxqs';
import { dropNotice } from '#aws/drop-notice.ts';
import { bucketSettings } from '#aws/resources.ts';
import { dropSuffix } from '#core/batch/drop.ts';

interface Request {
  readonly method: string;
  readonly params: unknown;
  readonly query: unknown;
}

/** @param tell puts the message into the queue; a process that dies before has answered nobody */
export function tellDrops(app: ReturnType<typeof buildApp>, tell: (message: string) => void): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const key = reply.statusCode === 200 ? droppedKey(request) : null;
    if (key !== null) tell(dropNotice(key));
    return payload;
  });
}

/** Of a file that is whole: neither a part of one, nor one that is begun. */
function droppedKey({ method, params, query }: Request): string | null {
  const { bucket, '*': key } = Object(params);
  const asked = Object(query);
  const isWhole =
    (method === 'PUT' && !('partNumber' in asked)) || (method === 'POST' && 'uploadId' in asked);
  const isDrop =
    bucket === bucketSettings.localName &&
    typeof key === 'string' &&
    key.startsWith(bucketSettings.dropInPrefix) &&
    key.endsWith(dropSuffix);
  return isWhole && isDrop ? key : null;
}
