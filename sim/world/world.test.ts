import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gapsIn } from './coverage.ts';
import { mutants } from './mutants.ts';
import { runWorlds } from './parallel.ts';
import { runSeed } from './run.ts';
import { addRun, emptyTally } from './tally.ts';

const root = dirname(dirname(import.meta.dirname));

async function traceOf(seed: number): Promise<string[]> {
  const lines: string[] = [];
  await runSeed(seed, { trace: (line) => lines.push(line) });
  return lines;
}

describe('simulated worlds', () => {
  it('keep every promise, whatever fails', { timeout: 120_000 }, async () => {
    const tally = emptyTally();

    for (let seed = 1; seed <= 200; seed += 1) addRun(tally, await runSeed(seed));

    expect(tally.broken).toEqual([]);
    expect(tally.operations).toBeGreaterThanOrEqual(200 * 30);
    expect(tally.jobs).toBeGreaterThan(1_000);
  });

  it('go the same way again for the same seed, and another way for another', async () => {
    const first = await traceOf(7);

    expect(first.length).toBeGreaterThan(100);
    expect(await traceOf(7)).toEqual(first);
    expect(await traceOf(8)).not.toEqual(first);
  });
});

describe('planted bugs', () => {
  it.each(mutants)('$name: $mistake', ({ file, find, replace }) => {
    const source = readFileSync(join(root, file), 'utf8');

    expect(source.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  it.each(['no-place-condition', 'settle-in-other-order', 'two-jobs-for-one-key', 'prompt-in-the-log'])(
    'are found: %s',
    { timeout: 120_000 },
    async (mutant) => {
      const ask = { seed: 1, runs: 200, without: [], processes: 1, mutant };

      const { broken } = await runWorlds(ask, { stopAtFirst: true });

      expect(broken.length).toBeGreaterThan(0);
    },
  );
});

describe('coverage', () => {
  it('names what could have failed and never did, and asks no read to be applied unseen', () => {
    const gaps = gapsIn({
      sites: ['jobs.get', 'jobs.create'],
      hits: { 'jobs.get slow': 1, 'jobs.get throttled': 1, 'jobs.get failed': 1, 'jobs.create slow': 1 },
    });

    expect(gaps).toContain('jobs.get crash_before');
    expect(gaps).not.toContain('jobs.get applied_failed');
    expect(gaps).toContain('jobs.create applied_failed');
    expect(gaps).not.toContain('jobs.create slow');
  });
});
