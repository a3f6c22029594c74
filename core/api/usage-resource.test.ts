import { describe, expect, it } from 'vitest';
import { sampleNowMs } from '../samples.ts';
import {
  presentUsage,
  usageCsv,
  usageGroupBy,
  usageQuerySchema,
  usageSchema,
  usageSpan,
} from './usage-resource.ts';

const sums = {
  jobs: 1,
  images: 2,
  weightedImages: 0.5,
  inputTokens: 11,
  outputTokens: 12,
  gpuMs: 3,
  storageByteHours: 4,
  usdMicros: -5,
  sharedUsdMicros: 0,
  warmupUsdMicros: 0,
};

describe('usageSpan', () => {
  it('is this month with the whole of today when nothing is said', () => {
    expect(usageSpan({}, sampleNowMs)).toEqual({ fromMs: Date.UTC(2030, 2, 1), toMs: Date.UTC(2030, 2, 18) });
  });

  it('takes a last day whole and a last time as the end', () => {
    expect(usageSpan({ from: '2030-03-01', to: '2030-03-31' }, 0)).toEqual({
      fromMs: Date.UTC(2030, 2, 1),
      toMs: Date.UTC(2030, 3, 1),
    });
    expect(usageSpan({ to: '2030-03-31T08:00:00Z' }, 0)).toEqual({
      fromMs: Date.UTC(2030, 2, 1),
      toMs: Date.UTC(2030, 2, 31, 8),
    });
    expect(usageSpan({ to: '2030-02-28' }, sampleNowMs).fromMs).toBe(Date.UTC(2030, 1, 1));
  });
});

describe('the question', () => {
  it.each(['yesterday', '2030-02-30', '2030-3-1', '17', ''])('does not take %j for a time', (from) => {
    expect(usageQuerySchema.safeParse({ from }).success).toBe(false);
  });

  it.each(['', 'day,', 'week', 'day;model', 'day model'])('does not group by %j', (group_by) => {
    expect(usageQuerySchema.safeParse({ group_by }).success).toBe(false);
  });

  it('groups by each column once, in the order of the columns', () => {
    expect(usageGroupBy('tag,day,tag')).toEqual(['day', 'tag']);
  });
});

describe('CSV', () => {
  it('has a header, quotes what needs it, and hands no formula to a spreadsheet', () => {
    const tags = ['plain', 'a,"b"', '=1+1', null];
    const rows = tags.map((tag) => ({ group: { day: '2030-03-17', tag }, ...sums }));

    const csv = usageCsv(presentUsage({ rows, total: sums }), ['day', 'tag']);

    expect(csv.split('\r\n')).toEqual([
      'day,tag,jobs,images,weighted_images,input_tokens,output_tokens,gpu_ms,storage_byte_hours,cost_usd_micros,shared_usd_micros,warmup_usd_micros',
      '2030-03-17,plain,1,2,0.5,11,12,3,4,-5,0,0',
      '2030-03-17,"a,""b""",1,2,0.5,11,12,3,4,-5,0,0',
      "2030-03-17,'=1+1,1,2,0.5,11,12,3,4,-5,0,0",
      '2030-03-17,,1,2,0.5,11,12,3,4,-5,0,0',
      '',
    ]);
  });
});

describe('the resource', () => {
  it('fits its schema', () => {
    const rows = [{ group: { key: 'key00001', model: 'm' }, ...sums }];

    expect(usageSchema.safeParse(presentUsage({ rows, total: sums })).success).toBe(true);
  });
});
