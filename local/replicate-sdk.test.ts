/**
 * The official client of Replicate, as npm has it, against the whole stack: real worker processes, real streams, real
 * webhooks. What passes here is its table in docs/compatibility/; `vitest -u` writes it anew.
 */
import type { Prediction } from 'replicate';
import Replicate, { parseProgressFromLogs, validateWebhook } from 'replicate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTerminal } from '#core/job/job.ts';
import project from '../package.json' with { type: 'json' };
import { countPings, openClientScene, openFaltering, openReceiver } from './client-scene.ts';
import { createRows, expectTable } from './compatibility.ts';

const longMs = 180_000;

let scene: Awaited<ReturnType<typeof openClientScene>>;
let client: Replicate;
const { row, passed } = createRows();

beforeAll(async () => {
  scene = await openClientScene('replicate');
  client = clientOf(scene.key);
}, longMs);

afterAll(() => scene?.close());

function clientOf(auth: string, baseUrl = `${scene.url}/replicate/v1`, fetchOf = fetch): Replicate {
  return new Replicate({ auth, baseUrl, fetch: fetchOf });
}

const shapes = 'pilotlight/pilotlight-shapes';
const picture = { prompt: 'a red ring above a blue square', size: 256, seed: 7 };
const chat = 'pilotlight/fake-chat';
const prompt = 'one two three four';
const answer = `You said: ${prompt}`;
/** Takes about a minute. */
const slow = { prompt: 'word '.repeat(200), max_tokens: 200, step_ms: 300 };

/** Says nothing for longer than streams are silent. */
const silent = { prompt, max_tokens: 1, step_ms: 16_000 };

async function eventsOf(stream: ReturnType<Replicate['stream']>) {
  const events: { id: string; text: string }[] = [];
  for await (const event of stream) events.push({ id: event.id ?? '', text: String(event) });
  return events;
}

/** What the client throws for an answer that is none. */
interface ApiError extends Error {
  readonly response: Response;
}

async function refusalOf(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error) || !('response' in error)) throw new Error(`not refused: ${error}`);
  return error as ApiError;
}

/** The answer that a refusal's message ends with. */
function problemOf(error: ApiError) {
  return JSON.parse(/: (\{.*\})\.$/s.exec(error.message)?.[1] ?? 'null');
}

async function versionOf(name: string): Promise<string> {
  return (await client.models.get('pilotlight', name)).latest_version?.id ?? '';
}

describe('run', () => {
  row('run', 'waits for its answer: links to pictures, good without a key', async () => {
    const output = (await client.run(shapes, { input: picture })) as string[];

    expect(output).toHaveLength(1);
    const file = await fetch(output[0] ?? '');
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
  });

  row('run', 'owner/name:version, and a text as a list that joins', async () => {
    const ref = `${chat}:${await versionOf('fake-chat')}` as const;

    const output = (await client.run(ref, { input: { prompt, system_prompt: 'be brief' } })) as string[];

    expect(output.join('')).toBe(answer);
  });

  row('run, wait: poll', 'polls to the end, and tells the progress', async () => {
    const seen: Prediction[] = [];
    const output = await client.run(
      chat,
      { input: { prompt, step_ms: 150 }, wait: { mode: 'poll', interval: 100 } },
      (prediction) => seen.push(prediction),
    );

    expect(output).toEqual([answer]);
    const statuses = [...new Set(seen.map(({ status }) => status))];
    expect(statuses).toEqual(['starting', 'processing', 'succeeded']);
  });

  row(
    'run, wait: timeout',
    'goes on by polling where the answer takes longer, and loses nothing',
    async () => {
      const wait = { mode: 'block', timeout: 1, interval: 100 } as const;

      const output = await client.run(chat, { input: { prompt, step_ms: 400 }, wait });

      expect(output).toEqual([answer]);
    },
  );

  row('run, signal', 'cancels the prediction', async () => {
    const own = clientOf(await scene.tenantWith('gives-up'));
    const gone = new AbortController();
    const running = own.run(chat, { input: slow, wait: { mode: 'poll' }, signal: gone.signal });
    // The call that creates it has the signal too.
    await scene.newestJob('gives-up', ({ status }) => status === 'running');
    gone.abort();

    await running.catch(() => undefined);

    expect((await scene.newestJob('gives-up', isTerminal)).status).toBe('canceled');
  });

  row('run', 'throws the reason of a prediction that failed', async () => {
    const failing = client.run(chat, { input: { prompt, fault: 'error' } });

    await expect(failing).rejects.toThrow(/^Prediction failed: /);
  });
});

