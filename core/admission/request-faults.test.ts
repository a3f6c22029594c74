import { describe, expect, it } from 'vitest';
import type { Work } from '../models/manifest.ts';
import { sampleNowMs } from '../samples.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { planAdmission } from './gate.ts';
import { faultsOfRequest } from './request-faults.ts';

const wide: PlanLimits = { weight: 1, open_jobs_max: 5 };
const sample: Work = {
  images: 2,
  steps: 8,
  pixels: 262_144,
  weightedImages: 2,
  tokens: { tokens: 30, written: 20, path: 'input.max_tokens' },
  predictedGpuMs: 1_500,
  memoryMb: 8_000,
  memoryMbMin: 4_000,
  residentMb: 17_500,
  roomMb: null,
  batchKey: 'b',
};

describe('the faults of a request', () => {
  it('are none under a plan without limits, and none where it fills them', () => {
    expect(faultsUnder({})).toEqual([]);
    expect(
      faultsUnder({ steps_max: 8, pixels_max: 262_144, images_per_request_max: 2, images_per_minute: 2 }),
    ).toEqual([]);
    expect(faultsUnder({ gpu_memory_gb: 8 })).toEqual([]);
    expect(faultsUnder({ gpu_memory_gb: 25.5, isolation: 'process' })).toEqual([]);
  });

  it.each<[Partial<PlanLimits>, string, string]>([
    [{ steps_max: 7 }, 'input.steps', 'the plan allows 7 at most, this asks for 8'],
    [{ pixels_max: 65_536 }, 'input.size', 'the plan allows 65536 at most, this asks for 262144'],
    [{ images_per_request_max: 1 }, 'input.n', 'the plan allows 1 at most, this asks for 2'],
    [{ images_per_minute: 1 }, 'input.n', 'the limit images_per_minute is 1, this alone asks for 2'],
    [
      { tokens_per_minute: 29 },
      'input.max_tokens',
      'the limit tokens_per_minute is 29, this alone asks for 30',
    ],
    [{ gpu_memory_gb: 7.5 }, 'input.n', 'the limit gpu_memory_gb is 7.5, this alone takes 8 GB'],
    [{ gpu_memory_gb: 3 }, 'input.size', 'the limit gpu_memory_gb is 3, this alone takes 8 GB'],
    [
      { gpu_memory_gb: 22, isolation: 'process' },
      'input.n',
      'the limit gpu_memory_gb is 22, this alone takes 25.5 GB',
    ],
    [
      { gpu_memory_gb: 10, isolation: 'process' },
      'model',
      'the limit gpu_memory_gb is 10, this alone takes 25.5 GB',
    ],
    [{ gpu_seconds_per_month: 1 }, 'input', 'the limit gpu_seconds_per_month is 1, this alone asks for 2'],
  ])('under %j name the field', (limits, path, message) => {
    expect(faultsUnder(limits)).toEqual([{ path, message }]);
  });

  it.each([
    [8_000, null],
    [7_999, 'input.n'],
    [3_999, 'input.size'],
    [-100, 'model'],
  ])('tell what passes the card that the model is meant for: %d MB beside the weights', (roomMb, path) => {
    const faults = faultsUnder({}, { ...sample, roomMb });

    expect(faults.map((fault) => fault.path)).toEqual(path === null ? [] : [path]);
  });

  it('name the size where a single picture with what a call takes once is too much already', () => {
    const parted = { ...sample, memoryMbMin: 7_000 };

    expect(faultsUnder({ gpu_memory_gb: 5 }, parted)).toMatchObject([{ path: 'input.size' }]);
  });

  it('leave a budget to the gate, whose answer says what is spent', () => {
    expect(faultsUnder({ budget_usd_micros_per_month: 1 })).toEqual([]);
  });
});

function faultsUnder(limits: Partial<PlanLimits>, work = sample) {
  const demand = { jobId: 'job_a', nonce: '0', line: 'demo', tagCost: 1 };
  const { weightedImages: images, predictedGpuMs: gpuMs, tokens: asks } = work;
  const asked = { images, gpuMs, tokens: asks.tokens, storesFiles: true, reservedUsdMicros: 400 };
  const bounds = { ...wide, ...limits };
  return faultsOfRequest(bounds, work, planAdmission(bounds, { ...demand, ...asked }, sampleNowMs));
}
