/** A fuzz target that fuzzes nothing must not pass, and none may go untold. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { budgetsIn, faultOf, fuzzTargets, propertiesTarget } from './fuzz-targets.ts';

const targets = fuzzTargets();
const page = readFileSync(join(dirname(import.meta.dirname), 'docs', 'fuzzing.md'), 'utf8');

describe('a target of `npm run fuzz`', () => {
  it.each(targets)('$name has properties, each with a budget', ({ file, properties }) => {
    expect(properties).toBeGreaterThan(0);
    expect(budgetsIn(file)).toBe(properties);
  });

  it('is in both tables of docs/fuzzing.md, what it reads and what a run of it said, and nothing else is', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| '));
    const told = rows.filter((line) => line.startsWith('| `')).flatMap(namesIn);
    const ran = rows.filter((line) => /^\| [\w-]+ \| \d/.test(line)).map((line) => line.split(' ')[1]);
    const all = [...targets.map(({ name }) => name), propertiesTarget].toSorted();

    expect(told.toSorted()).toEqual(all);
    expect(ran.toSorted()).toEqual(all);
  });

  it.each([
    ['has no property', { properties: 0, ended: 0, status: 0 }, 'has no property: nothing was fuzzed'],
    ['gives a property no time', { properties: 5, ended: 3, status: 0 }, '2 of 5 properties took no budget'],
    ['fails where no property does', { properties: 5, ended: 5, status: 1 }, 'failed outside its properties'],
  ])('fails when it %s', (_what, run, fault) => {
    expect(faultOf({ ...run, failed: 0 })).toContain(fault);
  });

  it.each([
    ['each property had its time', { failed: 0, status: 0 }],
    ['a property failed, which counts by itself', { failed: 1, status: 1 }],
  ])('has no other fault when %s', (_what, run) => {
    expect(faultOf({ ...run, properties: 5, ended: 5 })).toBeNull();
  });
});

function namesIn(row: string): string[] {
  return [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}
