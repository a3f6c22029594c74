import { describe, expect, it } from 'vitest';
import type { Run } from './shrink.ts';
import { shrink } from './shrink.ts';

describe('shrinking', () => {
  it('keeps as few operations and kinds of trouble as the failure needs, and its last words', async () => {
    const run: Run = async (_seed, { operations = 32, without = [] }) => {
      const fails = operations >= 5 && !without.includes('holds') && !without.includes('late');
      return { violations: fails ? [`broken with ${operations}`] : [] };
    };

    const shrunk = await shrink(3, {}, run);

    expect(shrunk).toMatchObject({ seed: 3, operations: 5, violations: ['broken with 5'] });
    expect(shrunk?.without).not.toContain('holds');
    expect(shrunk?.without).not.toContain('late');
    expect(shrunk?.without).toEqual(
      expect.arrayContaining(['kills', 'drains', 'twice', 'failed', 'crash_after']),
    );
  });

  it('has nothing to do for a world that keeps its promises', async () => {
    expect(await shrink(1)).toBeNull();
  });
});
