import { describe, expect, it } from 'vitest';
import { createSeededIds } from './seeded-ids.ts';

describe('seeded ids', () => {
  it('have the form of real ones', () => {
    const ids = createSeededIds(1);

    expect(ids.next('job')).toMatch(/^job_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(ids.nonce()).toMatch(/^[0-9a-hjkmnp-tv-z]{8}$/);
  });

  it('come out alike for one seed and otherwise for another', () => {
    const draw = (seed: number) => {
      const ids = createSeededIds(seed);
      return [ids.next('job'), ids.nonce(), ids.next('worker')];
    };

    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('do not repeat over a hundred thousand draws', () => {
    const ids = createSeededIds(1);
    const drawn = new Set(Array.from({ length: 100_000 }, () => ids.next('job')));

    expect(drawn.size).toBe(100_000);
  });
});
