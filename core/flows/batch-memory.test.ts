import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { batchLimits } from '../limits.ts';

const childSchema = z.object({
  lines: z.number(),
  status: z.string(),
  results: z.number(),
  megabytes: z.number(),
  peakRssMb: z.number(),
});

/** What is told to a process that has 256 MB: V8 by itself lets garbage lie as on a machine that has many GB. */
const heapFlags = ['--max-old-space-size=200', '--max-semi-space-size=13'];

it('a batch of as many lines as there may be stays under 256 MB, from its file to its output', {
  timeout: 600_000,
}, async () => {
  const child = new URL('batch.memory-child.ts', import.meta.url).pathname;

  const { stdout } = await promisify(execFile)(process.execPath, [...heapFlags, child]);

  const measured = childSchema.parse(JSON.parse(stdout));
  expect(measured).toMatchObject({ lines: batchLimits.linesMax, status: 'completed' });
  expect(measured.results).toBeGreaterThanOrEqual(batchLimits.linesMax);
  expect(measured.megabytes).toBeGreaterThan(150);
  expect(measured.peakRssMb).toBeLessThan(256);
});
