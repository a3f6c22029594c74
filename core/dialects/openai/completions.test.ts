import { describe, expect, it } from 'vitest';
import { fullJob } from '../../samples.ts';
import { completionSchema, toAnswer, toChunk, toSubmission, toUsageChunk } from './completions.ts';

describe('a completion in OpenAI’s words', () => {
  it.each([['once upon'], [['once upon']]])('is a chat of one message: %j', (prompt) => {
    const translated = toSubmission({ model: 'fake-chat', prompt, temperature: 0 });

    expect(translated).toMatchObject({
      kind: 'submission',
      input: { messages: [{ role: 'user', content: 'once upon' }], max_tokens: 16, temperature: 0 },
    });
  });

  it('is called by its own names where the model refuses it', () => {
    const translated = toSubmission({ model: 'fake-chat', prompt: 'a', max_tokens: 3 });

    if (translated.kind === 'invalid') throw new Error('it is valid');
    expect(['input.messages.0.content', 'input.max_tokens', 'model'].map(translated.paramOf)).toEqual([
      'prompt',
      'max_tokens',
      'model',
    ]);
  });

  it('may have messages for its prompt, as guides to servers of one’s own show it', () => {
    const content = [{ image: '/9j/4AAQSkZJRg==' }, { text: 'what is this?' }];

    const translated = toSubmission({
      model: 'fake-chat',
      messages: [{ role: 'user', content }],
      max_tokens: 3,
    });

    if (translated.kind === 'invalid') throw new Error('it is valid');
    expect(translated.input.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,/9j/4AAQSkZJRg==' } },
          { type: 'text', text: 'what is this?' },
        ],
      },
    ]);
    expect(translated.paramOf('input.messages.0.content')).toBe('messages.0.content');
  });

  it.each([
    [{}, 'prompt'],
    [{ prompt: 'a', messages: [{ role: 'user', content: 'b' }] }, 'prompt'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ prompt: [1, 2] }, 'prompt'],
    [{ prompt: 'a', echo: true }, 'echo'],
    [{ prompt: 'a', best_of: 3 }, 'best_of'],
    [{ prompt: 'a', logprobs: 5 }, 'logprobs'],
    [{ prompt: 'a', suffix: 'b' }, 'suffix'],
    [{ prompt: 'a', n: 2 }, 'n'],
  ])('is refused by name: %j', (change, path) => {
    const translated = toSubmission({ model: 'fake-chat', ...change });

    if (translated.kind !== 'invalid') throw new Error('it is not valid');
    expect(translated.details[0]?.path.split('.')[0]).toBe(path);
  });
});

describe('the answer', () => {
  it('is a completion as the original’s, whole and in chunks', () => {
    const job = fullJob({ model: 'fake-chat' });

    const answer = toAnswer(job, ' a time');

    expect(completionSchema.parse(answer)).toEqual(answer);
    expect(answer).toMatchObject({
      id: job.jobId.replace('job_', 'cmpl-'),
      object: 'text_completion',
      choices: [{ index: 0, text: ' a time', logprobs: null, finish_reason: 'stop' }],
    });
    expect(toChunk(job, { text: ' a' }, true)).toMatchObject({
      id: answer.id,
      choices: [{ text: ' a', finish_reason: null }],
      usage: null,
    });
    expect(toUsageChunk(job)).toMatchObject({ choices: [], usage: { total_tokens: 48 } });
  });
});
