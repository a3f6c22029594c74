import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBlobClient } from '#aws/clients.ts';
import { dropsOf } from '#aws/drops-under-test.ts';
import { dropInKey } from '#aws/keys.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const endsWithinMs = 60_000;
const line = (id: string) =>
  JSON.stringify({
    custom_id: id,
    method: 'POST',
    url: '/v1/jobs',
    body: { model: 'pilotlight-shapes', input: { prompt: 'a red ring', steps: 1 } },
  });

let folder: string;
let platform: Platform;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-drops-'));
  platform = await startPlatform({
    port: 0,
    dataDir: folder,
    workersMin: 0,
    workersMax: 1,
    idleTimeoutMs: 60_000,
  });
}, endsWithinMs);

afterAll(async () => {
  await platform.close();
  await rm(folder, { recursive: true });
});

const bucket = () => {
  const { config } = platform;
  const blobs = createBlobClient(config);
  return { blobs, Bucket: config.bucket, ...dropsOf(blobs, config.bucket) };
};

async function statusOf(name: string) {
  for (
    const giveUpAtMs = performance.now() + endsWithinMs;
    performance.now() < giveUpAtMs;
    await sleep(100)
  ) {
    try {
      return JSON.parse(Buffer.from(await bucket().collect('demo', `${name}.status.json`)).toString());
    } catch {
      // Not left yet.
    }
  }
  throw new Error('nothing was left');
}

describe('a file that is put into the bucket of a local stack', { timeout: endsWithinMs }, () => {
  it('becomes a batch, whose results come beside it', async () => {
    await bucket().drop('demo', 'nightly/one.jsonl', Buffer.from(`${line('a')}\n${line('b')}\nno line\n`));

    expect(await statusOf('nightly/one')).toMatchObject({
      status: 'completed',
      batch: { request_counts: { total: 3, completed: 2, failed: 1 } },
    });
    const output = Buffer.from(await bucket().collect('demo', 'nightly/one.output.jsonl')).toString();
    expect(
      output
        .trim()
        .split('\n')
        .map((each) => JSON.parse(each).custom_id)
        .toSorted(),
    ).toEqual(['a', 'b']);
    expect(Buffer.from(await bucket().collect('demo', 'nightly/one.errors.jsonl')).toString()).toContain(
      'not_json',
    );
  });

  it('becomes one batch also when it comes in parts', async () => {
    const { blobs, Bucket } = bucket();
    const at = { Bucket, Key: dropInKey('demo', 'parts.jsonl') };
    const { UploadId } = await blobs.send(new CreateMultipartUploadCommand(at));
    const part = { ...at, UploadId, PartNumber: 1, Body: Buffer.from(`${line('a')}\n`) };
    const { ETag } = await blobs.send(new UploadPartCommand(part));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await blobs.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));

    expect(await statusOf('parts')).toMatchObject({ status: 'completed', output: 'parts.output.jsonl' });
    const { items } = await platform.ports.batches.list('demo', { limit: 10 });
    expect(items.filter(({ dropName }) => dropName === 'parts.jsonl')).toHaveLength(1);
  });

  it('that is broken leaves its fault beside it', async () => {
    await bucket().drop('demo', 'broken.jsonl', Buffer.from('\u0000'));

    expect(await statusOf('broken')).toMatchObject({ status: 'refused', error: { code: 'invalid_request' } });
  });
});
