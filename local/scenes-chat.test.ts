/**
 * The demo models on the whole stack, one judging the other: pictures are asked for and drawn, a chat about each describes it,
 * and the words are held to the prompt. A fault anywhere between the two routes shows as a description of something else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatePromptsSchema } from '#gpu/engines/demo/run-shapes-gate.ts';
import { describeQuestion, readDescription } from '#gpu/engines/demo/scenes-description.ts';
import { gateFigures } from '#gpu/engines/demo/shapes-gate.ts';
import type { StackUnderTest } from './stack-under-test.ts';
import { startStack } from './stack-under-test.ts';

const modelsDir = join(import.meta.dirname, '..', 'gpu-container', 'models');
const gateFile = join(modelsDir, 'pilotlight-shapes', 'gate-prompts.json');
const prompts = gatePromptsSchema.parse(JSON.parse(readFileSync(gateFile, 'utf8'))).slice(0, 12);

const testMs = 120_000;

describe('pictures and chats about them, on the whole stack', { timeout: testMs }, () => {
  let stack: StackUnderTest;

  beforeAll(async () => {
    stack = await startStack(modelsDir);
  }, testMs);
  afterAll(() => stack?.close());

  it('are drawn and described as the held-back prompts asked: colours and shapes 95 %, relations 90 %', async () => {
    const pairs = await Promise.all(
      prompts.map(async ({ prompt, seed, expected }) => {
        const answer = await told(await drawn(prompt, seed), describeQuestion);
        return { prompt, expected, answer, judged: readDescription(answer) };
      }),
    );

    const shown = pairs.map(({ prompt, answer }) => `${prompt} -> ${answer}`).join('\n');
    const nothing = { relation: '', background: '', objects: [] };
    const figures = gateFigures(
      pairs.map(({ expected, judged }) => ({ expected, judged: judged ?? nothing })),
    );
    expect(figures.objects).toBeGreaterThanOrEqual(20);
    expect(figures.colour, shown).toBeGreaterThanOrEqual(0.95);
    expect(figures.shape, shown).toBeGreaterThanOrEqual(0.95);
    expect(figures.relation, shown).toBeGreaterThanOrEqual(0.9);
  });

  it('answer a question in a sentence, with its tokens, how it ended, and what it cost', async () => {
    const url = await drawn('a large red circle on a white background', 5);

    const job = await chat(url, 'What colour is the circle?');

    expect(job).toMatchObject({
      status: 'succeeded',
      output: [{ type: 'text', text: 'The circle is red.', finish_reason: 'stop' }],
      // A marker, eight of the picture, six of the question, a marker; five of the answer and its end.
      usage: { input_tokens: 16, output_tokens: 6, images: 0 },
      receipt: { engine: 'demo' },
    });
    expect(job.cost?.usd_micros).toBeGreaterThan(0);
    expect(await (await stack.ask('GET', job.output[0]?.url ?? '')).text()).toBe('The circle is red.');
    expect(JSON.stringify(job)).not.toContain(url.slice(30));
  });

  it('end before a stop string, and at the tokens that were asked for', async () => {
    const url = await drawn('a large red circle on a white background', 5);

    const stopped = await chat(url, describeQuestion, { stop: ' circle' });
    const cut = await chat(url, describeQuestion, { max_tokens: 3 });

    expect(stopped.output[0]).toMatchObject({ text: 'A large red', finish_reason: 'stop' });
    expect(cut.output[0]).toMatchObject({ text: 'A large red', finish_reason: 'length' });
  });

  it('say without a picture what they can do, and that other things they cannot', async () => {
    expect(await told(null, 'What colour is the circle?')).toBe('I see no picture. Please send one.');
    expect(await told(null, 'What is the capital of Norway?')).toBe(
      'I only know about coloured shapes in pictures.',
    );
  });

  it.each([
    ['a chat that is longer than the model reads', 'word '.repeat(300)],
    ['a chat that leaves no room for its answer', 'what '.repeat(200)],
  ])('refuse %s, for nothing', async (_, question) => {
    expect(await chat(null, question)).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_input' },
      cost: { usd_micros: 0 },
    });
  });

  /** A picture as a data URL. */
  async function drawn(prompt: string, seed: number): Promise<string> {
    const job = await stack.ended({ model: 'pilotlight-shapes', input: { prompt, seed } });
    const file = await stack.ask('GET', job.output[0]?.url ?? '');
    return `data:image/png;base64,${Buffer.from(await file.arrayBuffer()).toString('base64')}`;
  }

  async function told(url: string | null, question: string): Promise<string> {
    return (await chat(url, question)).output[0]?.text ?? '';
  }

  function chat(url: string | null, question: string, change: object = {}) {
    const picture = url === null ? [] : [{ type: 'image_url', image_url: { url } }];
    const content = [...picture, { type: 'text', text: question }];
    const input = { messages: [{ role: 'user', content }], ...change };
    return stack.ended({ model: 'pilotlight-scenes', input });
  }
});
