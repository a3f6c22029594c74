import { describe, expect, it } from 'vitest';
import { usageTable } from './usage-view.ts';

const sums = {
  jobs: 3,
  images: 4,
  weighted_images: 2.5,
  input_tokens: 0,
  output_tokens: 0,
  gpu_ms: 1_250,
  storage_byte_hours: 9,
  cost_usd_micros: 1_250,
  shared_usd_micros: 0,
  warmup_usd_micros: 0,
};

describe('a usage table', () => {
  it('has a row per group and the total below', () => {
    const usage = {
      object: 'list' as const,
      data: [{ group: { day: '2030-03-17', tag: null }, ...sums }],
      total: sums,
    };

    expect(usageTable(usage, ['day', 'tag'])).toBe(
      [
        'DAY         TAG  JOBS  IMAGES  WEIGHTED  GPU    BYTE-HOURS  COST',
        '2030-03-17  -    3     4       2.5       1.3 s  9 B         $0.00125',
        'total            3     4       2.5       1.3 s  9 B         $0.00125',
      ].join('\n'),
    );
  });

  it('shows what warm-ups cost where there were any', () => {
    const warm = { ...sums, warmup_usd_micros: 1_000 };
    const usage = { object: 'list' as const, data: [{ group: { key: 'k' }, ...warm }], total: warm };

    expect(usageTable(usage, ['key'])).toBe(
      [
        'KEY    JOBS  IMAGES  WEIGHTED  GPU    BYTE-HOURS  COST      WARM-UPS',
        'k      3     4       2.5       1.3 s  9 B         $0.00125  $0.001',
        'total  3     4       2.5       1.3 s  9 B         $0.00125  $0.001',
      ].join('\n'),
    );
  });

  it('shows shares of cold starts and idle time where there are any', () => {
    const share = { ...sums, jobs: 0, images: 0, weighted_images: 0, gpu_ms: 0, shared_usd_micros: 1_250 };
    const usage = {
      object: 'list' as const,
      data: [{ group: { model: null }, ...share }],
      total: share,
    };

    expect(usageTable(usage, ['model'])).toBe(
      [
        'MODEL  JOBS  IMAGES  WEIGHTED  GPU   BYTE-HOURS  COST      SHARED',
        '-      0     0       0         0 ms  9 B         $0.00125  $0.00125',
        'total  0     0       0         0 ms  9 B         $0.00125  $0.00125',
      ].join('\n'),
    );
  });
});
