import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alarms } from '../../cdk/alarms.ts';

const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');

describe('the runbook', () => {
  it('has a heading for every alarm, and none that no alarm names', () => {
    const headings = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);

    expect(headings.toSorted()).toEqual(
      Object.values(alarms)
        .map(({ heading }) => heading)
        .toSorted(),
    );
  });

  it('says what to do about everything that is to be watched: queues, dead letters, throttles, failed wakes, cost', () => {
    const watched = new Set(Object.values(alarms).flatMap(({ watches }) => watches as readonly string[]));

    expect([...watched].toSorted()).toEqual([
      'answers',
      'cost',
      'dead letters',
      'invocations',
      'queue',
      'throttles',
      'wakes',
    ]);
  });
});
