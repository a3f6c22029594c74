import { describe, expect, it } from 'vitest';
import { fullJob } from '../../samples.ts';
import { imagesSchema, isDuePartial, toAnswer, toSubmission } from './images.ts';

const look = {
  step: 0,
  steps: 8,
  contentType: 'image/jpeg' as const,
  width: 8,
  height: 8,
  body: new Uint8Array(),
};
const request = { model: 'pilotlight-shapes', prompt: 'a red ring' };

describe('pictures in OpenAI’s words', () => {
  it('are the input of a job, with what the model may know under its own name', () => {
    expect(toSubmission({ ...request, n: 2, size: '256x256', seed: 7, steps: 4, user: 'u-1' })).toMatchObject(
      {
        kind: 'submission',
        model: 'pilotlight-shapes',
        quality: null,
        input: { prompt: 'a red ring', n: 2, size: 256, seed: 7, steps: 4 },
        responseFormat: 'url',
      },
    );
  });

  it('leave to the model what they do not ask for', () => {
    const translated = toSubmission({
      ...request,
      n: null,
      size: 'auto',
      quality: 'standard',
      background: 'auto',
      output_format: 'png',
      moderation: 'low',
      stream: false,
    });

    expect(translated).toMatchObject({ quality: null, responseFormat: 'url' });
    expect(translated.kind === 'submission' && translated.input).toEqual({ prompt: 'a red ring' });
  });

  it('may ask for a tier and for the bytes', () => {
    expect(toSubmission({ ...request, quality: 'high', response_format: 'b64_json' })).toMatchObject({
      quality: 'high',
      responseFormat: 'b64_json',
    });
  });

  it.each([
    ['size', '512x256'],
    ['size', 512],
    ['size', '0x0'],
    ['n', 0],
    ['quality', 'ultra'],
    ['response_format', 'png'],
    ['stream', 'yes'],
    ['partial_images', 2],
    ['partial_images', 4],
    ['style', 'vivid'],
    ['background', 'transparent'],
    ['output_format', 'webp'],
    ['prompt', 7],
  ])('are refused by name where %s is %j', (name, value) => {
    expect(toSubmission({ ...request, [name]: value })).toMatchObject({
      kind: 'invalid',
      details: [{ path: name }],
    });
  });

  it.each([
    [1, [4]],
    [2, [4, 6]],
    [3, [2, 4, 6]],
    [0, []],
  ])('are seen %i times while they are drawn, spread over the steps: %j', (asked, steps) => {
    const seen = [2, 4, 6].filter((step, _, all) => {
      const told = all.filter((each) => each < step && steps.includes(each)).length;
      return isDuePartial({ ...look, step }, told, asked);
    });

    expect(seen).toEqual(steps);
  });

  it('come as bytes where they are streamed, and links are refused there', () => {
    expect(toSubmission({ ...request, stream: true, partial_images: 2 })).toMatchObject({
      stream: true,
      partialImages: 2,
      input: { prompt: 'a red ring' },
    });
    expect(toSubmission({ ...request, stream: true, response_format: 'url' })).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'response_format' }],
    });
  });

  it('come as links or as bytes', () => {
    const job = fullJob();
    const data = [{ url: 'https://bucket.example/0.png' }, { b64_json: 'aGk=' }];

    expect(imagesSchema.parse(toAnswer(job, data))).toEqual({
      created: Math.floor(job.createdAtMs / 1000),
      data,
    });
  });
});
