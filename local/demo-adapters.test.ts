/** The two adapters that ship with the demo model, brought by a tenant over HTTP and named in its jobs: what they do shows in the pictures. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapterSchema, offeredAdapterSchema } from '#core/api/adapter-resource.ts';
import type { StackUnderTest } from './stack-under-test.ts';
import { startStack } from './stack-under-test.ts';

const modelsDir = join(import.meta.dirname, '..', 'gpu-container', 'models');
const model = 'pilotlight-shapes';
const testMs = 120_000;

describe('adapters of the demo model, on the whole stack', { timeout: testMs }, () => {
  let stack: StackUnderTest;

  beforeAll(async () => {
    stack = await startStack(modelsDir);
  }, testMs);
  afterAll(() => stack?.close());

  it('change the pictures of the jobs that name them, each in its own way, and no others', async () => {
    const [pastel, outline] = await Promise.all([brought('pastel'), brought('outline')]);

    const [plain, pale, outlined, off] = await Promise.all([
      drawn([]),
      drawn([{ id: pastel }]),
      drawn([{ id: outline }]),
      drawn([
        { id: pastel, weight: 0 },
        { id: outline, weight: 0 },
      ]),
    ]);

    expect(off).toEqual(plain);
    // Mixed with white, and its contour alone.
    expect(Math.max(...colours(pale))).toBeLessThan(0.8 * Math.max(...colours(plain)));
    expect(inked(outlined)).toBeLessThan(0.7 * inked(plain));
    expect(inked(outlined)).toBeGreaterThan(0);
    expect(await drawn([])).toEqual(plain);
  });

  /** Announced, put where the link says, and read by the platform. */
  async function brought(name: string): Promise<string> {
    const body = readFileSync(join(modelsDir, model, 'adapters', `${name}.safetensors`));
    const sha256 = createHash('sha256').update(body).digest('hex');
    const announced = await stack.call('POST', '/v1/adapters', {
      name,
      model,
      bytes: body.byteLength,
      sha256,
    });
    const { id, upload } = offeredAdapterSchema.parse(announced);
    if (upload === null) throw new Error('an announced adapter has a link');
    const put = await fetch(upload.url, { method: upload.method, headers: upload.headers, body });
    expect(put.status).toBe(200);
    const ready = adapterSchema.parse(await stack.call('POST', `/v1/adapters/${id}/complete`, {}));
    expect(ready.status).toBe('ready');
    return id;
  }

  /** Its pixels, red, green and blue in turn. */
  async function drawn(adapters: readonly object[]): Promise<Buffer> {
    const input = { prompt: 'a large red circle on a white background', seed: 5, size: 64 };
    const asked = { model, input, cache: false, ...(adapters.length === 0 ? {} : { adapters }) };
    const job = await stack.ended(asked);
    expect(job.status).toBe('succeeded');
    const file = await stack.ask('GET', job.output[0]?.url ?? '');
    return sharp(Buffer.from(await file.arrayBuffer()))
      .removeAlpha()
      .raw()
      .toBuffer();
  }
});

/** How far each pixel is from grey: 0 to 255. */
function colours(pixels: Buffer): number[] {
  return Array.from({ length: pixels.length / 3 }, (_, index) => {
    const channels = pixels.subarray(3 * index, 3 * index + 3);
    return Math.max(...channels) - Math.min(...channels);
  });
}

/** Pixels of a strong colour. */
function inked(pixels: Buffer): number {
  return colours(pixels).filter((colour) => colour > 128).length;
}
