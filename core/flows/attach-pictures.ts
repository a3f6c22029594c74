/**
 * The request with the pictures that its input names, after the replay: an address that has gone since changes nothing for
 * an accepted job. What lies behind an address is kept as a file of the tenant's, once nothing else is wrong with it, so
 * that every attempt draws from the same picture; one that a refusal or a crash leaves behind expires.
 */
import { digest } from '../canonical.ts';
import type { ErrorDetail } from '../errors.ts';
import { imageLimits } from '../limits.ts';
import { inputFaults, picturesNamed } from '../models/input-pictures.ts';
import type { CheckedRequest } from './checked-request.ts';
import type { FoundPicture } from './find-picture.ts';
import { findPicture } from './find-picture.ts';
import { storePicture } from './store-picture.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';

export async function attachPictures(
  ports: SubmitPorts,
  { tenant }: SubmitAsk,
  checked: CheckedRequest,
): Promise<CheckedRequest | SubmitOutcome> {
  const { manifest } = checked.model;
  const names = picturesNamed(manifest, checked.input);
  if (names.length === 0) return checked;
  const looked = await Promise.all(
    names.map(async (url) => ({ url, ...(await findPicture(ports, tenant.tenantId, url)) })),
  );
  const read = new Map(looked.map((each) => [each.url, each.read]));
  const details = [...inputFaults(manifest, checked.input, read), ...sizeFaults(looked)];
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

function sizeFaults(looked: readonly FoundPicture[]): ErrorDetail[] {
  const bytes = looked.reduce((sum, each) => sum + (each.kind === 'found' ? each.bytes.byteLength : 0), 0);
  const max = imageLimits.namedBytesMax;
  if (bytes <= max) return [];
  return [{ path: 'input', message: `names pictures of ${bytes} bytes together, and may name ${max}` }];
}

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
