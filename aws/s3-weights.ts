/** Files of models as objects of the bucket, read by ranges. Nothing here writes: weights are put there by operators. */
import { addAbortSignal, Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { StartError } from '#core/errors.ts';
import type { StoredRef, WeightStore } from '#core/models/weight-list.ts';
import { modelFileKey } from './keys.ts';

export interface S3WeightsOptions {
  readonly blobs: S3Client;
  readonly bucket: string;
}

export function createS3Weights({ blobs, bucket }: S3WeightsOptions): WeightStore {
  const keyOf = ({ model, revision, path }: StoredRef) => modelFileKey(model, revision, path);
  return {
    async look(ref) {
      const Key = keyOf(ref);
      try {
        const { ContentLength, ETag } = await blobs.send(new HeadObjectCommand({ Bucket: bucket, Key }));
        return { bytes: ContentLength ?? 0, version: ETag ?? '' };
      } catch (error) {
        const status = statusOf(error);
        if (status === 404) return null;
        throw status === 403 ? forbidden(bucket, Key, error) : error;
      }
    },

    async read(ref, version, from, to, signal) {
      const Key = keyOf(ref);
      const ask = { Bucket: bucket, Key, Range: `bytes=${from}-${to - 1}`, IfMatch: version };
      try {
        const { Body } = await blobs.send(new GetObjectCommand(ask), { abortSignal: signal });
        // The whole body, or an error: a range that ends early is a broken connection.
        if (!(Body instanceof Readable)) throw new Error('the store answered without a body');
        return await collect(Body, to - from, signal);
      } catch (error) {
        const status = statusOf(error);
        if (status === 412 || status === 404)
          throw new StartError(
            'weights_corrupt',
            `s3://${bucket}/${Key} was replaced while it was read.`,
            error,
          );
        throw status === 403 ? forbidden(bucket, Key, error) : error;
      }
    },
  };
}

/**
 * Into one buffer of the length that was asked for, so that a part is held once. By events: iterating over a stream, and
 * the web's streams, take five times the processor's time, which is what bounds a fast link.
 */
function collect(body: Readable, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const part = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  // A stream that brings nothing more would never look at the signal.
  addAbortSignal(signal, body);
  return new Promise((resolve, reject) => {
    body.on('data', (chunk: Buffer) => {
      if (filled + chunk.byteLength > bytes)
        body.destroy(new Error('the range is longer than was asked for'));
      else filled += chunk.copy(part, filled);
    });
    body.once('end', () => {
      if (filled === bytes) resolve(part);
      else reject(new Error(`the range ended after ${filled} of ${bytes} bytes`));
    });
    body.once('error', reject);
    body.once('close', () => reject(new Error(`the connection closed after ${filled} of ${bytes} bytes`)));
  });
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** S3 says so of missing objects too, to those who may not list the bucket. */
function forbidden(bucket: string, key: string, cause: unknown): StartError {
  return new StartError(
    'weights_unreachable',
    `s3://${bucket}/${key} is not there, or may not be read.`,
    cause,
  );
}
