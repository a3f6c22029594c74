import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gpuCostUsdMicros, resolutionWeight } from './price.ts';

describe('gpuCostUsdMicros', () => {
  it('is the hourly price for an hour, and nothing for nothing', () => {
    expect(gpuCostUsdMicros(3_600_000, 1_006_000)).toBe(1_006_000);
    expect(gpuCostUsdMicros(0, 1_006_000)).toBe(0);
  });

  it('rounds up once, at the end', () => {
    expect(gpuCostUsdMicros(1, 1)).toBe(1);
    expect(gpuCostUsdMicros(1_000, 3_600)).toBe(1);
    expect(gpuCostUsdMicros(1_001, 3_600)).toBe(2);
  });

  it('is a whole number, never below the exact price and less than one above it', () => {
    const dayMs = 24 * 60 * 60 * 1000;
    const price = fc.integer({ min: 0, max: 100_000_000 });

    fc.assert(
      fc.property(fc.nat({ max: dayMs }), price, (gpuMs, usdMicrosPerGpuHour) => {
        const cost = BigInt(gpuCostUsdMicros(gpuMs, usdMicrosPerGpuHour)) * 3_600_000n;
        const exact = BigInt(gpuMs) * BigInt(usdMicrosPerGpuHour);

        expect(cost >= exact && cost < exact + 3_600_000n).toBe(true);
      }),
    );
  });
});

describe('resolutionWeight', () => {
  it('counts pixels in squares of 512', () => {
    expect(resolutionWeight(512, 512)).toBe(1);
    expect(resolutionWeight(1024, 1024)).toBe(4);
    expect(resolutionWeight(768, 512)).toBe(1.5);
  });
});
