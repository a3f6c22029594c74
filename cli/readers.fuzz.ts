/** Properties of what the command line reads: a number in the unit that the API takes, or a usage error, never more. */
import { basename, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { durationSeconds, oneOf, pairs, wholeNumber } from './command.ts';
import { numberedPaths, ownPathOf } from './output-files.ts';
import { limitsOf, memoryGb, modelsOf } from './tenancy-input.ts';

const digits = fc.oneof(
  fc.nat().map(String),
  fc.stringMatching(/^[0-9]{1,400}$/),
  fc.constantFrom('0', '00', '-1', '+1', '1.5', '.5', '5.', '1e9', '0x10', 'Infinity', 'NaN', '٣'),
);
const units = fc.constantFrom('', 's', 'm', 'h', 'd', 'w', 'S', 'G', 'g', 'M', 'GB', 'mb', 'GiB', ' G', 'K');
const text = fc.oneof(
  fc.tuple(digits, units).map(([number, unit]) => number + unit),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('none', 'all', '', ' ', '\n', '__proto__', 'constructor'),
);

function orUsageError<T>(read: () => T): T | 'usage' {
  try {
    return read();
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.usage) return 'usage';
    throw error;
  }
}

describe('a duration', () => {
  it('is whole seconds, or refused', () => {
    fc.assert(
      fc.property(text, (given) => {
        const seconds = orUsageError(() => durationSeconds('deadline', given));
        if (seconds === 'usage') return;

        expect(seconds).toBeGreaterThanOrEqual(0);
        expect(Number.isSafeInteger(seconds)).toBe(true);
      }),
      budget(1_000),
    );
  });

  it('is its number in its unit', () => {
    const sizes = { s: 1, m: 60, h: 3_600, d: 86_400 };
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), fc.constantFrom('s', 'm', 'h', 'd'), (number, unit) => {
        expect(durationSeconds('deadline', `${number}${unit}`)).toBe(number * sizes[unit]);
        expect(durationSeconds('deadline', String(number))).toBe(number);
      }),
      budget(300),
    );
  });
});

describe('a size', () => {
  it('is a positive number of GB to the megabyte that JSON can hold, or refused', () => {
    fc.assert(
      fc.property(text, (given) => {
        const gb = orUsageError(() => memoryGb('gpu-memory', given));
        if (gb === 'usage') return;

        expect(gb).toBeGreaterThan(0);
        expect(JSON.parse(JSON.stringify(gb))).toBe(gb);
        expect(Math.round(gb * 1_000) / 1_000).toBe(gb);
      }),
      budget(1_000),
    );
  });

  it('is the same in both units', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (mb) => {
        expect(memoryGb('gpu-memory', `${mb}M`)).toBe(mb / 1_000);
        expect(memoryGb('gpu-memory', `${mb}GB`)).toBe(mb);
      }),
      budget(300),
    );
  });
});

describe('other values', () => {
  it('of a whole number are whole, or refused', () => {
    fc.assert(
      fc.property(text, (given) => {
        const number = orUsageError(() => wholeNumber('limit', given));

        if (number !== 'usage') expect(Number.isSafeInteger(number)).toBe(true);
      }),
      budget(1_000),
    );
  });

  it('of pairs keep every name and whole value, the last of a name given twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^[^=]{1,8}$/), text), { maxLength: 6 }), (given) => {
        const read = pairs(
          'metadata',
          given.map(([name, value]) => `${name}=${value}`),
        );

        expect(Object.entries(read).toSorted()).toEqual([...new Map(given)].toSorted());
        expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
      }),
      budget(500),
    );
  });

  it('of a limit are a finite number, a word or null, or refused', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z_]{1,12}$/), text, (name, value) => {
        const limits = orUsageError(() =>
          limitsOf({
            weight: undefined,
            'rpm-limit': undefined,
            'gpu-memory': undefined,
            quant: undefined,
            volume: undefined,
            isolation: undefined,
            set: [`${name}=${value}`],
          }),
        );
        if (limits === 'usage') return;

        expect(JSON.parse(JSON.stringify(limits))).toEqual(limits);
        expect(Object.keys(limits)).toEqual([name]);
      }),
      budget(1_000),
    );
  });

  it('of a choice are one of the choices, or refused', () => {
    fc.assert(
      fc.property(text, (given) => {
        const choice = orUsageError(() => oneOf('class', ['batch', 'interactive'], given));

        expect(choice === 'usage' || choice === given).toBe(true);
      }),
      budget(200),
    );
  });

  it('of a list of models lose none but the spaces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z0-9.-]{1,9}$/), { minLength: 1, maxLength: 5 }),
        (models) => {
          fc.pre(models.join() !== 'all' && models.join() !== 'none');

          expect(modelsOf(models.join(' , '))).toEqual(models);
        },
      ),
      budget(200),
    );
  });
});

describe('a file that is named after what the service says', () => {
  it('is a plain name in the current folder', () => {
    fc.assert(
      fc.property(
        fc.oneof(text, fc.constantFrom('../../etc/passwd', '/etc/passwd', '..', 'a\\b', '~', 'CON')),
        text,
        (jobId, type) => {
          const path = ownPathOf(jobId, type);

          expect(basename(path)).toBe(path);
          expect(resolve('/work', path)).toBe(`/work/${path}`);
          expect(path).toMatch(/^[A-Za-z0-9_-]*\.(png|jpg|webp|txt|json|bin)$/);
        },
      ),
      budget(1_000),
    );
  });

  it('has a name of its own for each of several, in the folder that was asked for', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z./-]{1,20}$/), fc.integer({ min: 2, max: 16 }), (path, count) => {
        fc.pre(!/(^|\/)\.{0,2}\/?$/.test(path));
        const paths = numberedPaths(path, count);

        expect(new Set(paths).size).toBe(count);
        for (const each of paths) expect(resolve('/work', each, '..')).toBe(resolve('/work', path, '..'));
      }),
      budget(500),
    );
  });
});
