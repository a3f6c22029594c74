/** docs/assurance.md and its pages: what they name is there, and nothing that must have a row is left out. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultsOfRow, isCommand, rowsOf, staleWordsIn, titlesIn } from './proofs.ts';

const promises = rowsOf('docs/assurance.md');
const failures = rowsOf('docs/assurance/failure-modes.md');
const owasp = rowsOf('docs/assurance/owasp.md');

/** Requirements of levels 1 and 2 in each section of ASVS 5.0: they are numbered from 1, and those of level 3 follow. */
const asvs: Readonly<Record<string, number>> = {
  ...{
    '1.1': 2,
    '1.2': 9,
    '1.3': 11,
    '1.4': 3,
    '1.5': 2,
    '2.1': 3,
    '2.2': 3,
    '2.3': 4,
    '2.4': 1,
    '3.2': 2,
    '3.3': 4,
  },
  ...{
    '3.4': 6,
    '3.5': 5,
    '3.7': 2,
    '4.1': 3,
    '4.2': 1,
    '4.3': 2,
    '4.4': 4,
    '5.1': 1,
    '5.2': 3,
    '5.3': 2,
    '5.4': 3,
  },
  ...{
    '6.1': 3,
    '6.2': 12,
    '6.3': 4,
    '6.4': 4,
    '6.5': 5,
    '6.6': 3,
    '6.8': 4,
    '7.1': 3,
    '7.2': 4,
    '7.3': 2,
    '7.4': 5,
  },
  ...{
    '7.5': 2,
    '7.6': 2,
    '8.1': 2,
    '8.2': 3,
    '8.3': 1,
    '8.4': 1,
    '9.1': 3,
    '9.2': 4,
    '10.1': 2,
    '10.2': 2,
    '10.3': 4,
  },
  ...{
    '10.4': 11,
    '10.5': 5,
    '10.6': 2,
    '10.7': 3,
    '11.1': 2,
    '11.2': 3,
    '11.3': 3,
    '11.4': 4,
    '11.5': 1,
    '11.6': 1,
  },
  ...{
    '12.1': 3,
    '12.2': 2,
    '12.3': 4,
    '13.1': 1,
    '13.2': 5,
    '13.3': 2,
    '13.4': 5,
    '14.1': 2,
    '14.2': 4,
    '14.3': 3,
  },
  ...{
    '15.1': 3,
    '15.2': 3,
    '15.3': 7,
    '16.1': 1,
    '16.2': 5,
    '16.3': 4,
    '16.4': 3,
    '16.5': 3,
    '17.1': 1,
    '17.2': 4,
  },
  ...{ '17.3': 2 },
};

