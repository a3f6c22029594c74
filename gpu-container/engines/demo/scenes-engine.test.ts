import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineContract } from '../engine.contract.ts';
import type { RunnerUnderTest } from '../runner-under-test.ts';
import { endOf, ofType, startRunnerUnderTest } from '../runner-under-test.ts';

const modelsDir = join(import.meta.dirname, '..', '..', 'models');
const command = [process.execPath, join(import.meta.dirname, '..', 'runner.ts'), '--engine', 'demo'];
const model = 'pilotlight-scenes';

describe('with a chat', () => {
  engineContract(
    'demo',
    { command, modelsDir },
    {
      model,
      makes: 'text',
      quick: { ...saying('Which shapes do you know?'), max_tokens: 4, seed: 7 },
      quickSteps: 4,
      // Rambles for 120 tokens: an answer of 20 may be over before a cancellation comes.
      slow: { ...saying('Which shapes do you know?'), temperature: 2, max_tokens: 128, seed: 5 },
      invalid: { ...saying('hello'), temperature: 3 },
    },
  );
});

describe('a chat about a picture', () => {
  let runner: RunnerUnderTest;
  /** A blue square left of a red ring, on white. */
  let shown: object;
  let batches = 0;

  beforeAll(async () => {
    const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320"><rect width="320" height="320" fill="#fcfcfc"/>
      <rect x="30" y="105" width="110" height="110" fill="#2654e0"/>
      <circle cx="240" cy="160" r="46" fill="none" stroke="#de2428" stroke-width="32"/></svg>`;
    const body = await sharp(Buffer.from(drawing)).jpeg({ quality: 95 }).toBuffer();
    shown = { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${body.toString('base64')}` } };
    runner = await startRunnerUnderTest({ command, modelsDir });
    runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model, revision: '1' });
    await runner.frame(ofType('loaded'));
  });
  afterAll(() => runner?.dispose());

  it.each([
    ['Describe the picture.', 'A large blue square left of a large red ring on a white background.'],
    ['What colour is the background?', 'The background is white.'],
    ['WHAT IS ON THE RIGHT', 'A large red ring.'],
    ['How many shapes are there?', 'There are two shapes.'],
    ['What is left of the ring?', 'A large blue square.'],
    ['Describe the picture. Be brief.', 'a blue square left of a red ring'],
    ['Who won the football match?', 'I only know about coloured shapes in pictures.'],
  ])('answers %j', async (question, answer) => {
    expect(await told(asking(question))).toBe(answer);
  });

  it('is told a token at a time', async () => {
    const { deltas } = await run(asking('Describe the picture.'));

    expect(deltas.slice(0, 4)).toEqual(['A', ' large', ' blue', ' square']);
  });

  it('goes on: what was said before is read, and short answers may be asked for', async () => {
    const messages = [
      { role: 'system', content: 'Answer in one word.' },
      { role: 'user', content: [shown, { type: 'text', text: 'How many shapes are there?' }] },
      { role: 'assistant', content: 'two' },
      { role: 'user', content: 'What is on the left?' },
    ];

    expect(await told({ messages })).toBe('a blue square');
  });

  it('is drawn anew by each seed where it is hot, and the same by the same one', async () => {
    const hot = (seed: number) => told({ ...asking('Tell me what you see.'), temperature: 2, seed });

    const texts = [await hot(1), await hot(2), await hot(3), await hot(1)];

    expect(new Set(texts).size).toBeGreaterThan(1);
    expect(texts[3]).toBe(texts[0]);
  });

  it('ends before a stop string, of which nothing is told', async () => {
    const { deltas, answer } = await run({ ...asking('Describe the picture.'), stop: [' square', 'ring'] });

    expect(deltas.join('')).toBe('A large blue');
    expect(answer?.finishReason).toBe('stop');
  });

  it('does not depend on its mates, be they long or short, and ends without them', async () => {
    const questions = [
      'Describe the picture.',
      'How many shapes are there? Be brief.',
      'Which colours do you know?',
    ];
    const alone: string[] = [];
    for (const question of questions) alone.push(await told(asking(question)));

    const items = questions.map((question, at) => ({ id: `together_${at}`, params: asking(question) }));
    const frames = await runner.run({ batchId: 'together', model, items });

    expect(items.map(({ id }) => textOf(frames, id))).toEqual(alone);
    const ends = frames.filter(ofType('result')).map(({ id }) => id);
    expect(ends[0]).toBe('together_1');
  });

  it.each([
    ['a second picture', () => [shown, shown], 'messages.0.content.1: this model sees one picture'],
    [
      'what is no picture',
      () => [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
      'messages.0.content.0.image_url.url: ',
    ],
  ])('is refused with %s, alone and for nothing', async (what, content, message) => {
    const params = { messages: [{ role: 'user', content: content() }] };

    const frames = await runner.run({
      batchId: what,
      model,
      items: [
        { id: what, params },
        { id: `beside ${what}`, params: asking('What is on the left?') },
      ],
    });

    expect(frames.find(endOf(what))).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining(message),
      gpuMs: 0,
    });
    expect(textOf(frames, `beside ${what}`)).toBe('A large blue square.');
  });

  function asking(question: string): object {
    return { messages: [{ role: 'user', content: [shown, { type: 'text', text: question }] }] };
  }

  async function told(params: object): Promise<string> {
    return (await run(params)).deltas.join('');
  }

  async function run(params: object) {
    batches += 1;
    const id = `item_${batches}`;
    const frames = await runner.run({ batchId: `batch_${batches}`, model, items: [{ id, params }] });
    const result = frames.find(ofType('result'));
    const file = join(runner.scratchDir, `batch_${batches}`, result?.files[0]?.path ?? '');
    const deltas = frames.filter(ofType('delta')).map(({ text }) => text);
    expect(await readFile(file, 'utf8')).toBe(deltas.join(''));
    return { deltas, answer: result?.answer };
  }
});

function textOf(frames: Awaited<ReturnType<RunnerUnderTest['run']>>, itemId: string): string {
  const deltas = frames.filter(ofType('delta')).filter(({ id }) => id === itemId);
  return deltas.map(({ text }) => text).join('');
}

function saying(content: unknown): object {
  return { messages: [{ role: 'user', content }] };
}
