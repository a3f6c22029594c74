import { describe, expect, it } from 'vitest';
import { planAdmission } from '../admission/gate.ts';
import { lineRouteOf } from '../batch/line-route.ts';
import { sampleNowMs, sampleTenant } from '../samples.ts';
import { limitsOf } from '../tenancy/plans.ts';
import { faultOfOutcome, withHalfRates } from './line-submission.ts';

const demand = {
  jobId: 'job_1',
  nonce: 'n',
  line: 'fake#batch',
  tagCost: 1,
  images: 1,
  tokens: 1,
  storesFiles: true,
  gpuMs: 1,
  reservedUsdMicros: 1,
};

it('counts lines in the very windows that other requests are counted in, up to half of what they allow', () => {
  const overrides = {
    open_jobs_max: 9,
    requests_per_second: 3,
    requests_burst: 10,
    requests_per_minute: 60,
    images_per_minute: 1,
    tokens_per_minute: 7,
    requests_per_day: 500,
    gpu_seconds_per_month: 11,
  };
  const tenant = sampleTenant({ overrides });
  const asked = [tenant, withHalfRates(tenant)].map((each) =>
    planAdmission(limitsOf(each.plan, each.overrides), demand, sampleNowMs),
  );

  const [whole, half] = asked.map(({ counters }) => counters.map(({ name, max }) => ({ name, max })));
  expect(half?.map(({ name }) => name)).toEqual(whole?.map(({ name }) => name));
  const maxOf = (limit: string) => half?.find(({ name }) => name.startsWith(limit))?.max;
  expect(asked.map(({ openJobsMax }) => openJobsMax)).toEqual([9, 4]);
  expect([maxOf('requests_per_minute'), maxOf('images_per_minute'), maxOf('tokens_per_minute')]).toEqual([
    30, 1, 3,
  ]);
  expect([maxOf('requests_per_second'), maxOf('requests_per_day')]).toEqual([10, 500]);
});

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
