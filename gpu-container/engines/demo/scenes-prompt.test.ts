import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../chat-params.ts';
import { scenesModelDirectory } from './run-scenes-gate.ts';
import { eyeSidePx, readPrompt } from './scenes-prompt.ts';
import { markers, readTokenizer } from './scenes-tokenizer.ts';

const tokenizer = readTokenizer(readFileSync(join(scenesModelDirectory, 'tokenizer.json')));
const bounds = { pictureTokens: 3, contextTokens: 64, answerTokens: 8 };
const { system, user, assistant, end } = markers;
const rows = [0, 1, 2].map((row) => tokenizer.size + row);

const read = (...messages: ChatMessage[]) => readPrompt(tokenizer, messages, bounds);
const asked = (...content: Exclude<ChatMessage['content'], string>): ChatMessage => ({
  role: 'user',
  content,
});
const text = (words: string) => ({ type: 'text', text: words }) as const;

function picture(body: Buffer, type = 'image/png') {
  const url = `data:${type};base64,${body.toString('base64')}`;
  return { type: 'image_url', image_url: { url } } as const;
}

/** A picture of one colour, four numbers of 0 to 255 and an opacity of 0 to 1. */
function plain(width: number, height: number, [r, g, b, alpha]: readonly [number, number, number, number]) {
  return sharp({ create: { width, height, channels: 4, background: { r, g, b, alpha } } });
}

describe('a chat in the template of its model', () => {
  it('has a marker before each message, an end behind each answer, and the assistant’s marker last', async () => {
    const { ids, picture: none } = await read(
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Thanks' },
    );

    const say = (words: string) => tokenizer.encode(words);
    expect(ids).toEqual([
      ...[system, ...say('Be brief.'), user, ...say('Hello'), assistant, ...say('Hello.'), end],
      ...[user, ...say('Thanks'), assistant],
    ]);
    expect(none).toBeNull();
  });

  it('has the picture where it stands among the texts', async () => {
    const body = await plain(8, 8, [255, 0, 0, 1]).png().toBuffer();

    const { ids } = await read(asked(text('What'), picture(body), text(' is')));

    expect(ids).toEqual([user, ...tokenizer.encode('What'), ...rows, ...tokenizer.encode(' is'), assistant]);
  });
});

describe('a picture', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('is read as %s, of any size, plane after plane', async (type) => {
    const body = await plain(40, 90, [255, 0, 102, 1]).toFormat(type, { quality: 100 }).toBuffer();

    const { picture: planes } = await read(asked(picture(body, `image/${type}`)));

    const places = eyeSidePx * eyeSidePx;
    expect(planes).toHaveLength(3 * places);
    for (const [plane, value] of [1, 0, 0.4].entries()) {
      expect(planes?.[plane * places]).toBeCloseTo(value, 1);
      expect(planes?.[(plane + 1) * places - 1]).toBeCloseTo(value, 1);
    }
  });

  it('is white where it is transparent', async () => {
    const body = await plain(8, 8, [255, 0, 0, 0]).png().toBuffer();

    const { picture: planes } = await read(asked(picture(body)));

    expect(new Set(planes)).toEqual(new Set([1]));
  });

  it('may be shown once, and by the user alone', async () => {
    const shown = picture(await plain(8, 8, [255, 0, 0, 1]).png().toBuffer());

    await expect(read(asked(shown, shown))).rejects.toThrow(
      'messages.0.content.1: this model sees one picture',
    );
    await expect(read({ role: 'assistant', content: [shown] })).rejects.toThrow(
      'only messages of the role user',
    );
  });

  it.each([
    ['is no picture', picture(Buffer.from('no picture')), /content\.0\.image_url\.url: /],
    ['is of another type', picture(Buffer.from('<svg/>'), 'image/svg+xml'), /must be a data URL in base64/],
  ])('is refused with its place where it %s', async (_, part, message) => {
    await expect(read(asked(part))).rejects.toThrow(message);
  });

  it('is refused where its header is right and the rest is not', async () => {
    const body = await plain(64, 64, [255, 0, 0, 1]).png().toBuffer();
    body.fill(0xff, 60, body.length - 20);

    await expect(read(asked(picture(body)))).rejects.toThrow(/messages\.0\.content\.0\.image_url\.url: /);
  });
});

describe('a prompt that leaves no room for its answer', () => {
  it('is refused with its tokens, and one token less is read', async () => {
    const words = (count: number) =>
      ({ role: 'user', content: 'ring'.concat(' ring'.repeat(count - 1)) }) as const;

    await expect(read(words(55))).rejects.toThrow(
      'messages: 57 tokens, and 8 for the answer, are more than the 64',
    );
    expect((await read(words(54))).ids).toHaveLength(56);
  });
});