describe('predictions', () => {
  row('predictions.create, get', 'by version, from start to end', async () => {
    const version = await versionOf('pilotlight-shapes');
    const created = await client.predictions.create({ version, input: picture });

    expect(created).toMatchObject({
      status: 'starting',
      version,
      model: shapes,
      source: 'api',
      output: null,
    });
    const ended = await client.wait(created, { interval: 100 });
    expect(ended).toMatchObject({ id: created.id, status: 'succeeded', error: null, data_removed: false });
    expect(ended.output).toHaveLength(1);
    expect(ended.metrics?.predict_time).toBeGreaterThan(0);
    expect(await client.predictions.get(created.id)).toMatchObject({ id: created.id, status: 'succeeded' });
  });

  row('predictions.create, wait', 'answers when the prediction has ended', async () => {
    const ended = await client.predictions.create({ model: chat, input: { prompt }, wait: 30 });

    expect(ended).toMatchObject({ status: 'succeeded', output: [answer] });
  });

  row('predictions.create', 'messages as the model itself takes them', async () => {
    const input = { messages: [{ role: 'user', content: prompt }] };

    expect((await client.predictions.create({ model: chat, input, wait: true })).output).toEqual([answer]);
  });

  row('predictions.cancel', 'a prediction that runs', async () => {
    const own = clientOf(await scene.tenantWith('cancels'));
    const { id } = await own.predictions.create({ model: chat, input: slow });
    await scene.newestJob('cancels', ({ status }) => status === 'running');

    await own.predictions.cancel(id);

    const ended = await own.wait({ id, status: 'processing' } as Prediction, { interval: 100 });
    expect(ended.status).toBe('canceled');
  });

  row('predictions.list, paginate', 'newest first, page by page, to the last', async () => {
    const own = clientOf(await scene.tenantWith('lists', { requests_per_second: 1_000 }));
    const made: string[] = [];
    for (let count = 0; count < 101; count += 1) {
      made.push((await own.predictions.create({ model: 'pilotlight/fake', input: { prompt, steps: 1 } })).id);
    }

    const pages: string[][] = [];
    for await (const page of own.paginate(own.predictions.list)) pages.push(page.map(({ id }) => id));

    expect(pages.map(({ length }) => length)).toEqual([100, 1]);
    expect(pages.flat()).toEqual(made.toReversed());
  });

  row('parseProgressFromLogs', 'the progress of a prediction', async () => {
    const input = { prompt, steps: 20, step_ms: 100 };
    const { id } = await client.predictions.create({ model: 'pilotlight/fake', input });
    let progress = parseProgressFromLogs(await client.predictions.get(id));
    while (progress === null) progress = parseProgressFromLogs(await client.predictions.get(id));

    expect(progress.total).toBe(20);
    expect(progress.percentage).toBeCloseTo(progress.current / 20);
  });
});

describe('models and deployments', () => {
  row('models.get, models.list', 'what there is, with the schema of its input', async () => {
    const model = await client.models.get('pilotlight', 'pilotlight-shapes');

    expect(model).toMatchObject({ owner: 'pilotlight', name: 'pilotlight-shapes' });
    expect(model.latest_version?.openapi_schema).toMatchObject({
      components: { schemas: { Input: { properties: { prompt: {} } }, Output: { type: 'array' } } },
    });
    const names: string[] = [];
    for await (const page of client.paginate(client.models.list)) names.push(...page.map(({ name }) => name));
    expect(names).toEqual(expect.arrayContaining(['pilotlight-shapes', 'fake-chat']));
  });

  row('models.versions.get, list', 'the one version', async () => {
    const { latest_version: version } = await client.models.get('pilotlight', 'fake-chat');
    const id = version?.id ?? '';

    expect(await client.models.versions.get('pilotlight', 'fake-chat', id)).toEqual(version);
    // Its types take it for a list; the original answers with a page.
    expect(await client.models.versions.list('pilotlight', 'fake-chat')).toMatchObject({
      results: [version],
    });
  });

  row('deployments.predictions.create', 'by the name of a model', async () => {
    const ended = await client.deployments.predictions.create('pilotlight', 'fake-chat', {
      input: { prompt },
      wait: true,
    });

    expect(ended.output).toEqual([answer]);
  });
});

