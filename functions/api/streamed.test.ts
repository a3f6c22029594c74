import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { eventOf } from './api-scene.ts';
import { goneOf } from './client-gone.ts';
import { EventStream } from './event-stream.ts';
import type { ApiHandler } from './handler.ts';
import { streamingEntry } from './lambda-runtime.ts';
import type { AnswerHead, BeginAnswer } from './streamed.ts';
import { streamed } from './streamed.ts';

const context = () => ({}) as Context;
const get = eventOf('GET', '/', {}, null);

/** As the runtime does: the head goes out with the first write. */
function runtime() {
  const heads: AnswerHead[] = [];
  const begin: BeginAnswer = (responseStream, head) => {
    heads.push(head);
    return responseStream;
  };
  return { heads, begin };
}

async function textOf(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

/** A source that counts what it was asked for, and whether it was let go. */
function sourceOf(texts: number) {
  const seen = { asked: 0, isStopped: false, ends: 0 };
  async function* lines() {
    try {
      for (let index = 0; index < texts; index += 1) {
        seen.asked += 1;
        yield `${index} `;
      }
    } finally {
      seen.isStopped = true;
    }
  }
  const stream = new EventStream(lines(), async () => {
    seen.ends += 1;
  });
  const handler: ApiHandler = async () => ({
    statusCode: 200,
    headers: { 'content-type': 'text/event-stream' },
    body: '',
    stream,
  });
  return { seen, handler };
}

describe('an answer in one piece', () => {
  it('goes out whole, with its length', async () => {
    const { heads, begin } = runtime();
    const out = new PassThrough();
    const handler: ApiHandler = async () => ({ statusCode: 202, headers: { a: 'b', n: 1 }, body: '灯台' });

    await streamed(handler, begin)(get, out, context());

    expect(heads).toEqual([{ statusCode: 202, headers: { a: 'b', n: '1', 'content-length': '6' } }]);
    expect(await textOf(out)).toBe('灯台');
  });

  it('sends a head even where there is no body', async () => {
    const writes: string[] = [];
    const out = new Writable({
      write(chunk: Buffer, _encoding, done) {
        writes.push(chunk.toString());
        done();
      },
    });
    const { heads, begin } = runtime();

    await streamed(async () => ({ statusCode: 304, headers: {}, body: '' }), begin)(get, out, context());
    await once(out, 'finish');

    expect(heads).toEqual([{ statusCode: 304, headers: {} }]);
    expect(writes.join('')).toBe('');
  });

  it('leaves the body of a HEAD out', async () => {
    const { heads, begin } = runtime();
    const out = new PassThrough();
    const handler: ApiHandler = async () => ({ statusCode: 200, body: 'text' });

    await streamed(handler, begin)(eventOf('HEAD', '/', {}, null), out, context());

    expect(heads[0]?.headers).toEqual({ 'content-length': '4' });
    expect(await textOf(out)).toBe('');
  });
});

describe('an answer that comes bit by bit', () => {
  it('goes out as it comes, without a length, and its source is let go once', async () => {
    const { heads, begin } = runtime();
    const { seen, handler } = sourceOf(3);
    const out = new PassThrough();

    await streamed(handler, begin)(get, out, context());

    expect(await textOf(out)).toBe('0 1 2 ');
    expect(heads).toEqual([{ statusCode: 200, headers: { 'content-type': 'text/event-stream' } }]);
    expect(seen).toEqual({ asked: 3, isStopped: true, ends: 1 });
  });

  it('asks its source for no more than the client reads', async () => {
    const { begin } = runtime();
    const { seen, handler } = sourceOf(10_000);
    const out = new PassThrough({ highWaterMark: 64 });

    const done = streamed(handler, begin)(get, out, context());
    for (let turns = 0; turns < 50; turns += 1) await turn();
    const asked = seen.asked;
    const text = await textOf(out);
    await done;

    expect(asked).toBeLessThan(100);
    expect(text.split(' ')).toHaveLength(10_001);
  });

  it('stops when the client hangs up while nothing is read, and lets its source go', async () => {
    const { begin } = runtime();
    const { seen, handler } = sourceOf(10_000);
    const out = new PassThrough({ highWaterMark: 64 });
    const done = streamed(handler, begin)(get, out, context());
    for (let turns = 0; turns < 50; turns += 1) await turn();

    out.destroy();
    await done;

    expect(seen.asked).toBeLessThan(100);
    expect(seen).toMatchObject({ isStopped: true, ends: 1 });
  });

  it('is not begun for a HEAD, nor for a client that has left, and its place is given back', async () => {
    for (const method of ['HEAD', 'GET']) {
      const { heads, begin } = runtime();
      const { seen, handler } = sourceOf(3);
      const out = new PassThrough();
      const leaving: ApiHandler = async (event, ask) => {
        if (method === 'GET') {
          out.destroy();
          await once(out, 'close');
        }
        return handler(event, ask);
      };

      await streamed(leaving, begin)(eventOf(method, '/', {}, null), out, context());

      expect([method, heads.length, seen.asked, seen.ends]).toEqual([
        method,
        method === 'HEAD' ? 1 : 0,
        0,
        1,
      ]);
    }
  });
});

describe('a handler', () => {
  it('is told when its client hangs up while it works', async () => {
    const { begin } = runtime();
    const out = new PassThrough();
    const handler: ApiHandler = async (_event, ask) => {
      const gone = goneOf(ask);
      setImmediate(() => out.destroy());
      await once(gone, 'abort');
      return { statusCode: 200, body: String(gone.aborted) };
    };

    await expect(streamed(handler, begin)(get, out, context())).resolves.toBeUndefined();
  });

  it('that throws is for whoever invoked it', async () => {
    const { heads, begin } = runtime();
    const failing = streamed(() => Promise.reject(new Error('broken wire')), begin);

    await expect(failing(get, new PassThrough(), context())).rejects.toThrow('broken wire');
    expect(heads).toEqual([]);
  });
});

describe('the entry for Lambda’s runtime', () => {
  const handler: ApiHandler = async () => ({ statusCode: 200, headers: { a: 'b' }, body: 'text' });

  it('is none where there is no such runtime, nor where the SDK left an object of its name', () => {
    Reflect.deleteProperty(globalThis, 'awslambda');
    expect(streamingEntry(handler)).toBeNull();
    Reflect.set(globalThis, 'awslambda', {});
    expect(streamingEntry(handler)).toBeNull();
    Reflect.deleteProperty(globalThis, 'awslambda');
  });

  it('is marked for streaming, and writes head and body to the stream that it is given', async () => {
    const marked: unknown[] = [];
    Reflect.set(globalThis, 'awslambda', {
      streamifyResponse: (entry: unknown) => {
        marked.push(entry);
        return entry;
      },
      HttpResponseStream: {
        from(stream: PassThrough, head: AnswerHead) {
          stream.write(JSON.stringify(head));
          return stream;
        },
      },
    });
    const out = new PassThrough();

    const entry = streamingEntry(handler);
    await entry?.(get, out, context());

    expect(marked).toEqual([entry]);
    expect(await textOf(out)).toBe('{"statusCode":200,"headers":{"a":"b","content-length":"4"}}text');
    Reflect.deleteProperty(globalThis, 'awslambda');
  });
});
