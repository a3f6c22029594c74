import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { sampleJob, sampleNowMs } from '../samples.ts';
import { attemptSpan, logSpans, spanParts } from './spans.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const recorded = `00-${traceId}-00f067aa0ba902b7-01`;
const job = sampleJob({ traceparent: recorded, attempt: 1, status: 'succeeded' });
const workerId = 'worker_1';
const at = (second: number) => sampleNowMs + second * 1_000;
const marks = { wait: at(0), claim: at(5), lane: at(6), load: at(8), run: at(20), store: at(24) };

describe('the span of an attempt', () => {
  it('has a part for each thing that it went through, each until the next began', () => {
    const span = attemptSpan(job, { workerId, marks }, at(25));

    expect(span).toMatchObject({ traceId, fromMs: at(0), toMs: at(25), outcome: 'succeeded' });
    expect(span?.parts.map(({ name, fromMs, toMs }) => `${name} ${(toMs - fromMs) / 1_000}`)).toEqual([
      'wait 5',
      'claim 1',
      'lane 2',
      'load 12',
      'run 4',
      'store 1',
    ]);
  });

  it('leaves out what never began', () => {
    const span = attemptSpan(job, { workerId, marks: { claim: at(5), lane: at(6) } }, at(25));

    expect(span?.fromMs).toBe(at(5));
    expect(span?.parts.map(({ name }) => name)).toEqual(['claim', 'lane']);
  });

  it.each([
    ['whose trace nobody records', `00-${traceId}-00f067aa0ba902b7-00`],
    ['without a trace', null],
  ])('is none of a job %s', (_, traceparent) => {
    expect(attemptSpan({ ...job, traceparent }, { workerId, marks }, at(25))).toBeNull();
  });

  it.each([
    ['queued', 'returned'],
    ['failed', 'failed'],
    ['canceled', 'canceled'],
  ] as const)('of a job that is %s by then says %s', (status, outcome) => {
    expect(attemptSpan({ ...job, status }, { workerId, marks }, at(25))?.outcome).toBe(outcome);
  });

  it('is the same when it is told again, and another for another attempt', () => {
    const again = attemptSpan(job, { workerId, marks }, at(25));

    expect(attemptSpan(job, { workerId, marks }, at(25))).toEqual(again);
    expect(attemptSpan({ ...job, attempt: 2 }, { workerId, marks }, at(25))?.spanId).not.toBe(again?.spanId);
  });

  it('holds ids and times, and nothing that a tenant sent or got', () => {
    const told = { ...job, input: { prompt: 'secret words' }, metadata: { note: 'secret words' } };
    const span = attemptSpan(told, { workerId, marks, batchId: 'batch_1', batchSize: 2 }, at(25));

    expect(JSON.stringify(span)).not.toContain('secret');
    expect(Object.keys(span?.ids ?? {}).toSorted()).toEqual(
      ['attempt', 'batchId', 'batchSize', 'jobId', 'model', 'pool', 'tenantId', 'workerId'].toSorted(),
    );
  });

  it('fits its parts together whatever the clocks say', () => {
    const moment = fc.option(fc.integer({ min: -100, max: 100 }), { nil: undefined });
    const anyMarks = fc.record(Object.fromEntries(spanParts.map((name) => [name, moment])));
    fc.assert(
      fc.property(anyMarks, fc.integer({ min: -100, max: 100 }), (moments, toMs) => {
        const span = attemptSpan(job, { workerId, marks: moments }, toMs);
        if (span === null) throw new Error('the trace is recorded');

        const edges = [
          span.fromMs,
          ...span.parts.flatMap(({ fromMs, toMs: endMs }) => [fromMs, endMs]),
          span.toMs,
        ];
        expect(edges).toEqual(edges.toSorted((left, right) => left - right));
        const ids = [span, ...span.parts].map(({ spanId }) => spanId);
        expect(ids.filter((id) => !/^[0-9a-f]{16}$/.test(id))).toEqual([]);
        expect(new Set(ids).size).toBe(ids.length);
        expect(span.parts).toHaveLength(Object.values(moments).filter((each) => each !== undefined).length);
      }),
    );
  });
});

describe('spans as lines', () => {
  it('say what each part took', () => {
    const log = createRecordingLog();
    const span = attemptSpan(job, { workerId, marks }, at(25));
    if (span !== null) logSpans(log).tell(span);

    expect(log.lines).toMatchObject([
      {
        event: 'attempt.span',
        fields: { traceId, jobId: job.jobId, ms: 25_000, waitMs: 5_000, loadMs: 12_000, runMs: 4_000 },
      },
    ]);
  });
});