describe('streams', () => {
  row('stream', 'text in pieces while it is written, over an address that needs no key', async () => {
    const events: { event: string; data: string }[] = [];
    for await (const { event, data } of client.stream(chat, { input: { prompt, step_ms: 250 } })) {
      events.push({ event, data });
    }

    const pieces = events.filter(({ event }) => event === 'output').map(({ data }) => data);
    expect(pieces.join('')).toBe(answer);
    expect(pieces.length).toBeGreaterThan(2);
    expect(events.at(-1)).toEqual({ event: 'done', data: '{}' });
  });

  row('stream', 'line breaks of a text', async () => {
    const lines = 'one\n two\n\nthree\n';
    let said = '';
    for await (const event of client.stream(chat, { input: { prompt: lines } })) said += String(event);

    const whole = await client.run(chat, { input: { prompt: lines } });
    expect([said]).toEqual(whole);
    expect(said).toContain('\n');
  });

  row('stream', 'a link to a picture', async () => {
    const links: string[] = [];
    for await (const event of client.stream(shapes, { input: picture })) {
      if (event.event === 'output') links.push(event.data);
    }

    expect((await fetch(links[0] ?? '')).headers.get('content-type')).toBe('image/png');
  });

  row('stream', 'bears the comments of a stream that is silent', async () => {
    const { counted, fetch } = countPings();
    const patient = clientOf(scene.key, undefined, fetch);

    let said = '';
    for await (const event of patient.stream(chat, { input: silent })) said += String(event);

    expect(said).toBe('You ');
    expect(counted.pings).toBeGreaterThan(0);
  });

  row(
    'stream',
    'goes on after the id of an event, where the request that opens it has `Last-Event-ID`',
    async () => {
      const input = { prompt, step_ms: 250 };
      const [first, ...others] = await eventsOf(client.stream(chat, { input }));
      const [{ id: predictionId = '' } = {}] = (await client.predictions.list()).results;
      const { urls } = await client.predictions.get(predictionId);
      // The client itself opens a stream once, of a prediction that it makes: this one is sent to the one before.
      const back = clientOf(scene.key, undefined, (url, init) =>
        String(url).includes('/streams/')
          ? fetch(urls.stream ?? '', { ...init, headers: { 'last-event-id': first?.id ?? '' } })
          : fetch(url, init),
      );

      const rest = await eventsOf(back.stream(chat, { input: { prompt } }));

      const textOf = (events: readonly { text: string }[]) => events.map(({ text }) => text).join('');
      expect(textOf(rest)).toBe(textOf(others));
      expect(`${first?.text}${textOf(rest)}`).toBe(answer);
      expect(rest.at(-1)?.id).toBe('done');
    },
  );

  row('stream', 'throws the reason of a prediction that fails', async () => {
    const read = async () => {
      for await (const _ of client.stream(chat, { input: { prompt, fault: 'error' } }));
    };

    await expect(read()).rejects.toThrow('The model failed on this input.');
  });

  row('stream, signal', 'leaves the prediction alone, as the original', async () => {
    const own = clientOf(await scene.tenantWith('stops-reading'));
    const gone = new AbortController();
    const read = async () => {
      const input = { prompt, step_ms: 250 };
      for await (const { event } of own.stream(chat, { input, signal: gone.signal })) {
        if (event === 'output') gone.abort();
      }
    };

    await expect(read()).rejects.toThrow('abort');

    const job = await scene.newestJob('stops-reading', isTerminal);
    expect(job.status).toBe('succeeded');
    expect((await own.predictions.get(job.jobId)).output).toEqual([answer]);
  });
});

describe('webhooks', () => {
  row('webhooks, validateWebhook', 'start and completed, signed as its own validator reads it', async () => {
    const receiver = await openReceiver();
    const own = clientOf(await scene.tenantWith('is-told'));
    const { id } = await own.predictions.create({
      model: shapes,
      input: picture,
      webhook: receiver.url,
      webhook_events_filter: ['start', 'completed'],
    });
    const messages = await receiver.messages(2);
    receiver.close();
    const { key: secret } = await own.webhooks.default.secret.get();

    const told: Prediction[] = messages.map(({ body }) => JSON.parse(body));
    expect(told.map((prediction) => prediction.id)).toEqual([id, id]);
    const ended = told.find(({ status }) => status === 'succeeded');
    expect((await fetch(ended?.output[0] ?? '')).status).toBe(200);
    expect(ended?.urls.get).toBe(`${scene.url}/replicate/v1/predictions/${id}`);
    for (const { headers, body } of messages) {
      const [messageId, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) =>
        String(headers[`webhook-${name}`]),
      ) as [string, string, string];
      const message = { id: messageId, timestamp, signature, body, secret };
      expect(await validateWebhook(message)).toBe(true);
      expect(await validateWebhook({ ...message, body: `${body} ` })).toBe(false);
    }
  });

  row('webhook_events_filter', 'without one, one message with the output', async () => {
    const receiver = await openReceiver();
    const own = clientOf(await scene.tenantWith('is-told-once'));
    await own.run(chat, { input: { prompt }, webhook: receiver.url });
    const messages = await receiver.messages(1);
    receiver.close();

    expect(messages.map(({ body }) => JSON.parse(body))).toMatchObject([
      { status: 'succeeded', output: [answer] },
    ]);
  });
});

