import { describe, expect, it } from 'vitest';
import { createMetricsInMemory } from '#core/observability/prometheus.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createEmfMetrics, createEmfReader } from './emf-metrics.ts';

const clock = createManualClock(1_900_000_000_000);

function told() {
  const lines: string[] = [];
  const metrics = createEmfMetrics({ clock, deployment: 'demo-eu', write: (line) => lines.push(line) });
  metrics.tell(
    'job.ended',
    { jobs_ended: 1, gpu_seconds: 2.5, jobs_failed: undefined },
    { pool: 'shapes', status: 'succeeded', code: '' },
    { tenantId: 'acme', jobId: 'job_1', event: 'forged', pool: 'forged' },
  );
  return lines;
}

describe('a line of metrics', () => {
  it('is the one that CloudWatch makes metrics of: a directive for each set of dimensions', () => {
    const [line = ''] = told();

    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toEqual({
      time: '2030-03-17T17:46:40.000Z',
      level: 'info',
      event: 'job.ended',
      tenantId: 'acme',
      jobId: 'job_1',
      pool: 'shapes',
      status: 'succeeded',
      jobs_ended: 1,
      gpu_seconds: 2.5,
      _aws: {
        Timestamp: 1_900_000_000_000,
        CloudWatchMetrics: [
          {
            Namespace: 'Pilotlight/demo-eu',
            Dimensions: [['pool', 'status']],
            Metrics: [{ Name: 'jobs_ended', Unit: 'Count' }],
          },
          {
            Namespace: 'Pilotlight/demo-eu',
            Dimensions: [['pool']],
            Metrics: [{ Name: 'gpu_seconds', Unit: 'Seconds' }],
          },
        ],
      },
    });
  });

  it('has for every name in its directives a value at its root, as the format asks', () => {
    const line = JSON.parse(told()[0] ?? '');

    for (const { Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
      for (const { Name } of Metrics) expect(typeof line[Name]).toBe('number');
      for (const label of Dimensions.flat()) expect(typeof line[label]).toBe('string');
    }
  });
});

describe('a reader of such lines', () => {
  it('tells what was written, however the text is cut up, and passes over everything else', () => {
    const numbers = createMetricsInMemory();
    const read = createEmfReader(numbers);
    const text = `{"event":"worker.draining"}\nno JSON "_aws"\n{"_aws":1}\n${told()[0]}rest`;

    for (const piece of text.match(/.{1,7}/gs) ?? []) read(piece);

    const samples = numbers
      .text()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples).toEqual([
      'pilotlight_jobs_ended_total{pool="shapes",status="succeeded"} 1',
      'pilotlight_gpu_seconds_total{pool="shapes"} 2.5',
    ]);
  });

  it('takes no metric that the table does not have', () => {
    const numbers = createMetricsInMemory();
    const foreign = {
      event: 'x',
      Latency: 3,
      _aws: { CloudWatchMetrics: [{ Metrics: [{ Name: 'Latency' }] }] },
    };

    createEmfReader(numbers)(`${JSON.stringify(foreign)}\n`);

    expect(numbers.text()).toBe('');
  });
});
