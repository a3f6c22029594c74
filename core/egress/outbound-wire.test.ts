import { expect, it } from 'vitest';
import type { OutboundAnswer, OutboundRequest } from './outbound.ts';
import { readAnswer, readRequest, writeAnswer, writeRequest } from './outbound-wire.ts';

const asked: OutboundRequest = {
  method: 'POST',
  url: 'https://example.com/',
  headers: { accept: 'image/png' },
  timeoutMs: 1_000,
  answerBytesMax: 10,
};

it.each([asked, { ...asked, body: new Uint8Array([1, 2, 255]) }])(
  'reads a request as it was written',
  (request) => {
    expect(readRequest(JSON.parse(writeRequest(request)))).toEqual(request);
  },
);

it.each<OutboundAnswer>([
  { kind: 'answered', status: 404, headers: { a: 'b' }, body: new Uint8Array([0, 254]), truncated: true },
  { kind: 'refused', rule: 'address_private', detail: 'why' },
  { kind: 'failed', reason: 'timeout', detail: 'why' },
])('reads an answer as it was written: $kind', (answer) => {
  expect(readAnswer(JSON.stringify(writeAnswer(answer)))).toEqual(answer);
});

it('reads nothing else', () => {
  expect(() => readRequest({ ...asked, method: 'DELETE' })).toThrow();
  expect(() => readAnswer('{"kind":"refused","rule":"no_such_rule","detail":""}')).toThrow();
});
