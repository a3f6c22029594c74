import { describe, expect, it } from 'vitest';
import { fullJob } from '../../samples.ts';
import type { DialectSubmission } from '../submission.ts';
import { chatCompletionSchema, toAnswer, toChunk, toSubmission, toUsageChunk } from './chat.ts';
import type { Json } from './parameters.ts';

const hello = [{ role: 'user', content: 'hello' }];
const png = 'iVBORw0KGgoAAAANSUhEUg==';
const jpeg = '/9j/4AAQSkZJRg==';

function submissionOf(change: object): DialectSubmission {
  const translated = toSubmission({ model: 'fake-chat', messages: hello, ...change });
  if (translated.kind === 'invalid') throw new Error(JSON.stringify(translated.details));
  return translated;
}

function faultsOf(change: object) {
  const translated = toSubmission({ model: 'fake-chat', messages: hello, ...change });
  return translated.kind === 'invalid' ? translated.details : [];
}

function partsOf(content: Json): Json {
  const { messages } = submissionOf({ messages: [{ role: 'user', content }] }).input;
  return (messages as { content: Json }[])[0]?.content ?? null;
}

describe('a chat in OpenAI’s words', () => {
  it('is the input of a job, with what the model may know under its own name', () => {
    const submission = submissionOf({ temperature: 0.5, top_p: 0.9, seed: 7, stop: ['\n'], top_k: 20 });

    expect(submission).toMatchObject({
      model: 'fake-chat',
      input: { messages: hello, temperature: 0.5, top_p: 0.9, seed: 7, stop: ['\n'], top_k: 20 },
      metadata: {},
      stream: false,
      includeUsage: false,
    });
  });

  it.each([
    [{ max_tokens: 5 }, 'max_tokens'],
    [{ max_completion_tokens: 5 }, 'max_completion_tokens'],
    [{ max_completion_tokens: 5, max_tokens: 5 }, 'max_completion_tokens'],
  ])('has one bound of its tokens under either name: %j', (change, name) => {
    const { input, paramOf } = submissionOf(change);

    expect(input.max_tokens).toBe(5);
    expect(input).not.toHaveProperty('max_completion_tokens');
    expect(paramOf('input.max_tokens')).toBe(name);
    expect(paramOf('input.messages.0.content')).toBe('messages.0.content');
  });

  it('may stream, and ask for usage at the end of it', () => {
    expect(submissionOf({ stream: true })).toMatchObject({ stream: true, includeUsage: false });
    expect(submissionOf({ stream: true, stream_options: { include_usage: true } })).toMatchObject({
      stream: true,
      includeUsage: true,
    });
    expect(submissionOf({ stream: true }).input).not.toHaveProperty('stream');
  });

  it('takes what says nothing for nothing: null, neutral values, and what the original ignores', () => {
    const { input } = submissionOf({
      temperature: null,
      stop: [],
      stream: null,
      stream_options: null,
      n: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: {},
      logprobs: false,
      tools: [],
      tool_choice: 'auto',
      response_format: { type: 'text' },
      user: 'u-1',
      store: true,
      service_tier: 'auto',
      prompt_cache_key: 'k',
    });

    expect(input).toEqual({ messages: hello });
  });

  it.each([
    ['n', 2],
    ['tools', [{ type: 'function' }]],
    ['functions', [{}]],
    ['response_format', { type: 'json_object' }],
    ['logprobs', true],
    ['top_logprobs', 3],
    ['presence_penalty', 0.5],
    ['frequency_penalty', 1],
    ['logit_bias', { 50256: -100 }],
    ['modalities', ['text', 'audio']],
    ['audio', { voice: 'alloy' }],
    ['reasoning_effort', 'high'],
    ['service_tier', 'priority'],
    ['web_search_options', {}],
  ])('is refused by name where it asks for %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatchObject([
      { path: name, message: expect.stringContaining('is not supported') },
    ]);
  });

  it.each([
    [{ messages: [] }, 'messages'],
    [{ messages: 'hello' }, 'messages'],
    [{ model: 7 }, 'model'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_tokens: 3, max_completion_tokens: 4 }, 'max_tokens'],
    [{ stream: 'yes' }, 'stream'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ stream: true, stream_options: { usage: true } }, 'stream_options.usage'],
    [{ metadata: { a: 1 } }, 'metadata.a'],
  ])('is refused where it is not of the form: %j', (change, path) => {
    expect(faultsOf(change)).toMatchObject([{ path }]);
  });
});

