import { describe, expect, it } from 'vitest';
import { metrics, samplesOf, tellAll } from './metrics.ts';
import { createMetricsInMemory } from './prometheus.ts';

describe('the table of metrics', () => {
  const rows = Object.entries(metrics);

  it('tells nothing apart by tenant, key, job or worker: each would be a series of its own', () => {
    const dimensions = new Set(rows.flatMap(([, { dimensions: own }]) => own as readonly string[]));

    expect([...dimensions].toSorted()).toEqual(['class', 'code', 'outcome', 'pool', 'repair', 'status']);
  });

  it('has names that CloudWatch and Prometheus both take, with the unit at their end', () => {
    for (const [name, { unit }] of rows) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      const ending = { Seconds: 'seconds', Percent: 'percent', Bytes: 'bytes', Count: '' }[unit];
      const said = /_(seconds|percent|bytes)$/.exec(name)?.[1] ?? '';
      expect(said, name).toBe(ending);
      expect(name).not.toMatch(/_(total|bucket|sum|count)$/);
    }
  });

  it('has bounds that grow for everything that is spread', () => {
    for (const [name, row] of rows) {
      if (row.kind !== 'histogram') continue;
      expect(
        row.buckets.toSorted((left, right) => left - right),
        name,
      ).toEqual(row.buckets);
    }
  });
});

describe('an event', () => {
  it('comes to one sample for each value that was told, under the labels of its own row', () => {
    const values = { jobs_ended: 1, gpu_seconds: 2.5, jobs_failed: undefined };

    expect(samplesOf(values, { pool: 'demo', status: 'succeeded', code: '', tenant: 'acme' })).toEqual([
      {
        name: 'jobs_ended',
        value: 1,
        labels: [
          ['pool', 'demo'],
          ['status', 'succeeded'],
        ],
      },
      { name: 'gpu_seconds', value: 2.5, labels: [['pool', 'demo']] },
    ]);
  });

  it('reaches everybody who is to be told', () => {
    const both = [createMetricsInMemory(), createMetricsInMemory()];

    tellAll(both).tell('pool.lit', { wake_seconds: 3 }, { pool: 'demo' });

    for (const each of both) expect(each.text()).toContain('pilotlight_wake_seconds_sum{pool="demo"} 3');
  });
});