describe('the tables of assurance', () => {
  it('are found at all', () => {
    expect([promises.length > 20, failures.length, owasp.length > 80]).toEqual([true, 40, true]);
  });

  it('name tests, files and commands that are there, or say why there are none', () => {
    expect([...promises, ...failures, ...owasp].flatMap(faultsOfRow)).toEqual([]);
  });

  it.each(['docs/assurance.md', 'docs/assurance/failure-modes.md', 'docs/assurance/owasp.md'])(
    'and all else of %s say nothing that goes stale unnoticed',
    (file) => {
      expect(staleWordsIn(readFileSync(join(dirname(import.meta.dirname), file), 'utf8'))).toEqual([]);
    },
  );

  it('have a row for each of the forty failure modes', () => {
    expect(failures.map(({ cells }) => Number(cells['#']))).toEqual(
      Array.from({ length: 40 }, (_, at) => at + 1),
    );
  });

  it('have a row for each item of the two top tens', () => {
    const items = owasp.flatMap(({ cells }) => /^(?:API\d+|LLM\d+)/.exec(cells.item ?? '')?.[0] ?? []);

    expect(items).toEqual([
      ...Array.from({ length: 10 }, (_, at) => `API${at + 1}`),
      ...Array.from({ length: 10 }, (_, at) => `LLM${String(at + 1).padStart(2, '0')}`),
    ]);
  });

  it('have every requirement of ASVS 5.0 at levels 1 and 2, once, and no other', () => {
    const named = owasp.map(({ cells }) => cells.requirement ?? '').join('\n');
    const found = [...named.matchAll(/\b\d+\.\d+\.\d+\b/g)].map(([id]) => id);
    const chapters = new Set([...named.matchAll(/\bV(\d+)\b/g)].map(([, chapter]) => chapter));

    const all = Object.entries(asvs).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, at) => `${section}.${at + 1}`),
    );

    expect(all).toHaveLength(253);
    expect(all.filter((id) => !found.includes(id) && !chapters.has(id.split('.')[0]))).toEqual([]);
    expect(found.filter((id) => !all.includes(id))).toEqual([]);
    expect(new Set(found).size).toBe(found.length);
  });

  it('say of each item whether it applies, and excuse nothing else as not applicable', () => {
    const wrong = owasp.filter(({ cells }) => {
      const isExcused = (cells['shown by'] ?? '').startsWith('not applicable: ');
      return !['yes', 'partly', 'no'].includes(cells.applies ?? '') || isExcused !== (cells.applies === 'no');
    });

    expect(wrong.map(({ at }) => at)).toEqual([]);
  });
});

describe('a row would be caught', () => {
  const file = 'infra-tests/assurance.test.ts';
  it.each([
    ['whose test is gone', `\`${file}\`: "is no test of it"`, `${file} has no test "is no test of it"`],
    ['whose file is gone', '`core/gone.test.ts`: "anything"', 'there is no core/gone.test.ts'],
    ['that names a file and no test', `\`${file}\``, `names no test of ${file}`],
    ['whose command is gone', '`npm run gone`', 'there is no command npm run gone'],
    ['whose benchmark is gone', '`npm run bench -- gone`', 'there is no command npm run bench -- gone'],
    ['that says nothing', 'surely', 'says neither what shows it nor why nothing does'],
    [
      'that excuses itself without a reason',
      'not shown: ',
      'says neither what shows it nor why nothing does',
    ],
    [
      'that puts it off',
      'not shown: webhooks, which are not built yet',
      'says "yet", which goes stale unnoticed',
    ],
    [
      'by what is there',
      'not shown: roles, which need the CDK app',
      'says "the CDK app", which goes stale unnoticed',
    ],
    [
      'that hides what no machine of ours has',
      'not shown: ECS itself, which needs an account',
      '"ECS itself, which needs an account" is for "cannot be verified here"',
    ],
    [
      'that hides what nobody wrote',
      'cannot be verified here: a circuit breaker',
      '"a circuit breaker" does not say what is missing here',
    ],
  ])('%s', (_what, text, fault) => {
    expect(faultsOfRow({ at: 'here', cells: { 'shown by': text } })).toEqual([`here: ${fault}`]);
  });

  it.each([
    `\`${file}\`: "are found at all", "%s"`,
    '`npm run bench -- kills --kills 50`; `npm test`',
    'not shown: a circuit breaker, which is not built',
    'cannot be verified here: ECS itself, which needs an account',
    '`aws/past-versions.test.ts`: "holds a job that today takes out of its line, and a gate that takes it to its end"',
  ])('but not %s', (text) => {
    expect(faultsOfRow({ at: 'here', cells: { 'shown by': text } })).toEqual([]);
  });

  it('by the titles of other tests: those of Python, and those with quotes in them', () => {
    expect(titlesIn('infra-tests/contract/test_accepted.py')).toContain('test_every_rule_says_why');
    expect(titlesIn('aws/adapters.test.ts')).toContain("refuses another tenant's cursor");
    expect(isCommand('npx vitest run sim/model')).toBe(true);
    expect(isCommand('npx vitest run sim/gone')).toBe(false);
  });
});
