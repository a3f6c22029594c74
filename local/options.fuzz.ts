/** Properties of the command line of the local stack and of the settings that are read from the environment. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costEnvSchema } from '#aws/cost-env.ts';
import { awsConfigOf, awsEnvSchema, parseEnv } from '#aws/env.ts';
import { StartError } from '#core/errors.ts';
import { budget } from '#sim/fuzz-budget.ts';
import { parseStartOptions } from './options.ts';

const value = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom(
    '-1',
    '1e3',
    '0x10',
    '',
    ' ',
    'NaN',
    'Infinity',
    '1.5',
    '65536',
    '9'.repeat(400),
    '__proto__',
    '[]',
    '{}',
    'null',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const flag = fc.constantFrom(
  '--port',
  '--data',
  '--models',
  '--min-workers',
  '--max-workers',
  '--idle-timeout',
  '--no-first-job',
  '--nothing',
  '-x',
  '--',
  '--__proto__',
  '--constructor',
);
const args = fc.array(
  fc.oneof(
    flag,
    value,
    fc.tuple(flag, value).map(([name, text]) => `${name}=${text}`),
  ),
  { maxLength: 8 },
);

describe('the command line of the local stack', () => {
  it('gives options within their bounds, help, or one line that says what is wrong', () => {
    fc.assert(
      fc.property(args, (argv) => {
        let options: ReturnType<typeof parseStartOptions>;
        try {
          options = parseStartOptions(argv, '/work');
        } catch (error) {
          if (!(error instanceof StartError)) throw error;
          expect(error.code).toBe('invalid_arguments');
          return;
        }
        if (options === null) return;

        expect(Number.isInteger(options.port) && options.port >= 0 && options.port <= 65_535).toBe(true);
        expect(options.dataDir.startsWith('/')).toBe(true);
        expect(options.workersMin).toBeLessThanOrEqual(options.workersMax);
        expect(options.idleTimeoutMs).toBeGreaterThanOrEqual(1_000);
        expect(options.idleTimeoutMs).toBeLessThanOrEqual(86_400_000);
      }),
      budget(2_000),
    );
  });
});

describe('the environment', () => {
  const names = [...Object.keys(costEnvSchema.shape), ...Object.keys(awsEnvSchema.shape)];

  it('is read whole or refused as invalid, naming no value of it', () => {
    const canary = fc.stringMatching(/^canary-[a-z0-9]{12}$/);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.oneof(value, canary)), canary, (env, token) => {
        const given = { ...env, AWS_SECRET_ACCESS_KEY: token };
        for (const read of [
          () => parseEnv(costEnvSchema, given),
          () => awsConfigOf(parseEnv(awsEnvSchema, given)),
        ]) {
          try {
            read();
          } catch (error) {
            if (!(error instanceof StartError)) throw error;
            expect(error.code).toBe('invalid_environment');
            expect(error.message).not.toContain(token);
          }
        }
      }),
      budget(1_000),
    );
  });
});
