import { describe, expect, it } from 'vitest';
import { gateLimits } from '../limits.ts';
import { sampleNowMs } from '../samples.ts';
import { forgettableTraces, secondOf, traceOf } from './traces.ts';

const { traceKeptMs, tracesMax } = gateLimits;

describe('a trace', () => {
  it('is the same for one name and token, and another for any other two', () => {
    const traces = [
      traceOf('a', 'bc'),
      traceOf('a', 'bc'),
      traceOf('ab', 'c'),
      traceOf('a', 'bd'),
      traceOf('b', 'bc'),
    ];

    expect(new Set(traces).size).toBe(4);
    expect(traces[0]).toBe(traces[1]);
  });

  it('is forgotten once no copy comes any more, and not before', () => {
    const second = secondOf(sampleNowMs);
    const traces = { one: second };

    expect(forgettableTraces(traces, second * 1000 + traceKeptMs - 1)).toEqual([]);
    expect(forgettableTraces(traces, second * 1000 + traceKeptMs)).toEqual(['one']);
  });

  it('is forgotten when it comes from a clock that was far ahead', () => {
    expect(forgettableTraces({ one: secondOf(sampleNowMs + 2 * traceKeptMs) }, sampleNowMs)).toEqual(['one']);
  });

  it('is forgotten before its time where there are too many, the oldest first', () => {
    const second = secondOf(sampleNowMs);
    const many = Array.from({ length: tracesMax + 2 }, (_, index) => [`t${index}`, second - index] as const);

    expect(forgettableTraces(Object.fromEntries(many), sampleNowMs)).toEqual([
      `t${tracesMax}`,
      `t${tracesMax + 1}`,
    ]);
  });
});
