import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createSetupHandler } from './handler.ts';
import type { ConfiguredPlans } from './set-up.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Stands where CloudFormation takes answers. */
async function receiver(status = 200) {
  const answers: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    answers.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/answer`, answers };
}

const ids = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'SetUp' };

function scene(setUp: (plans: ConfiguredPlans) => Promise<void> = async () => undefined) {
  const asked: ConfiguredPlans[] = [];
  const takenDown: AbortSignal[] = [];
  const handler = createSetupHandler({
    log: createRecordingLog(),
    takeDown: async (stopping) => void takenDown.push(stopping),
    setUp: async (plans) => {
      asked.push(plans);
      await setUp(plans);
    },
  });
  const context = { getRemainingTimeInMillis: () => 60_000 };
  const tell = (RequestType: string, ResponseURL: string, plans = '{}', more = {}) =>
    handler(
      { ...ids, RequestType, ResponseURL, ResourceProperties: { ServiceToken: 'arn', plans, ...more } },
      context,
    );
  return { handler: (event: unknown) => handler(event, context), asked, takenDown, tell };
}

describe('CloudFormation', () => {
  it.each(['Create', 'Update'])('is told of success at %s, under one id for ever', async (type) => {
    const { url, answers } = await receiver();
    const { asked, tell } = scene();

    await tell(type, url, '{"studio":{"limits":{"weight":2,"open_jobs_max":5}}}');

    expect(asked).toEqual([{ studio: { limits: { weight: 2, open_jobs_max: 5 } } }]);
    expect(answers).toEqual([{ ...ids, Status: 'SUCCESS', PhysicalResourceId: 'set-up' }]);
  });

  it('has everything deleted where that was asked for, as its stack goes and not before', async () => {
    const { url, answers } = await receiver();
    const { asked, takenDown, tell } = scene();

    await tell('Update', url, '{}', { onDestroy: 'delete' });
    expect(takenDown).toEqual([]);
    await tell('Delete', url, '{}', { onDestroy: 'delete' });

    expect(takenDown).toMatchObject([{ aborted: false }]);
    expect(asked).toHaveLength(1);
    expect(answers).toMatchObject([{ Status: 'SUCCESS' }, { Status: 'SUCCESS' }]);
  });

  it('has nothing deleted, and is told that all is well', async () => {
    const { url, answers } = await receiver();
    const { asked, takenDown, tell } = scene();

    await tell('Delete', url, 'no plans any more');

    expect(takenDown).toEqual([]);
    expect(asked).toEqual([]);
    expect(answers).toMatchObject([{ Status: 'SUCCESS' }]);
  });

  it.each([
    ['the set-up fails', async () => Promise.reject(new Error('no room')), '{}', 'no room'],
    ['plans are not valid', async () => undefined, '{"studio":{}}', 'not valid'],
    ['plans are no JSON', async () => undefined, '{', 'JSON'],
  ])('is told why when %s, rather than left waiting', async (_, setUp, plans, reason) => {
    const { url, answers } = await receiver();
    const { tell } = scene(setUp);

    await tell('Create', url, plans);

    expect(answers).toMatchObject([{ Status: 'FAILED', Reason: expect.stringContaining(reason) }]);
  });

  it('is told in little, however much there is to say', async () => {
    const { url, answers } = await receiver();
    const { tell } = scene(async () => Promise.reject(new Error('x'.repeat(10_000))));

    await tell('Create', url);

    expect(JSON.stringify(answers[0]).length).toBeLessThan(4_096);
  });

  it('that takes no answer makes the invocation fail, so that it comes again', async () => {
    const { url } = await receiver(403);
    const { tell } = scene();

    await expect(tell('Create', url)).rejects.toThrow(/took no answer/);
  });
});

describe('anybody else', () => {
  it('is refused, and nothing is set up', async () => {
    const { handler, asked } = scene();

    await expect(handler({ hello: 'world' })).rejects.toThrow();

    expect(asked).toEqual([]);
  });
});
