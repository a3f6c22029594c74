import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { chatting, drawing, openFalScene } from '../dialects/fal/fal-scene.ts';

const prompt = 'a lighthouse';

describe('200', () => {
  it('puts the body, which is the input, into the queue and says where to ask', async () => {
    const scene = await openFalScene();

    const got = await scene.submit(drawing, { prompt, seed: 7 });

    const id = got.json.request_id;
    expect((await scene.jobOf(id)).input).toMatchObject({ prompt, seed: 7 });
    expect(got.json).toMatchObject({ status: 'IN_QUEUE', queue_position: 0 });
    const self = new URL(got.json.response_url);
    expect(self.pathname).toBe(`${drawing}/requests/${id}`);
    expect([got.json.status_url, got.json.cancel_url]).toEqual([`${self}/status`, `${self}/cancel`]);
    expect(got.headers['x-fal-request-id']).toBe(id);
  });

  it('bounds how long it waits to start, to the second above', async () => {
    const scene = await openFalScene();

    const { json } = await scene.submit(
      drawing,
      { prompt },
      { headers: { 'X-Fal-Request-Timeout': '90.2' } },
    );

    const { startByMs, createdAtMs } = await scene.jobOf(json.request_id);
    expect(startByMs - createdAtMs).toBe(91_000);
  });

  it.each([
    ['low', 'interactive', 'batch'],
    ['normal', 'interactive', 'interactive'],
    ['normal', 'batch', 'batch'],
    ['low', 'batch', 'batch'],
  ] as const)('of %s priority, where the plan says %s: the class %s', async (priority, plan, jobClass) => {
    const scene = await openFalScene({ tenant: sampleTenant({ overrides: { class_default: plan } }) });
    const headers = { 'X-Fal-Queue-Priority': priority };

    const { json } = await scene.submit(drawing, { prompt }, { headers });

    expect((await scene.jobOf(json.request_id)).class).toBe(jobClass);
  });

  it('tells whom it is asked to', async () => {
    const scene = await openFalScene();
    const url = 'https://hooks.example/fal';

    const { json } = await scene.submit(`${drawing}?fal_webhook=${encodeURIComponent(url)}`, { prompt });

    expect((await scene.jobOf(json.request_id)).webhook).toMatchObject({ url, form: { dialect: 'fal' } });
  });

  it('is the first request again for the same Idempotency-Key', async () => {
    const scene = await openFalScene();
    const headers = { 'Idempotency-Key': 'k-1' };

    const [first, again] = [
      await scene.submit(drawing, { prompt }, { headers }),
      await scene.submit(drawing, { prompt }, { headers }),
    ];

    expect(again.json.request_id).toBe(first.json.request_id);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });
});

describe('422', () => {
  it.each([
    [{}, ['body', 'prompt'], 'missing'],
    [{ prompt, size: 64 }, ['body', 'size'], 'value_error'],
    [{ prompt, not_a_field: 1 }, ['body', 'not_a_field'], 'value_error'],
  ])('places the fault as the original does: %j', async (input, loc, type) => {
    const got = await (await openFalScene()).submit(drawing, input);

    expect(got.status).toBe(422);
    expect(got.json.detail).toContainEqual({ loc, msg: expect.any(String), type });
    expect(got.json.error).toMatchObject({ code: 'invalid_request' });
  });

  it('calls the prompt of a chat by its name', async () => {
    const got = await (await openFalScene()).submit(chatting, { prompt: 7 });

    expect(got.json.detail).toMatchObject([{ loc: ['body', 'prompt'] }]);
  });

  it.each(['0', '-1', 'soon', '1e3', '99999999'])('takes no time-out of %s', async (timeout) => {
    const headers = { 'X-Fal-Request-Timeout': timeout };

    const got = await (await openFalScene()).submit(drawing, { prompt }, { headers });

    expect(got.json.detail).toMatchObject([{ loc: ['body', 'x-fal-request-timeout'] }]);
  });

  it.each(['high', 'LOW', '', '0'])('takes no priority of "%s"', async (priority) => {
    const headers = { 'X-Fal-Queue-Priority': priority };

    const got = await (await openFalScene()).submit(drawing, { prompt }, { headers });

    expect(got.status).toBe(422);
    expect(got.json.detail).toMatchObject([{ loc: ['body', 'x-fal-queue-priority'] }]);
  });

  it('names a webhook that nothing may be sent to', async () => {
    const got = await (await openFalScene()).submit(`${drawing}?fal_webhook=http://10.0.0.1/`, { prompt });

    expect(got.json.detail).toMatchObject([{ loc: ['body', 'fal_webhook'] }]);
  });
});

describe('404', () => {
  it.each([drawing.replace('pilotlight', 'fal-ai'), drawing.replace('fake-image', 'other')])(
    'has no model at %s',
    async (path) => {
      const got = await (await openFalScene()).submit(path, { prompt });

      expect(got.json).toMatchObject({
        detail: 'There is no such model.',
        error: { code: 'model_not_found' },
      });
    },
  );
});