describe('errors', () => {
  row('ApiError', '401 for a key that is none', async () => {
    const error = await refusalOf(clientOf('r8_none').predictions.list());

    expect(error.response.status).toBe(401);
    expect(problemOf(error)).toMatchObject({ title: 'Unauthenticated', status: 401 });
  });

  row('ApiError', '422 for input that is not valid, field by field', async () => {
    const error = await refusalOf(client.run(shapes, { input: { size: 3 } }));

    expect(error.response.status).toBe(422);
    const fields = problemOf(error).invalid_fields.map(({ field }: { field: string }) => field);
    expect(fields).toEqual(expect.arrayContaining(['input.prompt', 'input.size']));
    expect(problemOf(error).detail).toContain('- input.prompt is required\n');
  });

  row('ApiError', '422 for a webhook to a private address', async () => {
    const call = { model: chat, input: { prompt }, webhook: 'http://169.254.169.254/' };

    const error = await refusalOf(client.predictions.create(call));

    expect(problemOf(error)).toMatchObject({ status: 422, invalid_fields: [{ field: 'webhook' }] });
  });

  row('ApiError', '404 for a model, a version and a prediction that are not there', async () => {
    const refused = await Promise.all([
      refusalOf(client.run('meta/llama', { input: { prompt } })),
      refusalOf(client.run(`${chat}:${'0'.repeat(64)}`, { input: { prompt } })),
      refusalOf(client.predictions.get('gm3qorzdhgbfurvjtvhg6dckhu')),
    ]);

    expect(refused.map(({ response }) => response.status)).toEqual([404, 404, 404]);
    for (const error of refused) expect(problemOf(error)).toMatchObject({ title: 'Not found', status: 404 });
  });

  row(
    'ApiError',
    '429 tells when to come back; the client itself asks six times and waits for none',
    async () => {
      const statuses: number[] = [];
      const counted: typeof fetch = async (...ask) => {
        const response = await fetch(...ask);
        statuses.push(response.status);
        return response;
      };
      const key = await scene.tenantWith('asks-once', { requests_per_day: 1 });
      await clientOf(key).run(chat, { input: { prompt } });

      // Until the day is over, had it waited.
      const error = await refusalOf(
        clientOf(key, undefined, counted).predictions.create({ model: chat, input: { prompt } }),
      );

      expect(statuses).toEqual([429, 429, 429, 429, 429, 429]);
      expect(error.response.status).toBe(429);
      const retryAfter = Number(error.response.headers.get('retry-after'));
      expect(retryAfter).toBeGreaterThan(0);
      expect(problemOf(error)).toMatchObject({ title: 'Too many requests', retry_after: retryAfter });
    },
  );

  row('retries on 503', 'reads are asked again and answered; a prediction is not created twice', async () => {
    const faltering = await openFaltering(scene.url, 2);
    const patient = clientOf(scene.key, `${faltering.url}/replicate/v1`);

    expect((await patient.predictions.list()).results.length).toBeGreaterThan(0);

    expect(faltering.askedAtMs).toHaveLength(3);
    faltering.close();
    const down = await openFaltering(scene.url, Number.POSITIVE_INFINITY);
    const call = clientOf(scene.key, `${down.url}/replicate/v1`).run(chat, { input: { prompt } });
    const error = await refusalOf(call);
    down.close();
    expect(down.askedAtMs).toHaveLength(1);
    expect([error.response.status, error.response.headers.get('retry-after')]).toEqual([503, '1']);
  });
});

describe('records', () => {
  row(
    'predictions.get',
    'input and output of an ended prediction, with links that are new each time',
    async () => {
      const { id } = await client.predictions.create({ model: shapes, input: picture, wait: true });

      const again = await client.predictions.get(id);

      expect(again).toMatchObject({ input: picture, data_removed: false });
      expect((await fetch(again.output[0])).status).toBe(200);
    },
  );

  row(
    'predictions.get',
    'a prediction that expired has failed, so that nobody waits for it for ever',
    async () => {
      const own = clientOf(await scene.tenantWith('expires', { running_jobs_max: 1 }));
      await own.predictions.create({ model: chat, input: slow });
      await scene.newestJob('expires', ({ status }) => status === 'running');
      const headers = { authorization: `Bearer ${own.auth}`, 'content-type': 'application/json' };
      const created = await fetch(`${scene.url}/replicate/v1/models/${chat}/predictions`, {
        method: 'POST',
        headers: { ...headers, 'cancel-after': '1s' },
        body: JSON.stringify({ input: { prompt } }),
      });

      const waiting = own.wait((await created.json()) as Prediction, { interval: 200 });

      await expect(waiting).rejects.toThrow('did not start before its deadline');
      const [, first] = (await own.predictions.list()).results;
      await own.predictions.cancel(first?.id ?? '');
    },
  );
});

describe('docs/compatibility/replicate-npm.md', () => {
  it('is the table of what passed just now', async () => {
    await expectTable('replicate-npm', `replicate (npm) ${project.devDependencies.replicate}`, passed);
  });
});
