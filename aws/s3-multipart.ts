/**
 * Writes an object of unknown length with one part of it in memory. Nobody sees any of it before the last call; what a crash
 * leaves of an upload the bucket's own rule removes.
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { fileLimits } from '#core/limits.ts';

/**
 * Named in every call, and each part's at the end. The client sends a checksum with parts by itself; where the upload was begun
 * without one, S3 has answered that it knows no such parts (aws-sdk-go-v2 3005, aws-sdk-java-v2 6518).
 */
const checksum = { ChecksumAlgorithm: 'CRC32' } as const;

type Target = Omit<PutObjectCommandInput, 'Body' | 'ContentLength'>;

export async function writeInParts(
  blobs: S3Client,
  target: Target,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const parts = partsOf(pieces, fileLimits.partBytes)[Symbol.asyncIterator]();
  const first = await parts.next();
  const second = first.done === true ? first : await parts.next();
  if (second.done === true) {
    await blobs.send(
      new PutObjectCommand({ ...target, Body: first.done === true ? new Uint8Array() : first.value }),
    );
    return;
  }
  const { Bucket, Key } = target;
  const { UploadId } = await blobs.send(new CreateMultipartUploadCommand({ ...target, ...checksum }));
  const upload = { Bucket, Key, UploadId };
  const done: CompletedPart[] = [];
  const send = async (Body: Uint8Array) => {
    const PartNumber = done.length + 1;
    const part = new UploadPartCommand({ ...upload, ...checksum, PartNumber, Body });
    const { ETag, ChecksumCRC32 } = await blobs.send(part);
    done.push({ PartNumber, ETag, ChecksumCRC32 });
  };
  try {
    if (first.done !== true) await send(first.value);
    for (let part: IteratorResult<Uint8Array> = second; part.done !== true; part = await parts.next()) {
      await send(part.value);
    }
    await blobs.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: done } }));
  } catch (error) {
    await blobs.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

/** The same bytes in parts of this length, the last one shorter; none where there are none. */
async function* partsOf(pieces: AsyncIterable<Uint8Array>, partBytes: number): AsyncIterable<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; ) {
      const taken = piece.subarray(at, at + partBytes - heldBytes);
      held.push(taken);
      heldBytes += taken.byteLength;
      at += taken.byteLength;
      if (heldBytes < partBytes) continue;
      yield Buffer.concat(held);
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
