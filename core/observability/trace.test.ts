import { describe, expect, it } from 'vitest';
import { sampledTraceIdOf, traceIdOf, traceparentOf, traceparentWithin, xrayIdOf } from './trace.ts';

const own = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const xray = 'Root=1-58406520-a006649127e371903a2de979;Parent=53995c3f42cd8ad8;Sampled=1';
const form = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

const of = (headers: Record<string, string>, requestId = 'req_1') =>
  traceparentOf(new Map(Object.entries(headers)), requestId);

describe('a trace that is recorded', () => {
  it('is one whose lowest flag says so', () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

    expect(sampledTraceIdOf(own)).toBe(traceId);
    expect(sampledTraceIdOf(own.replace(/01$/, 'ff'))).toBe(traceId);
    for (const flags of ['00', '02', 'fe']) expect(sampledTraceIdOf(own.replace(/01$/, flags))).toBeNull();
    expect(sampledTraceIdOf(null)).toBeNull();
  });
});

describe('the trace of a request', () => {
  it("goes on with its caller's, under a span of its own", () => {
    const traceparent = of({ traceparent: own, 'x-amzn-trace-id': xray });

    expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(traceparent).not.toBe(own);
  });

  it("is X-Ray's where the caller has none, in the same digits", () => {
    expect(of({ 'x-amzn-trace-id': xray })).toMatch(/^00-58406520a006649127e371903a2de979-[0-9a-f]{16}-01$/);
    expect(of({ 'x-amzn-trace-id': 'Root=1-58406520-a006649127e371903a2de979' })).toMatch(/-00$/);
    expect(xrayIdOf(new Map([['x-amzn-trace-id', xray]]))).toBe('1-58406520-a006649127e371903a2de979');
  });

  it('begins with the request where neither says one, and is another for another request', () => {
    expect(of({})).toMatch(form);
    expect(of({})).toBe(of({}));
    expect(of({})).not.toBe(of({}, 'req_2'));
  });

  it.each([
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
    `${own}-more`,
    `${own}\n{"event":"forged"}`,
    'Root=1-58406520-a006649127e371903a2de979',
    '',
  ])('is not what a header says that is no traceparent: %j', (traceparent) => {
    expect(of({ traceparent })).toBe(of({}));
    expect(of({ 'x-amzn-trace-id': traceparent.replace('Root=1', 'Root=2') })).toBe(of({}));
  });

  it('takes a later version, whatever it adds', () => {
    expect(traceIdOf(of({ traceparent: `01${own.slice(2)}-more` }))).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });

  it('holds each of its parts under a span of that part, the same whenever it is looked at', () => {
    const parts = ['line 1', 'line 2', 'line 1'].map((part) => traceparentWithin(own, part));

    expect(parts.map(traceIdOf)).toEqual(Array(3).fill('4bf92f3577b34da6a3ce929d0e0e4736'));
    for (const part of parts) expect(part).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(new Set([own, ...parts]).size).toBe(3);
    expect(parts[2]).toBe(parts[0]);
  });

  it('is found by its 32 digits, and by nothing where there is none', () => {
    expect(traceIdOf(own)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(traceIdOf(null)).toBeNull();
    expect(xrayIdOf(new Map())).toBeNull();
  });
});
