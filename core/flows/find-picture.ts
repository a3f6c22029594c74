/**
 * Finds a picture that an input names: among the files of its tenant, or behind an address, through the guard of all
 * addresses that tenants name. Follows no redirect; asks once.
 */

import { pathOfPicture } from '../batch/file.ts';
import type { Outbound, OutboundAnswer } from '../egress/outbound.ts';
import { readPictureRef } from '../images/picture-ref.ts';
import type { PictureUrl } from '../images/picture-url.ts';
import { readPicture } from '../images/picture-url.ts';
import { imageLimits } from '../limits.ts';
import type { Files } from '../ports/batches.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/process.ts';
import { findFile } from './find-file.ts';
import { tooLarge } from './store-picture.ts';

export interface FindPorts {
  readonly blobs: Pick<Blobs, 'get'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Pick<Files, 'get'>;
  readonly outbound: Outbound;
}

export type FoundPicture =
  /** `fileId`: of the tenant's file that it is; null for one from an address. */
  | {
      readonly kind: 'found';
      readonly bytes: Uint8Array;
      readonly fileId: string | null;
      readonly read: PictureUrl;
    }
  | { readonly kind: 'missing'; readonly read: Extract<PictureUrl, { kind: 'fault' }> };

/**
 * @param name of which `readPictureRef` knows the kind
 * @param untilMs an address is asked no longer than that
 */
export async function findPicture(
  ports: FindPorts,
  tenantId: string,
  name: string,
  untilMs: number,
): Promise<FoundPicture> {
  const ref = readPictureRef(name);
  if (ref === null) return missing('names no picture');
  return ref.kind === 'file' ? ofFile(ports, tenantId, ref.fileId) : ofAddress(ports, name, untilMs);
}

async function ofFile(ports: FindPorts, tenantId: string, fileId: string): Promise<FoundPicture> {
  const file = await findFile(ports, tenantId, fileId);
  if (file?.purpose !== 'vision') return missing('is no file of the purpose vision');
  const bytes = await ports.blobs.get(tenantId, pathOfPicture(fileId));
  if (bytes === null) return missing('was announced, and not uploaded yet');
  return found(bytes, fileId);
}

async function ofAddress(
  { clock, outbound }: FindPorts,
  url: string,
  untilMs: number,
): Promise<FoundPicture> {
  const timeoutMs = untilMs - clock.nowMs();
  if (timeoutMs <= 0) return missing('could not be fetched (timeout)');
  const answer = await outbound.send({
    method: 'GET',
    url,
    headers: { accept: 'image/png, image/jpeg, image/webp' },
    timeoutMs,
    answerBytesMax: imageLimits.namedBytesMax,
  });
  const fault = faultOf(answer);
  if (fault !== null) return missing(fault);
  return answer.kind === 'answered' ? found(answer.body, null) : missing('was not fetched');
}

/** Of an answer that holds no picture; words that name no more of the far side than its tenant knows. */
function faultOf(answer: OutboundAnswer): string | null {
  switch (answer.kind) {
    case 'refused':
      return answer.detail;
    case 'failed':
      return `could not be fetched (${answer.reason})`;
    case 'answered':
      if (answer.status >= 300 && answer.status < 400)
        return `leads elsewhere (${answer.status}), and no redirect is followed`;
      if (answer.status !== 200) return `was answered with ${answer.status}`;
      return answer.truncated ? tooLarge : null;
  }
}

function found(bytes: Uint8Array, fileId: string | null): FoundPicture {
  return { kind: 'found', bytes, fileId, read: readPicture(bytes, null) };
}

function missing(message: string): FoundPicture {
  return { kind: 'missing', read: { kind: 'fault', message } };
}
