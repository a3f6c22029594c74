import { describe, expect, it } from 'vitest';
import { protocolLimits } from '#core/limits.ts';
import { createFrameReader, encodeFrame } from './framing.ts';
import { workerMessageSchema } from './messages.ts';

const ping = (sequence: number) => ({ type: 'ping', sequence }) as const;

describe('a frame reader', () => {
  it('returns a message only once its newline is there', () => {
    const read = createFrameReader(workerMessageSchema);
    const bytes = encodeFrame(ping(1));

    const early = read(bytes.subarray(0, -1));
    const late = read(bytes.subarray(-1));

    expect(early).toEqual([]);
    expect(late).toEqual([{ kind: 'message', message: ping(1) }]);
  });

  it('keeps its own copy of an unfinished frame', () => {
    const read = createFrameReader(workerMessageSchema);
    const bytes = encodeFrame(ping(1));
    const reused = Buffer.from(bytes.subarray(0, 10));

    read(reused);
    reused.fill(0);

    expect(read(bytes.subarray(10))).toEqual([{ kind: 'message', message: ping(1) }]);
  });

  it('keeps the messages before a fault and reads nothing after it', () => {
    const read = createFrameReader(workerMessageSchema);

    const frames = read(
      Buffer.concat([encodeFrame(ping(1)), Buffer.from('nonsense\n'), encodeFrame(ping(2))]),
    );

    expect(frames).toMatchObject([{ kind: 'message' }, { kind: 'fault', fault: { kind: 'broken' } }]);
    expect(read(encodeFrame(ping(3)))).toEqual([]);
  });

  it('faults as soon as the limit is passed, without waiting for a newline', () => {
    const read = createFrameReader(workerMessageSchema, 32);

    read(Buffer.alloc(32, 0x20));
    const frames = read(Buffer.from(' '));

    expect(frames).toMatchObject([{ kind: 'fault', fault: { kind: 'oversize' } }]);
  });

  it('takes a frame of exactly the limit', () => {
    const bytes = encodeFrame(ping(1));
    const read = createFrameReader(workerMessageSchema, bytes.byteLength - 1);

    expect(read(bytes)).toMatchObject([{ kind: 'message' }]);
  });

  it('refuses bytes that are not UTF-8', () => {
    const read = createFrameReader(workerMessageSchema);

    const frames = read(Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a]));

    expect(frames).toMatchObject([{ kind: 'fault', fault: { kind: 'broken' } }]);
  });

  it('faults instead of overflowing the stack on a deeply nested value', () => {
    const read = createFrameReader(workerMessageSchema);
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const item = `{"id":"a","params":{"deep":${deep}},"deadlineMs":null}`;

    const frames = read(
      Buffer.from(
        `{"type":"run","batchId":"b","model":"m","revision":"1","scratchDir":"/s","items":[${item}],"adapters":[]}\n`,
      ),
    );

    expect(frames).toMatchObject([{ kind: 'fault' }]);
  });

  it('never repeats a value in the text of a fault', () => {
    const read = createFrameReader(workerMessageSchema);

    const frames = read(encodeFrame({ type: 'cancel', id: 7, prompt: 'my secret' }));

    expect(JSON.stringify(frames)).not.toContain('secret');
  });
});

describe('encodeFrame', () => {
  it('throws for a message that nobody would read', () => {
    const message = { type: 'cancel', id: 'x'.repeat(protocolLimits.frameBytesMax) };

    expect(() => encodeFrame(message)).toThrow(RangeError);
  });
});
