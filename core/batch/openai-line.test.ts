import { describe, expect, it } from 'vitest';
import { sampleJob } from '../samples.ts';
import { lineRouteOf } from './line-route.ts';

const chat = lineRouteOf('/v1/chat/completions');
const completion = lineRouteOf('/v1/completions');
const messages = [{ role: 'user', content: 'Which colour?' }];
const noFile = async () => null;

function answered(output: { text?: string }) {
  const file = {
    type: 'text',
    contentType: 'text/plain',
    path: 'jobs/a/1/0.txt',
    bytes: 4,
    sha256: 'x',
  } as const;
  return sampleJob({ status: 'succeeded', model: 'fake-chat', outputs: [{ ...file, ...output }] });
}

describe('a line in OpenAI’s words', () => {
  it('asks a chat for what the request by itself would ask', () => {
    const read = chat?.toSubmission({
      model: 'fake-chat',
      messages,
      max_tokens: 8,
      metadata: { tag: 'night' },
    });

    expect(read).toEqual({
      kind: 'submission',
      submission: {
        paramOf: expect.any(Function),
        ...{ model: 'fake-chat', quality: null, adapters: [], metadata: { tag: 'night' } },
        ...{ input: { messages, max_tokens: 8 }, deadlineSeconds: null, cache: null },
      },
    });
  });

  it('asks for a completion with its prompt as the one message', () => {
    const read = completion?.toSubmission({ model: 'fake-chat', prompt: 'Once upon' });

    expect(read).toMatchObject({
      kind: 'submission',
      submission: { input: { messages: [{ role: 'user', content: 'Once upon' }] } },
    });
  });

  it.each([
    ['stream', { stream: true }],
    ['n', { n: 2 }],
  ])('refuses %s by its name', (path, more) => {
    const read = chat?.toSubmission({ model: 'fake-chat', messages, ...more });

    expect(read).toMatchObject({ kind: 'invalid', details: [{ path }] });
  });

  it('is answered with the text of the record, or of the file where the record does not hold it', async () => {
    const inFile = async () => new TextEncoder().encode('blue');

    const [ofRecord, ofFile] = [
      await chat?.toBody(answered({ text: 'red' }), noFile),
      await chat?.toBody(answered({}), inFile),
    ];

    expect(ofRecord).toMatchObject({ object: 'chat.completion', choices: [{ message: { content: 'red' } }] });
    expect(ofFile).toMatchObject({ choices: [{ message: { content: 'blue' } }] });
  });

  it('has no answer once its file is past its retention', async () => {
    expect(await completion?.toBody(answered({}), noFile)).toBeNull();
  });
});
