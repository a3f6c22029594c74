import { describe, expect, it } from 'vitest';
import { createMetricsInMemory } from './prometheus.ts';

describe('metrics in memory', () => {
  it('add up what is counted, and keep the last of what stands', () => {
    const numbers = createMetricsInMemory();
    for (const workers of [1, 4, 2]) {
      numbers.tell('fleet.seen', { workers_desired: workers }, { pool: 'demo' });
      numbers.tell('fleet.boot_failed', { boots_failed: workers }, { pool: 'demo' });
    }

    expect(numbers.text()).toBe(`# HELP pilotlight_workers_desired Workers that the scaler asked for
# TYPE pilotlight_workers_desired gauge
pilotlight_workers_desired{pool="demo"} 2
# HELP pilotlight_boots_failed_total Machines or workers that were asked for and did not come up
# TYPE pilotlight_boots_failed_total counter
pilotlight_boots_failed_total{pool="demo"} 7
`);
  });

  it('spread values over bounds that hold all below them, and end at infinity', () => {
    const numbers = createMetricsInMemory();
    for (const size of [1, 3, 100]) numbers.tell('batch.begun', { batch_size: size }, { pool: 'demo' });

    expect(numbers.text().split('\n').slice(2)).toEqual([
      'pilotlight_batch_size_bucket{pool="demo",le="1"} 1',
      'pilotlight_batch_size_bucket{pool="demo",le="2"} 1',
      'pilotlight_batch_size_bucket{pool="demo",le="4"} 2',
      'pilotlight_batch_size_bucket{pool="demo",le="8"} 2',
      'pilotlight_batch_size_bucket{pool="demo",le="16"} 2',
      'pilotlight_batch_size_bucket{pool="demo",le="32"} 2',
      'pilotlight_batch_size_bucket{pool="demo",le="64"} 2',
      'pilotlight_batch_size_bucket{pool="demo",le="+Inf"} 3',
      'pilotlight_batch_size_sum{pool="demo"} 104',
      'pilotlight_batch_size_count{pool="demo"} 3',
      '',
    ]);
  });

  it('keep series apart by their labels, and escape what a label says', () => {
    const numbers = createMetricsInMemory();
    for (const pool of ['demo', 'a"b\\c\nd', 'demo']) {
      numbers.tell('model.not_loaded', { model_loads_failed: 1 }, { pool });
    }

    expect(numbers.text().split('\n').slice(2, -1)).toEqual([
      'pilotlight_model_loads_failed_total{pool="demo"} 2',
      'pilotlight_model_loads_failed_total{pool="a\\"b\\\\c\\nd"} 1',
    ]);
  });

  it('say nothing of what nobody told', () => {
    expect(createMetricsInMemory().text()).toBe('');
  });
});