describe('messages', () => {
  const picture = (url: string, more = {}) => ({ type: 'image_url', image_url: { url, ...more } });

  it.each<[string, Json, Json]>([
    ['a part without a type', [{ text: 'a' }], [{ type: 'text', text: 'a' }]],
    ['a picture without a type', [{ image: jpeg }], [picture(`data:image/jpeg;base64,${jpeg}`)]],
    ['a picture as base64 alone', [picture(png)], [picture(`data:image/png;base64,${png}`)]],
    [
      'a data URL',
      [{ image: `data:image/webp;base64,UklGRg==` }],
      [picture('data:image/webp;base64,UklGRg==')],
    ],
    [
      'an image_url that is a text',
      [{ type: 'image_url', image_url: png }],
      [picture(`data:image/png;base64,${png}`)],
    ],
    [
      'a detail',
      [picture(png, { detail: 'auto' })],
      [picture(`data:image/png;base64,${png}`, { detail: 'auto' })],
    ],
  ])('may hold %s', (_, content, read) => {
    expect(partsOf(content)).toEqual(read);
  });

  it.each<[string, Json]>([
    ['an address', [picture('https://example.com/a.png')]],
    ['another type', [{ type: 'input_audio', input_audio: {} }]],
    ['two things in one part', [{ text: 'a', image: png }]],
    ['something that is no part', ['a', 7, null]],
    ['a text', 'a'],
  ])('leave %s as it is, for the model to refuse', (_, content) => {
    expect(partsOf(content)).toEqual(content);
  });

  it('may be answers of before, with all that they say of what there is not', () => {
    const answer = { role: 'assistant', content: 'hi', refusal: null, tool_calls: [], annotations: [] };

    const { input } = submissionOf({ messages: [{ role: 'developer', content: 'brief' }, answer, ...hello] });

    expect(input.messages).toEqual([
      { role: 'system', content: 'brief' },
      { role: 'assistant', content: 'hi' },
      ...hello,
    ]);
  });
});

describe('the answer', () => {
  const text = { type: 'text', path: 'p', contentType: 'text/plain', bytes: 2, sha256: '0' } as const;
  const job = fullJob({ model: 'fake-chat', outputs: [{ ...text, finishReason: 'length' }] });

  it('is a completion as the original’s, under an id made from the job’s', () => {
    const answer = toAnswer(job, 'hi');

    expect(chatCompletionSchema.parse(answer)).toEqual(answer);
    expect(answer).toEqual({
      id: job.jobId.replace('job_', 'chatcmpl-'),
      object: 'chat.completion',
      created: Math.floor(job.createdAtMs / 1000),
      model: 'fake-chat',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'hi', refusal: null },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: { prompt_tokens: 41, completion_tokens: 7, total_tokens: 48 },
    });
  });

  it('comes in chunks of one id, which say of usage what was asked', () => {
    const { id } = toAnswer(job, '');

    expect(toChunk(job, { delta: { content: 'hi' } }, false)).toEqual({
      id,
      object: 'chat.completion.chunk',
      created: Math.floor(job.createdAtMs / 1000),
      model: 'fake-chat',
      choices: [{ index: 0, delta: { content: 'hi' }, logprobs: null, finish_reason: null }],
    });
    expect(toChunk(job, { delta: {}, finishReason: 'stop' }, true)).toMatchObject({
      choices: [{ delta: {}, finish_reason: 'stop' }],
      usage: null,
    });
    expect(toUsageChunk(job)).toMatchObject({ id, choices: [], usage: { total_tokens: 48 } });
  });
});
