/** Properties of a log line, whatever its fields hold: some of them come from a runner. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { createJsonLog } from './json-log.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '\n',
    '\r\n',
    '\u2028',
    '\u0000',
    '"}\n{"level":"error"}',
    '\u001b[2J',
    '\ud800',
    '__proto__',
    'time',
    'level',
    'event',
  ),
);
const value = fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined));
const fields = fc.dictionary(text, value, { maxKeys: 6 });

describe('a log line', () => {
  it('is one line of JSON that holds its fields, and no field replaces its time, level or event', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('info', 'warn', 'error'),
        text,
        fields,
        fields,
        (level, event, own, given) => {
          const lines: string[] = [];
          const log = createJsonLog({ nowMs: () => 0 }, own, (line) => lines.push(line));
          log[level](event, given);

          expect(lines).toHaveLength(1);
          const [line = ''] = lines;
          expect(line.indexOf('\n')).toBe(line.length - 1);
          const read = JSON.parse(line);
          const head = { time: '1970-01-01T00:00:00.000Z', level, event };
          expect(read).toEqual(JSON.parse(JSON.stringify({ ...own, ...given, ...head })));
        },
      ),
      budget(2_000),
    );
  });
});
