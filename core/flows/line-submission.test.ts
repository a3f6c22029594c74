import { describe, expect, it } from 'vitest';
import { lineRouteOf } from '../batch/line-route.ts';
import { faultOfOutcome } from './line-submission.ts';

describe('a fault of a request', () => {
  const said = [{ role: 'user', content: 'Which colour?' }];

  function fieldsAtFault(url: string, body: object, path: string) {
    const read = lineRouteOf(url)?.toSubmission({ model: 'fake-chat', ...body });
    if (read?.kind !== 'submission') throw new Error(`no line of ${url}`);
    const { param, details } = faultOfOutcome(
      { kind: 'invalid', details: [{ path, message: 'x' }] },
      read.submission,
    );
    return [param, ...details.map((each) => each.path)];
  }

  it.each([
    ['/v1/jobs', { input: {} }, 'input.max_tokens', 'body.input.max_tokens'],
    ['/v1/chat/completions', { messages: said }, 'input.max_tokens', 'body.max_tokens'],
    [
      '/v1/chat/completions',
      { messages: said, max_completion_tokens: 9 },
      'input.max_tokens',
      'body.max_completion_tokens',
    ],
    ['/v1/chat/completions', { messages: said }, 'input.messages.0.content', 'body.messages.0.content'],
    ['/v1/completions', { prompt: 'x' }, 'input.messages.0.content', 'body.prompt'],
  ])('lies where a line of %s has the field: %j, %s', (url, body, path, named) => {
    expect(fieldsAtFault(url, body, path)).toEqual([named, named]);
  });

  it('names the model of the line, and the field that holds the prompt', () => {
    const read = lineRouteOf('/v1/completions')?.toSubmission({ model: 'fake-chat', prompt: 'x' });
    if (read?.kind !== 'submission') throw new Error('it is a line');

    expect(faultOfOutcome({ kind: 'model_not_found' }, read.submission).param).toBe('body.model');
    expect(
      faultOfOutcome({ kind: 'prompt_too_long', counted: 9, allowed: 5 }, read.submission),
    ).toMatchObject({ code: 'prompt_too_long', details: [{ counted: 9, allowed: 5 }] });
  });
});
