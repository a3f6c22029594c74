/**
 * The request with the pictures that its input names, after the replay: an address that has gone since changes nothing for
 * an accepted job. What lies behind an address is kept as a file of the tenant's, once nothing else is wrong with it, so
 * that every attempt draws from the same picture; one that a refusal or a crash leaves behind expires.
 */
import { digest } from '../canonical.ts';
import type { ErrorDetail } from '../errors.ts';
import { readPictureRef } from '../images/picture-ref.ts';
import { imageLimits } from '../limits.ts';
import { inputFaults, picturesNamed } from '../models/input-pictures.ts';
import type { CheckedRequest } from './checked-request.ts';
import type { FoundPicture } from './find-picture.ts';
import { findPicture } from './find-picture.ts';
import { refusedAlready } from './refused-already.ts';
import { storePicture } from './store-picture.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';

export async function attachPictures(
  ports: SubmitPorts,
  ask: SubmitAsk,
  checked: CheckedRequest,
): Promise<CheckedRequest | SubmitOutcome> {
  const { tenant } = ask;
  const { manifest } = checked.model;
  const names = picturesNamed(manifest, checked.input);
  if (names.length === 0) return checked;
  const isFetched = names.some((name) => readPictureRef(name)?.kind === 'address');
  const refused = isFetched ? await refusedAlready(ports, ask, checked) : null;
  if (refused !== null) return refused;
  const looked = await findPictures(ports, tenant.tenantId, names);
  if (bytesOf(looked) > imageLimits.namedBytesMax) return { kind: 'invalid', details: [tooMuch] };
  const read = new Map(looked.map((each) => [each.url, each.read]));
  const details = inputFaults(manifest, checked.input, read);
  if (details.length > 0) return { kind: 'invalid', details };
  const pictures: CheckedRequest['pictures'] = [];
  for (const each of looked) {
    if (each.kind === 'missing') continue;
    const kept = await keptAs(ports, tenant, each);
    if (kept.kind === 'refused') return { ...kept, gate: null };
    pictures.push({ url: each.url, fileId: kept.fileId, sha256: digest(each.bytes) });
  }
  return { ...checked, pictures };
}

/** A few at a time, all within one time, and none any more once they are too much together. */
async function findPictures(
  ports: SubmitPorts,
  tenantId: string,
  names: readonly string[],
): Promise<Looked[]> {
  const untilMs = ports.clock.nowMs() + imageLimits.fetchMs;
  const look = async (url: string) => ({ url, ...(await findPicture(ports, tenantId, url, untilMs)) });
  const looked: Looked[] = [];
  const step = imageLimits.fetchedAtOnceMax;
  for (let at = 0; at < names.length && bytesOf(looked) <= imageLimits.namedBytesMax; at += step) {
    looked.push(...(await Promise.all(names.slice(at, at + step).map(look))));
  }
  return looked;
}

type Looked = FoundPicture & { readonly url: string };

function bytesOf(looked: readonly FoundPicture[]): number {
  return looked.reduce((sum, each) => sum + (each.kind === 'found' ? each.bytes.byteLength : 0), 0);
}

const tooMuch: ErrorDetail = {
  path: 'input',
  message: `names pictures of more than ${imageLimits.namedBytesMax} bytes together`,
};

async function keptAs(
  ports: SubmitPorts,
  tenant: SubmitAsk['tenant'],
  { fileId, bytes }: Extract<FoundPicture, { kind: 'found' }>,
): Promise<{ readonly kind: 'file'; readonly fileId: string } | Extract<SubmitOutcome, { kind: 'refused' }>> {
  if (fileId !== null) return { kind: 'file', fileId };
  const asked = { tenant, filename: 'fetched', keptMs: imageLimits.fetchedKeptMs };
  const stored = await storePicture(ports, asked, bytes);
  switch (stored.kind) {
    case 'stored':
      return { kind: 'file', fileId: stored.file.fileId };
    case 'refused':
      return { kind: 'refused', refusal: stored.refusal, gate: null };
    case 'fault':
      throw new Error(`a picture that was read is none: ${stored.message}`);
  }
}
