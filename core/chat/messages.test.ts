import { describe, expect, it } from 'vitest';
import { pngOf } from '../images/png-under-test.ts';
import { chatFaults, chatPictures, chatTexts, withoutPictures } from './messages.ts';

const png = `data:image/png;base64,${Buffer.from(pngOf({ width: 8, height: 8 })).toString('base64')}`;
const picture = (url: string) => ({ type: 'image_url', image_url: { url } });
const text = (words: string) => ({ type: 'text', text: words });
const asked = (content: string | object[], role = 'user') => ({
  // Tests write messages of every form, so the type of JSON is all they share.
  messages: JSON.parse(
    JSON.stringify([
      { role: 'system', content: 'be brief' },
      { role, content },
    ]),
  ),
});

describe('messages of a chat', () => {
  it.each([
    ['a text', asked('hello')],
    ['parts', asked([text('what is this?'), picture(png)])],
  ])('may hold %s', (_, input) => {
    expect(chatFaults(input)).toEqual([]);
  });

  it.each([
    ['nothing', { messages: [] }, 'input.messages', '>=1 items'],
    ['another role', asked('x', 'tool'), 'input.messages.1.role', 'must be one of system, user, assistant'],
    ['no parts', asked([]), 'input.messages.1.content', ''],
    [
      'a part of another type',
      asked([{ type: 'audio' }]),
      'input.messages.1.content.0.type',
      'must be one of',
    ],
    ['a part without its text', asked([{ type: 'text' }]), 'input.messages.1.content.0.text', 'is required'],
    [
      'a field that nobody knows',
      asked([{ ...text('x'), tone: 'loud' }]),
      'input.messages.1.content.0.tone',
      'is not a known field',
    ],
    [
      'a picture of the assistant',
      asked([picture(png)], 'assistant'),
      'input.messages.1.content.0',
      'only messages of the role user',
    ],
  ])('may not hold %s, and the place is named', (_, input, path, message) => {
    expect(chatFaults(input)).toMatchObject([{ path, message: expect.stringContaining(message) }]);
  });

  it('may hold sixteen pictures and no more', () => {
    const sixteen = Array.from({ length: 16 }, () => picture(png));

    expect(chatFaults(asked(sixteen))).toEqual([]);
    expect(chatFaults(asked([...sixteen, picture(png)]))).toMatchObject([
      { path: 'input.messages.1.content.16', message: 'a chat holds at most 16 pictures' },
    ]);
  });

  it.each([
    ['an address of another kind', 'ftp://example.com/a.png', 'must be a data URL'],
    ['a path of the machine', 'file:///etc/passwd', 'must be a data URL'],
    ['another type', 'data:image/gif;base64,R0lGODlh', 'must be a data URL'],
    ['no base64', 'data:image/png;base64,@@@@', 'is no base64'],
    ['a cut base64', 'data:image/png;base64,AAAAA', 'is no base64'],
    ['bytes that are no picture', 'data:image/png;base64,AAAA', 'the file is no PNG, JPEG or WebP'],
    ['a picture of another type', png.replace('image/png', 'image/webp'), 'not of the type'],
    ['a picture that is cut off', png.slice(0, 22 + 40), 'damaged or cut off'],
    [
      'a bomb',
      `data:image/png;base64,${Buffer.from(pngOf({ width: 8_000, height: 8_000 })).toString('base64')}`,
      'more pixels',
    ],
  ])('refuse %s where a picture should be, before it is decoded', (_, url, message) => {
    expect(chatFaults(asked([text('?'), picture(url)]))).toMatchObject([
      { path: 'input.messages.1.content.1.image_url.url', message: expect.stringContaining(message) },
    ]);
  });

  it('tell texts from pictures', () => {
    const input = asked([text('one'), picture(png), text('two')]);

    expect(chatTexts(input)).toEqual(['be brief', 'one', 'two']);
    expect(chatPictures(input)).toEqual([png]);
    expect([chatTexts({ prompt: 'x' }), chatPictures({ prompt: 'x' })]).toEqual([[], []]);
  });

  it('are shown without their pictures, and other input as it is', () => {
    const input = { ...asked([text('one'), picture(png)]), seed: 7 };

    expect(withoutPictures(input)).toEqual({
      ...asked([text('one'), picture('data:image/png;base64,')]),
      seed: 7,
    });
    expect(withoutPictures({ prompt: 'x' })).toEqual({ prompt: 'x' });
  });
});
