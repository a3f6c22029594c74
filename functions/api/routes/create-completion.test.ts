import { describe, expect, it } from 'vitest';
import { dataOf, openDialectScene } from '../dialects/openai/dialect-scene.ts';

type Scene = Awaited<ReturnType<typeof openDialectScene>>;

const completion = { model: 'fake-chat', prompt: 'a lighthouse' };

function ask(scene: Scene, change: object = {}) {
  return scene.send('createCompletion', '/v1/completions', { body: { ...completion, ...change } });
}

describe('200', () => {
  it('goes on from the prompt, with as few tokens as the original by default', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    expect(got.json).toMatchObject({
      id: job?.jobId.replace('job_', 'cmpl-'),
      object: 'text_completion',
      choices: [{ text: `${job?.jobId} 0 a lighthouse`, finish_reason: 'stop' }],
      usage: { completion_tokens: 16 },
    });
    expect(job?.input).toMatchObject({
      messages: [{ role: 'user', content: 'a lighthouse' }],
      max_tokens: 16,
    });
  });

  it('streams text alone, then how it ended', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { stream: true }));

    const data = dataOf(got.text);
    const choices = data.slice(0, -1).map((each) => JSON.parse(each).choices[0]);
    expect(data.at(-1)).toBe('[DONE]');
    expect(choices.map(({ text }) => text).join('')).toMatch(/^job_\S+ 0 a lighthouse$/);
    expect(choices.map(({ finish_reason }) => finish_reason).filter((each) => each !== null)).toEqual([
      'stop',
    ]);
  });
});

describe('a body of a guide to a server of one’s own', () => {
  const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

  it('is taken as it is: no model, parts without a type, a picture as its base64', async () => {
    const scene = await openDialectScene();
    const content = [{ image: png }, { text: 'Describe this picture.' }];
    const body = { messages: [{ role: 'user', content }], temperature: null, max_tokens: 20 };

    const got = await scene.whileWorking(scene.send('createCompletion', '/v1/completions', { body }));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    expect([got.status, got.json.object]).toEqual([200, 'text_completion']);
    expect(job).toMatchObject({ model: 'fake-chat', input: { max_tokens: 20 } });
    expect(job?.input.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
          { type: 'text', text: 'Describe this picture.' },
        ],
      },
    ]);
  });

  it('says nothing of how long the answer to messages may be: that is the model’s to say', async () => {
    const scene = await openDialectScene();
    const body = { messages: [{ role: 'user', content: 'a lighthouse' }] };

    await scene.whileWorking(scene.send('createCompletion', '/v1/completions', { body }));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    expect(job?.input.max_tokens).toBe(4);
  });
});

describe('400', () => {
  it.each([
    [{ prompt: undefined }, 'prompt'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ echo: true }, 'echo'],
    [{ max_tokens: 1_000 }, 'max_tokens'],
    [{ not_a_field: 1 }, 'not_a_field'],
  ])('names the parameter at fault: %j', async (change, param) => {
    const got = await ask(await openDialectScene(), change);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
  });
});
