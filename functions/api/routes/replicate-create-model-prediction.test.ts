import { describe, expect, it } from 'vitest';
import {
  chatting,
  drawing,
  newestJob,
  openReplicateScene,
  pathOf,
} from '../dialects/replicate/replicate-scene.ts';

describe('201', () => {
  it('says that the prediction starts, and where it is', async () => {
    const scene = await openReplicateScene();

    const got = await scene.draw({ input: { prompt: 'a lighthouse', seed: 7 } });

    const job = await newestJob(scene);
    expect(got.status).toBe(201);
    expect(got.json).toMatchObject({
      id: job.jobId,
      model: 'pilotlight/fake-image',
      status: 'starting',
      input: { prompt: 'a lighthouse', seed: 7 },
      output: null,
      urls: { cancel: `${got.json.urls.get}/cancel` },
    });
    expect(got.headers.location).toBe(`/replicate/v1/predictions/${job.jobId}`);
    expect(pathOf(got.json.urls.get)).toBe(got.headers.location);
    expect(got.headers['x-pilotlight-job-id']).toBe(job.jobId);
  });

  it('has the result of one that ended within the wait', async () => {
    const scene = await openReplicateScene();

    const got = await scene.whileWorking(scene.draw({}, { headers: { Prefer: 'wait=30' } }));

    expect(got.status).toBe(201);
    expect(got.headers['preference-applied']).toBe('wait');
    expect(got.json).toMatchObject({ status: 'succeeded', error: null });
    expect(got.json.output).toHaveLength(1);
  });

  it('follows a text unless the request waits, or says otherwise', async () => {
    const scene = await openReplicateScene();
    const streamed = async (change: object, headers: Record<string, string> = {}) => {
      const { id } = (await scene.chat(change, { headers })).json;
      return (await scene.jobOf(id)).streamed;
    };

    expect(await streamed({})).toBe(true);
    expect(await streamed({ stream: false })).toBe(false);
    expect(await scene.whileWorking(streamed({}, { Prefer: 'wait' }))).toBe(false);
    expect((await scene.jobOf((await scene.draw()).json.id)).streamed).toBe(false);
  });

  it('may bound how long the prediction waits to start', async () => {
    const scene = await openReplicateScene();

    const bounds = [];
    for (const after of ['90s', '1h30m', '45']) {
      const { id } = (await scene.draw({}, { headers: { 'Cancel-After': after } })).json;
      const { startByMs, createdAtMs } = await scene.jobOf(id);
      bounds.push((startByMs - createdAtMs) / 1000);
    }

    expect(bounds).toEqual([90, 5_400, 45]);
  });

  it('gives the first prediction again for the same Idempotency-Key', async () => {
    const scene = await openReplicateScene();
    const headers = { 'Idempotency-Key': 'k-1' };

    const [first, again] = [await scene.draw({}, { headers }), await scene.draw({}, { headers })];

    expect(again.json.id).toBe(first.json.id);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });
});

describe('202', () => {
  it('says `starting` of a prediction that runs, which clients take for one to ask for again', async () => {
    const scene = await openReplicateScene();

    const answer = scene.chat(
      { input: { prompt: 'one two three', step_ms: 10_000 } },
      { headers: { Prefer: 'wait=2' } },
    );
    const got = await scene.whileWorking(answer);

    expect(got.status).toBe(202);
    expect(got.json).toMatchObject({ status: 'starting', output: null, started_at: expect.any(String) });
  });
});

describe('422', () => {
  it.each([
    [{ input: {} }, 'input.prompt', 'required'],
    [{ input: { prompt: 'a', size: 64 } }, 'input.size', 'invalid'],
    [{ input: { prompt: 'a', not_a_field: 1 } }, 'input.not_a_field', 'invalid'],
    [{ input: undefined }, 'input', 'required'],
    [{ not_a_field: 1 }, 'not_a_field', 'invalid'],
    [{ webhook: 'http://hooks.example/' }, 'webhook', 'scheme'],
    [{ webhook_events_filter: ['ended'] }, 'webhook_events_filter.0', 'invalid'],
    [{ stream: 'yes' }, 'stream', 'invalid'],
  ])('names the field at fault: %j', async (change, field, type) => {
    const got = await (await openReplicateScene()).draw(change);

    expect(got.json).toMatchObject({ title: 'Input validation failed', status: 422 });
    expect(got.json.invalid_fields).toContainEqual({ type, field, description: expect.any(String) });
    expect(got.json.detail).toContain(`- ${field} `);
    expect(got.json.error).toMatchObject({
      code: 'invalid_request',
      param: got.json.invalid_fields[0].field,
    });
  });

  it('calls the prompt of a chat by its name, and not by what becomes of it', async () => {
    const got = await (await openReplicateScene()).chat({ input: { prompt: 7 } });

    expect(got.json.invalid_fields).toMatchObject([{ field: 'input.prompt' }]);
  });

  it.each(['soon', '-1s', '0', '1d', '99999h', ''])('takes no bound such as %j', async (after) => {
    const got = await (await openReplicateScene()).draw({}, { headers: { 'Cancel-After': after } });

    expect(got.json.invalid_fields).toMatchObject([{ field: 'cancel-after' }]);
  });
});

describe('404', () => {
  it.each([drawing.replace('pilotlight', 'meta'), chatting.replace('fake-chat', 'other')])(
    'has no model at %s',
    async (path) => {
      const scene = await openReplicateScene();

      const got = await scene.send('replicateCreateModelPrediction', path, { body: { input: {} } });

      expect(got.json).toMatchObject({ title: 'Not found', status: 404, error: { code: 'model_not_found' } });
    },
  );
});

describe('429', () => {
  it('says when to come back, in header and body', async () => {
    const scene = await openReplicateScene();
    const busy = async () => {
      for (;;) {
        const got = await scene.draw();
        if (got.status === 429) return got;
      }
    };

    const got = await busy();

    expect(got.json).toMatchObject({ title: 'Too many requests', status: 429 });
    expect(String(got.json.retry_after)).toBe(got.headers['retry-after']);
  });
});
