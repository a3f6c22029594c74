/** The pictures that inputs of a batch name, brought for its runner, which fetches nothing: as data URLs in their places. */
import { pathOfPicture } from '../batch/file.ts';
import { digest } from '../canonical.ts';
import { checkImage } from '../images/check-image.ts';
import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { imageLimits } from '../limits.ts';
import { withPictures } from '../models/input-pictures.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Log } from '../ports/process.ts';
import type { RunOutcome } from '../ports/runner.ts';

export interface TakePicturesPorts {
  readonly blobs: Pick<Blobs, 'get'>;
  readonly log: Log;
}

export interface PicturesTaken {
  /** Inputs as the runner is given them, by job; of jobs that name no picture, none. */
  readonly inputs: ReadonlyMap<string, JobRecord['input']>;
  /** Of jobs that cannot be in this call: their pictures are gone, or out of reach, or there is no room for them. */
  readonly outcomes: ReadonlyMap<string, RunOutcome>;
}

export async function takePictures(
  ports: TakePicturesPorts,
  jobs: readonly JobRecord[],
): Promise<PicturesTaken> {
  const inputs = new Map<string, JobRecord['input']>();
  const outcomes = new Map<string, RunOutcome>();
  let roomBytes = imageLimits.namedBytesOfCallMax;
  for (const job of jobs) {
    if (job.pictures.length === 0) continue;
    const taken = await take(ports, job);
    if (taken.kind === 'failed') {
      const { retryable } = taken;
      outcomes.set(job.jobId, { kind: 'failed', code: 'picture_error', message: '', retryable, gpuMs: 0 });
    } else if (taken.bytes > roomBytes) {
      // Back to the line: the next call has room for it.
      outcomes.set(job.jobId, { kind: 'canceled', gpuMs: 0 });
    } else {
      roomBytes -= taken.bytes;
      inputs.set(job.jobId, withPictures(job.input, taken.urls));
    }
  }
  return { inputs, outcomes };
}

type Taken =
  | { readonly kind: 'taken'; readonly urls: ReadonlyMap<string, string>; readonly bytes: number }
  /** `retryable`: the store is out of reach; else a picture is gone. */
  | { readonly kind: 'failed'; readonly retryable: boolean };

async function take({ blobs, log }: TakePicturesPorts, job: JobRecord): Promise<Taken> {
  const urls = new Map<string, string>();
  let bytes = 0;
  try {
    for (const { url, fileId, sha256 } of job.pictures) {
      const body = await blobs.get(job.tenantId, pathOfPicture(fileId));
      if (body === null || digest(body) !== sha256) return { kind: 'failed', retryable: false };
      const checked = checkImage(body, null);
      if (checked.kind === 'refused') return { kind: 'failed', retryable: false };
      bytes += body.byteLength;
      urls.set(url, `data:${checked.type};base64,${Buffer.from(body).toString('base64')}`);
    }
  } catch (error) {
    log.warn('picture.not_taken', { ...jobNames(job), reason: String(error) });
    return { kind: 'failed', retryable: true };
  }
  return { kind: 'taken', urls, bytes };
}
