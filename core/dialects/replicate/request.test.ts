import { describe, expect, it } from 'vitest';
import type { PredictionAsk } from './request.ts';
import { predictionHeadersSchema, secondsOf, toSubmission } from './request.ts';

const apiUrl = 'https://api.example';
const prompt = 'a red ring';

function submissionOf(change: Partial<PredictionAsk> = {}) {
  return toSubmission({
    request: { input: { prompt } },
    model: 'pilotlight-shapes',
    task: 'text-to-image',
    waits: false,
    deadlineSeconds: null,
    apiUrl,
    ...change,
  });
}

describe('a prediction in Replicate’s words', () => {
  it('is the input of a job as it is', () => {
    expect(submissionOf()).toMatchObject({
      model: 'pilotlight-shapes',
      input: { prompt },
      stream: false,
      webhook: null,
    });
    expect(submissionOf({ deadlineSeconds: 90 }).deadlineSeconds).toBe(90);
  });

  it.each([
    [{ prompt }, [{ role: 'user', content: prompt }]],
    [
      { prompt, system_prompt: 'be brief' },
      [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: prompt },
      ],
    ],
    [
      { prompt, image: 'iVBORw0KGgo=' },
      [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
            { type: 'text', text: prompt },
          ],
        },
      ],
    ],
  ])('asks a chat by its prompt: %j', (input, messages) => {
    const submission = submissionOf({ request: { input: { ...input, max_tokens: 5 } }, task: 'chat' });

    expect(submission.input).toEqual({ max_tokens: 5, messages });
    expect(submission.paramOf('input.messages.0.content')).toBe('input.prompt');
    expect(submission.paramOf('input.max_tokens')).toBe('input.max_tokens');
  });

  it('leaves messages to the model, which refuses a prompt beside them', () => {
    const input = { prompt, messages: [] };

    expect(submissionOf({ request: { input }, task: 'chat' }).input).toEqual(input);
  });

  it.each([
    [{}, 'chat', true, false],
    [{}, 'chat', false, true],
    [{ stream: true }, 'chat', true, true],
    [{ stream: false }, 'chat', false, false],
    [{}, 'text-to-image', false, false],
    [{}, null, false, false],
  ] as const)('with %j of a model for %s, waiting: %s, is followed: %s', (change, task, waits, stream) => {
    expect(submissionOf({ request: { input: {}, ...change }, task, waits }).stream).toBe(stream);
  });

  it.each([
    [undefined, ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired']],
    [['start'], ['job.running']],
    [['output'], ['job.succeeded']],
    [
      ['completed', 'start'],
      ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired', 'job.running'],
    ],
  ] as const)('is told of at %j', (filter, events) => {
    const request = { input: {}, webhook: 'https://hooks.example/', webhook_events_filter: filter?.slice() };

    expect(submissionOf({ request }).webhook).toEqual({
      url: 'https://hooks.example/',
      events,
      form: { dialect: 'replicate', apiUrl },
    });
  });

  it.each([[['logs']], [[]]] as const)('that wants %j alone is told of nowhere', (filter) => {
    const request = { input: {}, webhook: 'https://hooks.example/', webhook_events_filter: filter.slice() };

    expect(submissionOf({ request }).webhook).toBeNull();
  });
});

describe('Cancel-After', () => {
  it.each([
    ['90s', 90],
    ['1h30m', 5_400],
    ['2m5s', 125],
    ['168h', 604_800],
    ['30', 30],
  ])('of %s is %i seconds', (text, seconds) => {
    expect(predictionHeadersSchema.safeParse({ 'cancel-after': text }).success).toBe(true);
    expect(secondsOf(text)).toBe(seconds);
  });

  it.each(['', '0s', '-1s', '1.5h', '169h', '1m1h', 's', '1d', '10000000'])('is not %j', (text) => {
    expect(predictionHeadersSchema.safeParse({ 'cancel-after': text }).success).toBe(false);
  });
});
