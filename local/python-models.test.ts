/** Models of the Python runtime on the whole stack: from a request to its pictures or its answer, by random weights. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pngOf } from '#core/images/png-under-test.ts';
import type { StackUnderTest } from './stack-under-test.ts';
import { startStack } from './stack-under-test.ts';

const container = join(import.meta.dirname, '..', 'gpu-container');
const python = process.env.PILOTLIGHT_PYTHON;

/** A worker of a pool starts a Python that imports torch and diffusers: 10 s of a core that is free, more of one that is not. */
const coldStartMs = 240_000;

describe.skipIf(python === undefined)('a model of the Python runtime (PILOTLIGHT_PYTHON is not set)', () => {
  let folder: string;
  let stack: StackUnderTest;
  const ask: StackUnderTest['ask'] = (...asked) => stack.ask(...asked);
  const ended: StackUnderTest['ended'] = (asked) => stack.ended(asked);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pilotlight-python-'));
    const modelsDir = join(folder, 'models');
    execFileSync(python ?? '', [join(container, 'runtime', 'tests', 'make_models.py'), modelsDir], {
      stdio: 'pipe',
    });
    cpSync(join(modelsDir, 'tiny-z-image'), join(modelsDir, 'tiny-z-image-2k'), { recursive: true });
    for (const [real, tiny, sizes, runtime] of tinyModels) {
      const manifest = tinyManifest(real, tiny, sizes, runtime);
      writeFileSync(join(modelsDir, tiny, 'manifest.json'), JSON.stringify(manifest));
    }
    writeFileSync(join(modelsDir, 'tiny-qwen-vl', 'manifest.json'), JSON.stringify(tinyChatManifest()));
    stack = await startStack(modelsDir);
  }, coldStartMs);
  afterAll(async () => {
    await stack?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'goes from a request to pictures, and its receipt names what drew them',
    async () => {
      const job = await ended({
        model: 'tiny-z-image',
        input: { prompt: 'a red ring', n: 2, size: 64, seed: 3 },
      });

      expect(job).toMatchObject({
        status: 'succeeded',
        output: [{ width: 64 }, { width: 64 }],
        receipt: { engine: 'python', seeds: [3, 4], runtime_versions: { torch: expect.any(String) } },
      });
      const picture = await ask('GET', job.output[0]?.url ?? '');
      expect(
        Buffer.from(await picture.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
    },
    coldStartMs,
  );

  it(
    'doubles what it drew where the model has a second stage for it',
    async () => {
      const job = await ended({
        model: 'tiny-z-image-2k',
        input: { prompt: 'a red ring', n: 2 },
      });

      expect(job).toMatchObject({
        status: 'succeeded',
        output: [
          { width: 128, height: 128 },
          { width: 128, height: 128 },
        ],
      });
    },
    coldStartMs,
  );

  it(
    'draws from a picture, and in a part of it alone, and keeps the rest as it was sent',
    async () => {
      const mask = await pngUrl(
        sharp({ create: { ...black, width: 32, height: 64 } }).extend({ left: 32, background: 'white' }),
      );
      const from = {
        prompt: 'a red ring',
        size: 64,
        seed: 3,
        image: await pngUrl(sharp({ create: { ...grey } })),
      };

      const [plain, masked, refused] = await Promise.all(
        [from, { ...from, mask }, { ...from, image: damaged }].map((input) =>
          ended({ model: 'tiny-z-image', input }),
        ),
      );

      expect(plain).toMatchObject({ status: 'succeeded', output: [{ width: 64, height: 64 }] });
      expect(masked?.status).toBe('succeeded');
      const file = Buffer.from(await (await ask('GET', masked?.output[0]?.url ?? '')).arrayBuffer());
      const pixels = await sharp(file).raw().toBuffer();
      const isKept = (x: number, y: number) => pixels.readUInt8((y * 64 + x) * 3) === 90;
      const rows = Array.from({ length: 64 }, (_, y) => y);
      const [anew, kept] = [16, 48].map((x) => rows.filter((y) => isKept(x, y)).length);
      expect(kept).toBe(64);
      expect(anew).toBeLessThan(64);
      expect(JSON.stringify(masked)).not.toContain(mask.slice(40, 80));
      // Its header is in order: only who decodes it finds out, before anything runs.
      expect(refused).toMatchObject({
        status: 'failed',
        error: { code: 'invalid_input', message: expect.stringMatching(/^image: /) },
        cost: { usd_micros: 0 },
      });
    },
    coldStartMs,
  );

  it('refuses a prompt that the model would have cut, for nothing, and says how long it may be', async () => {
    const job = await ended({
      model: 'tiny-z-image',
      input: { prompt: 'word '.repeat(300), size: 64 },
    });

    expect(job).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_input',
        message: expect.stringMatching(/^prompt: has \d+ tokens, and the model reads \d+$/),
      },
      cost: { usd_micros: 0 },
    });
  });

  it(
    'draws what the XML of NewBie asks for, at the guidance it was given',
    async () => {
      const job = await ended({
        model: 'tiny-newbie',
        input: {
          prompt: '<image> <caption> a girl who  reads </caption> </image>',
          negative_prompt: 'blurry',
          guidance_scale: 2.5,
          size: 64,
          seed: 3,
        },
      });

      expect(job.input.prompt).toBe('<caption>a girl who reads</caption>');
      expect(job).toMatchObject({
        status: 'succeeded',
        output: [{ width: 64 }],
        receipt: { engine: 'python', seeds: [3] },
      });
    },
    coldStartMs,
  );

  it('goes from a question about a picture to an answer, with its tokens and how it ended', {
    timeout: coldStartMs,
  }, async () => {
    const asked = { messages: question(png), max_tokens: 6, temperature: 0, seed: 3 };

    const [one, again, other] = await Promise.all(
      [asked, asked, { ...asked, messages: question(otherPng) }].map((input) =>
        ended({ model: 'tiny-qwen-vl', input }),
      ),
    );

    expect(one).toMatchObject({
      status: 'succeeded',
      output: [{ type: 'text', content_type: 'text/plain; charset=utf-8', finish_reason: 'length' }],
      usage: { images: 0, output_tokens: 6 },
      receipt: { engine: 'python', seeds: [3], runtime_versions: { transformers: expect.any(String) } },
    });
    expect(one?.usage?.input_tokens).toBeGreaterThan(20);
    expect(one?.cost?.usd_micros).toBeGreaterThan(0);
    const file = await (await ask('GET', one?.output[0]?.url ?? '')).text();
    expect(file).toBe(one?.output[0]?.text);
    expect(again?.output[0]?.text).toBe(file);
    expect(other?.output[0]?.text).not.toBe(file);
    expect(JSON.stringify(one)).not.toContain(png.slice(30));
  });

  it('refuses a chat that is longer than its model reads, for nothing', {
    timeout: coldStartMs,
  }, async () => {
    const messages = [{ role: 'user', content: 'word '.repeat(300) }];

    const job = await ended({ model: 'tiny-qwen-vl', input: { messages } });

    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_input', message: expect.stringMatching(/^messages: have /) },
      cost: { usd_micros: 0 },
    });
  });
});

/** 32 x 32 pixels of red, and of blue. */
const png =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKElEQVR4nO3NMQEAAAjDMMC/ZzDBvlRA01vZJvwHAAAAAAAAAAAAbx2jxAE/i2AjOgAAAABJRU5ErkJggg==';
const otherPng =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKUlEQVR4nO3NMQEAAAjDsIF/z2ACvlRAU8nks369AwAAAAAAAAAAgMMWocYBP7wfsd0AAAAASUVORK5CYII=';

const grey = { width: 64, height: 64, channels: 3, background: { r: 90, g: 90, b: 90 } } as const;
const black = { channels: 3, background: 'black' } as const;

async function pngUrl(picture: Sharp): Promise<string> {
  return `data:image/png;base64,${(await picture.png().toBuffer()).toString('base64')}`;
}

/** 64 x 64 pixels by its header, and rows that unpack to nothing. */
const damaged = `data:image/png;base64,${pngOf({ width: 64, height: 64, packed: Buffer.from('no rows') }).toString('base64')}`;

function question(url: string): object[] {
  const picture = { type: 'image_url', image_url: { url } };
  return [{ role: 'user', content: [picture, { type: 'text', text: 'what is this?' }] }];
}

/** The real model's, with the context of the tiny one. */
function tinyChatManifest(): object {
  const file = join(container, 'models', 'qwen3-vl-8b', 'manifest.json');
  return {
    ...JSON.parse(readFileSync(file, 'utf8')),
    id: 'tiny-qwen-vl',
    runtime: { runner: 'qwen_vl', dtype: 'float32', context_tokens_max: 1024 },
  };
}

const tinyModels = [
  ['z-image-turbo', 'tiny-z-image', [64], {}],
  ['z-image-turbo-2k', 'tiny-z-image-2k', [128], { upscaler: 'upscaler.safetensors', native_size_max: 64 }],
  ['newbie-image', 'tiny-newbie', [64], {}],
] as const;

/** The real model's, with sizes and figures of the tiny one. */
function tinyManifest(realId: string, id: string, sizes: readonly number[], runtime: object): object {
  const file = join(container, 'models', realId, 'manifest.json');
  const real = z
    .looseObject({
      runtime: z.looseObject({}),
      input_schema: z.looseObject({ properties: z.looseObject({}) }),
    })
    .parse(JSON.parse(readFileSync(file, 'utf8')));
  const size = { type: 'integer', enum: sizes, default: sizes[0] };
  return {
    ...real,
    id,
    runtime: { ...real.runtime, dtype: 'float32', ...runtime },
    input_schema: { ...real.input_schema, properties: { ...real.input_schema.properties, size } },
  };
}
